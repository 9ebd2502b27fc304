//! Signing in.

use crate::{
    people::{PASSWORD, World, request},
    support::visitor::Visitor,
};

/// A31, A37: cookies are the host's own, are not for scripts, and a login makes a new one.
#[tokio::test]
async fn a_login_makes_a_session_of_its_own() {
    let world = World::start().await;
    let mut browser = world.browser();
    let begun = browser.get("/connections").await;
    let attributes = "; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure";
    let [cookie] = begun.cookies()[..] else {
        panic!("{begun:?}");
    };
    assert!(cookie.starts_with("__Host-aldgate_browser="), "{cookie}");
    assert!(cookie.ends_with(attributes), "{cookie}");

    // A session cookie from before, chosen by somebody else, is not what signs in.
    let planted = "A".repeat(43);
    let name = "__Host-aldgate_session".to_owned();
    browser.cookies.insert(name.clone(), planted.clone());
    let login = browser.follow(&begun).await;
    assert_eq!(login.status, 200);
    let form = [("login", "ada@acme.test"), ("password", PASSWORD)];
    let done = browser.fill(&login, "/login", &form).await;
    assert_eq!(
        (done.status, done.location()),
        (303, Some("https://acme.test/connections"))
    );
    let cookies = done.cookies();
    assert!(
        cookies[0].starts_with("__Host-aldgate_session="),
        "{cookies:?}"
    );
    assert!(cookies[0].ends_with(attributes), "{cookies:?}");
    let first = browser.cookies[&name].clone();
    assert_ne!(first, planted);
    assert_eq!(browser.get("/connections").await.status, 200);

    // The next login of this browser ends the session before.
    let page = world
        .sign_in(&mut browser, &request("web", &[("prompt", "login")]), "ada")
        .await;
    assert!(page.html.contains("ada@acme.test"), "{page:?}");
    assert_ne!(browser.cookies[&name], first);
    let mut before = world.browser();
    before.cookies.insert(name, first);
    assert_eq!(before.get("/connections").await.status, 303);
    assert_eq!(world.count("browser_sessions").await, 1);

    let mut sql = world.sql().await;
    let recorded: Vec<(String, String)> =
        sqlx::query_as("SELECT actor, resource FROM audit_records WHERE action = 'users.signIn'")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    let ada = "tenants/acme/users/ada".to_owned();
    assert_eq!(recorded, [(ada.clone(), ada.clone()), (ada.clone(), ada)]);
    let log = world.stack.log();
    assert!(!log.contains(PASSWORD));
    for secret in browser.cookies.values() {
        assert!(!log.contains(secret));
    }
}

/// A29, OA-10, OA-19: a login is the browser's that began it, and its form is ours.
#[tokio::test]
async fn a_login_that_another_browser_began_is_refused() {
    let world = World::start().await;
    let mut browser = world.browser();
    let begun = browser.get(&request("web", &[])).await;
    let login = browser.follow(&begun).await;
    assert_eq!(login.status, 200);
    let path = begun
        .location()
        .unwrap()
        .strip_prefix("https://acme.test")
        .unwrap();
    let (t, csrf) = (login.field("t").unwrap(), login.field("csrf").unwrap());
    let form = |t: &str, csrf: &str| {
        [
            ("t", t.to_owned()),
            ("csrf", csrf.to_owned()),
            ("login", "ada@acme.test".to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
    };
    let post = async |browser: &mut Visitor<'_>, t: &str, csrf: &str| {
        let form = form(t, csrf);
        let form: Vec<_> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        browser.post("/login", &form).await
    };

    let mut other = world.browser();
    other.get(&request("web", &[])).await;
    let page = other.get(path).await;
    assert_eq!((page.status, page.location()), (403, None));
    let page = post(&mut other, &t, &csrf).await;
    assert_eq!((page.status, page.location()), (403, None));
    assert!(page.cookies().is_empty());
    let mut bare = world.browser();
    assert_eq!(post(&mut bare, &t, &csrf).await.status, 403);

    for wrong in ["", "x", &csrf[1..]] {
        let page = post(&mut browser, &t, wrong).await;
        assert_eq!((page.status, page.location()), (403, None), "{wrong}");
    }
    for (origin, status) in [
        ("https://evil.test", 403),
        ("https://acme.test.evil.test", 403),
        ("null", 303),
        ("https://acme.test", 303),
    ] {
        browser.lines = vec![("origin", origin.to_owned())];
        assert_eq!(
            post(&mut browser, &t, &csrf).await.status,
            status,
            "{origin}"
        );
    }
    for gone in ["x", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(post(&mut browser, gone, &csrf).await.status, 403, "{gone}");
    }
}

/// A40, A35: every wrong guess looks the same, and what was typed is shown as text.
#[tokio::test]
async fn a_wrong_password_is_told_and_nobody_is_signed_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let begun = browser.get("/connections").await;
    let login = browser.follow(&begun).await;
    for name in ["ada@acme.test", "nobody", "\"><script>x</script>"] {
        let form = [("login", name), ("password", "wrong password")];
        let page = browser.fill(&login, "/login", &form).await;
        assert_eq!((page.status, page.location()), (403, None), "{name}");
        assert!(page.html.contains("do not match"), "{page:?}");
        assert!(!page.html.contains("<script>"));
        assert!(page.cookies().is_empty());
    }
    let good = [("login", "ADA@acme.test"), ("password", PASSWORD)];
    assert_eq!(browser.fill(&login, "/login", &good).await.status, 303);
    assert_eq!(world.count("browser_sessions").await, 1);
}

