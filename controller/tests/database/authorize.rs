//! What an app's request must be to lead to anything.

use crate::people::{ORIGIN, STATE, WEB, World, request};

/// A1, A2, A3, A4, OA-01, OA-03, OA-04, OA-13, AUTHZ-2: who asks wrongly is sent nowhere.
#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_the_clients() {
    let world = World::start().await;
    let mut browser = world.browser();
    for good in [
        request("web", &[]),
        request("web", &[("redirect_uri", WEB)]),
        request(
            "native",
            &[("redirect_uri", "http://127.0.0.1:5123/callback")],
        ),
    ] {
        let page = browser.get(&good).await;
        let login = page.location().unwrap();
        assert!(login.starts_with("https://acme.test/login?t="), "{login}");
    }
    for uri in [
        "https://evil.test/callback",
        "https://app.test.evil.test/callback",
        "https://app.test@evil.test/callback",
        "https://app.test\\@evil.test/callback",
        "https://app.test/callback/../x",
        "https://app.test/%2e%2e/callback",
        "https://app.test//callback",
        "https://app.test/Callback",
        "https://app.test/callback?x=1",
        "https://app.test/callback#x",
        "https://app.test:8443/callback",
        "https://app.test./callback",
        "http://app.test/callback",
        "https://app.test/call\tback",
        "javascript:alert(1)",
    ] {
        let page = browser.get(&request("web", &[("redirect_uri", uri)])).await;
        assert_eq!((page.status, page.location()), (400, None), "{uri}");
        assert!(page.html.contains("remove this server and add it again"));
        // The same as a form, and with an error that would be told by redirect.
        let denied = request("web", &[("redirect_uri", uri), ("prompt", "none")]);
        let form = denied.split_once('?').unwrap().1;
        let form: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).collect();
        let form: Vec<_> = form.iter().map(|(k, v)| (&**k, &**v)).collect();
        let page = browser.post("/authorize", &form).await;
        assert_eq!((page.status, page.location()), (400, None), "{uri}");
    }
    for uri in [
        "http://127.0.0.1.evil/callback",
        "http://127.1/callback",
        "http://0.0.0.0/callback",
        "http://localhost/callback",
        "http://localhost@evil/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "http://127.0.0.1:5123/other",
        "http://127.0.0.1:5123/callback?x",
    ] {
        let page = browser
            .get(&request("native", &[("redirect_uri", uri)]))
            .await;
        assert_eq!((page.status, page.location()), (400, None), "{uri}");
    }
    let page = browser
        .get(&request("nobody", &[("redirect_uri", WEB)]))
        .await;
    assert_eq!((page.status, page.location()), (400, None));
    assert!(page.html.contains("remove this server and add it again"));
}

/// A6, AUTHZ-3, OA-23.
#[tokio::test]
async fn what_is_there_twice_or_too_large_leads_nowhere() {
    let world = World::start().await;
    let mut browser = world.browser();
    let good = request("web", &[]);
    assert_eq!(browser.get(&good).await.status, 303);
    for (more, status) in [
        ("&client_id=web", 400),
        (
            "&redirect_uri=https://app.test/callback&redirect_uri=x:y",
            400,
        ),
        ("&state=2", 400),
        ("&scope=mcp&scope=mcp", 400),
        ("&nonce=%00", 400),
    ] {
        let page = browser.get(&format!("{good}{more}")).await;
        assert_eq!((page.status, page.location()), (status, None), "{more}");
    }
    let page = browser
        .get(&format!("{good}&nonce={}", "x".repeat(33 << 10)))
        .await;
    assert_eq!((page.status, page.location()), (413, None));
    let page = browser.post(&good, &[("client_id", "web")]).await;
    assert_eq!((page.status, page.location()), (400, None));
    let two = "&resource=https://acme.test/mcp/a&resource=https://acme.test/mcp/b";
    assert_eq!(browser.get(&format!("{good}{two}")).await.status, 303);
}

/// A5, A7, A11, OA-05, OA-14, OA-22, ISS-1, AUTHZ-1, AUTHZ-4, RES-2.
#[tokio::test]
async fn whatever_else_is_wrong_the_client_is_told_at_its_address() {
    let world = World::start().await;
    let mut browser = world.browser();
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_mode", "form_post", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("resource", "https://beta.test/mcp", "invalid_target"),
        ("resource", "urn:aldgate:admin", "invalid_target"),
        ("scope", "aldgate:admin", "invalid_scope"),
        ("scope", "bogus", "invalid_scope"),
        ("prompt", "none", "login_required"),
    ] {
        let page = browser.get(&request("web", &[(name, value)])).await;
        assert_eq!(page.status, 303, "{name}={value}");
        let (to, answer) = page.answer();
        assert_eq!(to, WEB);
        assert_eq!(answer["error"], error, "{name}={value}");
        assert_eq!(answer["state"], STATE);
        assert_eq!(answer["iss"], ORIGIN);
        assert!(answer["error_description"].is_ascii());
        assert!(!answer.contains_key("code"));
    }
    let long = "s".repeat(4096);
    let page = browser
        .get(&request("web", &[("state", &long), ("prompt", "none")]))
        .await;
    assert_eq!(page.answer().1["state"], long);
    let unsaid = browser
        .get(&request("web", &[("state", ""), ("prompt", "none")]))
        .await;
    assert!(!unsaid.answer().1.contains_key("state"));
    assert_eq!(world.count("grants").await, 0);
}

/// AUTHZ-6: a form works as well, and so does the address that the tenant had before.
#[tokio::test]
async fn a_form_and_an_alias_lead_to_the_same_page() {
    let world = World::start().await;
    let good = request("web", &[]);
    let form = url::form_urlencoded::parse(good.split_once('?').unwrap().1.as_bytes());
    let form: Vec<_> = form.collect();
    let form: Vec<_> = form.iter().map(|(k, v)| (&**k, &**v)).collect();

    let mut browser = world.browser();
    // From another site the first time: without cookies.
    let again = browser.post("/authorize", &form).await;
    let again = browser.follow(&again).await;
    assert!(
        again
            .location()
            .unwrap()
            .starts_with("https://acme.test/login?t=")
    );
    let direct = browser.post("/authorize", &form).await;
    assert!(
        direct
            .location()
            .unwrap()
            .starts_with("https://acme.test/login?t=")
    );

    world
        .admin
        .move_tenant("acme", &["http://old.test"])
        .await
        .unwrap();
    let mut old = world.browser();
    old.origin = "http://old.test".to_owned();
    for path in [good.as_str(), "/connections", "/device?user_code=BCDF"] {
        let page = old.get(path).await;
        let canonical = format!("{ORIGIN}{path}");
        assert_eq!(
            (page.status, page.location()),
            (302, Some(canonical.as_str()))
        );
        assert!(page.cookies().is_empty());
    }
    let page = old.post("/authorize", &form).await;
    let to = page.location().unwrap();
    assert!(
        to.starts_with("https://acme.test/authorize?client_id=web&"),
        "{to}"
    );
    let page = old.post("/login", &[]).await;
    assert_eq!((page.status, page.location()), (403, None));

    // A34: there is nothing at an address that nobody has.
    let mut nowhere = world.browser();
    nowhere.origin = "https://evil.test".to_owned();
    let page = nowhere.get(&good).await;
    assert_eq!((page.status, page.location()), (404, None));
}

/// RFC 9110 §9.3.2: at an alias, too, where nothing begins.
#[tokio::test]
async fn the_head_of_a_page_says_what_the_page_does() {
    let world = World::start().await;
    let alias = "http://old.test";
    world.admin.move_tenant("acme", &[alias]).await.unwrap();
    let asked = request("web", &[]);
    for origin in [ORIGIN, alias] {
        let mut browser = world.browser();
        browser.origin = origin.to_owned();
        for path in [asked.as_str(), "/connections", "/device", "/login", "/jwks"] {
            let page = browser.get(path).await;
            let head = browser.head(path).await;
            let [page_at, head_at] = [&page, &head].map(|answer| {
                // A login's id is new each time.
                let to = answer.location().and_then(|to| to.split("?t=").next());
                (answer.status, to.map(str::to_owned))
            });
            assert_eq!(head_at, page_at, "{origin}{path}");
            assert_eq!(head.header("content-type"), page.header("content-type"));
            assert_eq!(head.html, "");
        }
        // An alias gives none away: they would be of no use at the canonical origin.
        assert_eq!(browser.cookies.is_empty(), origin == alias);
    }
}