/// A30, A35, A36, OA-10, BCP-6, BCP-8.
#[tokio::test]
async fn pages_keep_to_themselves() {
    let world = World::start().await;
    let mut browser = world.browser();
    let begun = browser.get(&request("web", &[])).await;
    let page = browser.follow(&begun).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(
        policy.contains("form-action 'self' https://app.test"),
        "{policy}"
    );
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    assert_eq!(page.header("access-control-allow-origin"), None);
    // The name that the client gave itself.
    assert!(!page.html.contains("<b>"), "{page:?}");
}

/// OA-21: a login leads to our own pages and nowhere else.
#[tokio::test]
async fn nobody_can_name_the_place_where_a_login_leads() {
    let world = World::start().await;
    let ours = (303, Some("https://acme.test/connections"));
    for target in ["https://evil.test", "//evil.test", "/\\evil.test"] {
        for name in ["return_to", "next", "redirect", "redirect_uri"] {
            let named = |path: &str| {
                let mut query = url::form_urlencoded::Serializer::new(path.to_owned());
                query.append_pair(name, target).finish()
            };
            let mut browser = world.browser();
            let path = named("/login?");
            let page = browser.get(&path).await;
            assert_eq!((page.status, page.location()), ours, "{path}");
            // Nor on the way: at the beginning, on the page, and in its form.
            let begun = browser.get(&named("/connections?")).await;
            let (_, login) = begun.location().unwrap().split_once("acme.test").unwrap();
            let login = browser.get(&named(&format!("{login}&"))).await;
            assert_eq!(login.status, 200, "{path}");
            let form = [
                ("login", "ada@acme.test"),
                ("password", PASSWORD),
                (name, target),
            ];
            let done = browser.fill(&login, &path, &form).await;
            assert_eq!((done.status, done.location()), ours, "{path}");
        }
        let mut query = url::form_urlencoded::Serializer::new("/login?".to_owned());
        let path = query.append_pair("t", target).finish();
        let page = world.browser().get(&path).await;
        assert_eq!((page.status, page.location()), (403, None), "{path}");
    }
    let mut browser = world.browser();
    let code = "/device?user_code=%2F%2Fevil.test%3F";
    let page = world.sign_in(&mut browser, code, "ada").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.field("user_code").as_deref(), Some("//evil.test?"));
}

/// One network that begins logins without end drives out its own, and so do many that fill a tenant:
/// nobody is kept out, and what others have begun stays.
#[tokio::test]
async fn logins_under_way_are_bounded() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.peer = "192.0.2.0:1".to_owned();
    fill(&world, "192.0.2.", 1, 600).await;
    let begun = browser.get("/connections").await;
    assert_eq!(begun.status, 303);
    assert_eq!(world.count("login_transactions").await, 500);

    let mut sql = world.sql().await;
    let none = sqlx::query("DELETE FROM login_transactions");
    none.execute(&mut sql).await.unwrap();
    fill(&world, "203.0.113.", 1, 1).await;
    fill(&world, "198.51.100.", 40, 20_000).await;
    let begun = browser.get("/connections").await;
    assert_eq!(begun.status, 303);
    assert_eq!(browser.follow(&begun).await.status, 200);
    assert_eq!(world.count("login_transactions").await, 20_001 - 50 + 1);
    let others = "SELECT count(*) FROM login_transactions WHERE network = '203.0.113.0'";
    let others: i64 = sqlx::query_scalar(others)
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(others, 1, "who has begun few goes on");
}

/// Whoever begins logins without end has to wait, and nobody else.
#[tokio::test]
async fn a_network_that_begins_logins_without_end_gets_slow() {
    let world = World::start().await;
    let mut browser = world.browser();
    let mut begun = 0;
    let slow = loop {
        let page = browser.get("/connections").await;
        if page.status != 303 {
            break page;
        }
        begun += 1;
        assert!(begun < 1000, "nothing stops it");
    };
    assert!(begun >= 240, "{begun}");
    assert_eq!(slow.status, 429);
    assert!(slow.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert!(
        slow.html.contains("Too many people are signing in"),
        "{slow:?}"
    );
    browser.peer = "192.0.2.8:4711".to_owned();
    assert_eq!(browser.get("/connections").await.status, 303);
}

/// Logins that others have begun, a minute ago, from so many networks.
async fn fill(world: &World, prefix: &str, networks: i32, rows: i32) {
    sqlx::query(
        "INSERT INTO login_transactions (
             tenant_id, transaction_id, browser_sha256, network, request, created_at, expires_at
         )
         SELECT tenant_id, gen_random_uuid(), sha256('x'), $1 || (n % $2)::text, '\"connections\"',
                now() - interval '1 min', now() + interval '10 min'
         FROM tenants, generate_series(1, $3) n WHERE slug = 'acme'",
    )
    .bind(prefix)
    .bind(networks)
    .bind(rows)
    .execute(&mut world.sql().await)
    .await
    .unwrap();
}
