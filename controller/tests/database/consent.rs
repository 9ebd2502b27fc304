//! Agreeing, and what is remembered of it.

use crate::{
    people::{App, ORIGIN, PASSWORD, STATE, WEB, World, request},
    support::hold::Hold,
};

/// ISS-1, OA-14, A29: whoever agrees once lets in once.
#[tokio::test]
async fn a_consent_gives_one_code() {
    let world = World::start().await;
    let mut browser = world.browser();
    let path = request("web", &[("resource", "https://acme.test/mcp/files/")]);
    let page = world.sign_in(&mut browser, &path, "ada").await;
    assert_eq!(page.status, 200);
    for text in ["ada@acme.test", "app.test", "files", "Claude &#60;b&#62;"] {
        assert!(page.html.contains(text), "{text}: {}", page.html);
    }
    assert_eq!(world.count("authorization_codes").await, 0);
    let allow = [("decision", "allow")];
    let done = browser.fill(&page, "/consent", &allow).await;
    assert_eq!(done.status, 303);
    let (to, answer) = done.answer();
    assert_eq!(to, WEB);
    assert!(answer["code"].starts_with("aldc_"));
    assert_eq!(
        (answer["state"].as_str(), answer["iss"].as_str()),
        (STATE, ORIGIN)
    );
    assert_eq!(answer.len(), 3);

    let again = browser.fill(&page, "/consent", &allow).await;
    assert_eq!((again.status, again.location()), (403, None));
    assert_eq!(world.count("authorization_codes").await, 1);
    assert_eq!(world.count("login_transactions").await, 0);
    let mut sql = world.sql().await;
    let (grant, resources, scopes, origin): (String, Vec<String>, Vec<String>, String) =
        sqlx::query_as("SELECT grant_id::text, resources, scopes, redirect_origin FROM grants")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert_eq!(resources, ["https://acme.test/mcp/files"]);
    assert_eq!(
        (scopes, origin),
        (vec!["mcp".to_owned()], "https://app.test".to_owned())
    );
    let audited: (String, String) = sqlx::query_as(
        "SELECT actor, resource FROM audit_records WHERE action = 'oauth.authorize'",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(audited.0, "tenants/acme/users/ada");
    assert_eq!(audited.1, format!("tenants/acme/grants/{grant}"));
    assert!(!world.stack.log().contains(&answer["code"]));
}

/// REV-3: whoever agrees in a session that an operator ends in this moment lets nobody in.
#[tokio::test]
async fn a_consent_of_a_session_that_ends_gives_nothing() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = world
        .sign_in(&mut browser, &request("web", &[]), "ada")
        .await;
    let allow = [("decision", "allow")];
    let mut revoking = Hold::take(&world.stack, "SELECT FROM users FOR UPDATE").await;
    let (done, ()) = tokio::join!(browser.fill(&page, "/consent", &allow), async {
        Hold::is_awaited(&world.stack, 1).await;
        revoking.run("DELETE FROM browser_sessions").await;
        revoking.commit().await;
    });
    assert_eq!(done.status, 303);
    assert!(
        done.location()
            .unwrap()
            .starts_with(&format!("{ORIGIN}/login?"))
    );
    assert_eq!(world.count("grants").await, 0);

    // Signed in again, the same page lets in.
    let login = browser.follow(&done).await;
    let form = [("login", "ada@acme.test"), ("password", PASSWORD)];
    let done = browser.fill(&login, "/login", &form).await;
    let page = browser.follow(&done).await;
    let done = browser.fill(&page, "/consent", &allow).await;
    assert!(done.answer().1.contains_key("code"));
}

/// A29, A32, OA-10, OA-13: nothing but the form on our page lets anybody in.
#[tokio::test]
async fn a_consent_that_was_not_given_on_our_page_is_none() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = world
        .sign_in(&mut browser, &request("web", &[]), "ada")
        .await;
    let (t, csrf) = (page.field("t").unwrap(), page.field("csrf").unwrap());

    let get = browser
        .get(&format!("/consent?t={t}&csrf={csrf}&decision=allow"))
        .await;
    assert_eq!((get.status, get.location()), (200, None));
    for (csrf, decision) in [("", "allow"), ("x", "allow"), (csrf.as_str(), "maybe")] {
        let form = [("t", t.as_str()), ("csrf", csrf), ("decision", decision)];
        let page = browser.post("/consent", &form).await;
        assert!(matches!(page.status, 400 | 403), "{page:?}");
        assert_eq!(page.location(), None);
    }
    browser.lines = vec![("origin", "https://evil.test".to_owned())];
    let form = [("t", t.as_str()), ("csrf", &csrf), ("decision", "allow")];
    assert_eq!(browser.post("/consent", &form).await.status, 403);
    browser.lines.clear();

    // Somebody else, in another browser and in this one.
    let mut bob = world.signed_in("bob").await;
    assert_eq!(bob.post("/consent", &form).await.status, 403);
    world
        .sign_in(&mut browser, &request("web", &[("prompt", "login")]), "bob")
        .await;
    assert_eq!(browser.post("/consent", &form).await.status, 403);
    assert_eq!(world.count("grants").await, 0);

    let mut ada = world.browser();
    let page = world.sign_in(&mut ada, &request("web", &[]), "ada").await;
    ada.lines = vec![("origin", "null".to_owned())];
    let done = ada.fill(&page, "/consent", &[("decision", "allow")]).await;
    assert!(done.answer().1.contains_key("code"));
}

#[tokio::test]
async fn whoever_declines_is_sent_back_without_a_code() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = world
        .sign_in(&mut browser, &request("web", &[]), "ada")
        .await;
    let done = browser
        .fill(&page, "/consent", &[("decision", "deny")])
        .await;
    let (to, answer) = done.answer();
    assert_eq!(
        (to.as_str(), answer["error"].as_str()),
        (WEB, "access_denied")
    );
    assert_eq!(
        (answer["state"].as_str(), answer["iss"].as_str()),
        (STATE, ORIGIN)
    );
    assert!(!answer.contains_key("code"));
    let allow = browser
        .fill(&page, "/consent", &[("decision", "allow")])
        .await;
    assert_eq!((allow.status, allow.location()), (403, None));
    assert_eq!(world.count("grants").await, 0);
}

/// OA-11, A32: a client is let in unasked only where somebody vouches for it.
#[tokio::test]
async fn somebody_who_agreed_is_asked_again_unless_the_client_is_vouched_for() {
    let world = World::start().await;
    let trusted = App {
        id: "trusted",
        registration: "manual",
        trust: "trusted",
        redirect_uris: &["https://good.test/callback", "http://127.0.0.1/callback"],
    };
    world.client(trusted).await;
    let mut browser = world.signed_in("ada").await;
    let native = "http://127.0.0.1:5123/callback";
    for (client, uri) in [("web", WEB), ("native", native)] {
        let path = request(client, &[("redirect_uri", uri)]);
        for _ in 0..2 {
            let begun = browser.get(&path).await;
            let page = browser.follow(&begun).await;
            assert_eq!(page.status, 200, "{page:?}");
            let done = browser
                .fill(&page, "/consent", &[("decision", "allow")])
                .await;
            let (to, answer) = done.answer();
            assert_eq!(to, uri);
            assert!(answer.contains_key("code"));
        }
        let silent = request(client, &[("redirect_uri", uri), ("prompt", "none")]);
        let (_, answer) = browser.get(&silent).await.answer();
        assert_eq!(answer["error"], "consent_required");
    }

    let good = "https://good.test/callback";
    let path = request("trusted", &[("redirect_uri", good)]);
    let (to, answer) = browser.get(&path).await.answer();
    assert_eq!(to, good);
    assert!(answer.contains_key("code"));
    for (uri, prompt) in [(good, "consent"), (native, "")] {
        let path = request("trusted", &[("redirect_uri", uri), ("prompt", prompt)]);
        let begun = browser.get(&path).await;
        assert_eq!(browser.follow(&begun).await.status, 200, "{uri}");
    }
    let mut nobody = world.browser();
    let begun = nobody.get(&path).await;
    assert!(
        begun
            .location()
            .unwrap()
            .starts_with("https://acme.test/login")
    );
    let mut sql = world.sql().await;
    sqlx::query("UPDATE tenants SET oauth = '{\"alwaysAsk\": true}' WHERE slug = 'acme'")
        .execute(&mut sql)
        .await
        .unwrap();
    let begun = browser.get(&path).await;
    assert_eq!(browser.follow(&begun).await.status, 200);
}

/// OA-11, A26: a well-known client is let in again as far as somebody agreed, and while it sends people
/// where it sent them then.
#[tokio::test]
async fn a_consent_to_a_verified_client_is_remembered() {
    let world = World::start().await;
    let claude = "https://claude.ai/oauth/mcp-oauth-client-metadata";
    let back = ("redirect_uri", "https://claude.ai/api/mcp/auth_callback");
    let mut browser = world.browser();
    let page = world
        .sign_in(&mut browser, &request(claude, &[back]), "ada")
        .await;
    assert!(page.html.contains("Verified app"), "{page:?}");
    let done = browser
        .fill(&page, "/consent", &[("decision", "allow")])
        .await;
    assert!(done.answer().1.contains_key("code"));

    for params in [
        &[back][..],
        &[back, ("resource", "https://acme.test/mcp/files")],
        &[back, ("prompt", "none")],
    ] {
        let (_, answer) = browser.get(&request(claude, params)).await.answer();
        assert!(answer.contains_key("code"), "{params:?}");
    }
    let silent = request(claude, &[back, ("prompt", "none")]);
    let mut bob = world.signed_in("bob").await;
    let (_, answer) = bob.get(&silent).await.answer();
    assert_eq!(answer["error"], "consent_required");
    let wider = request(claude, &[back, ("prompt", "none"), ("scope", "mcp:read")]);
    let (_, answer) = browser.get(&wider).await.answer();
    assert_eq!(answer["error"], "consent_required");

    let mut sql = world.sql().await;
    let redirects: Vec<u8> = sqlx::query_scalar("SELECT redirects_sha256 FROM grants")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    for change in [
        "UPDATE grants SET redirects_sha256 = sha256('other')",
        "UPDATE grants SET consented_at = now() - interval '91 days'",
        "UPDATE grants SET revoked_at = now()",
    ] {
        sqlx::query(change).execute(&mut sql).await.unwrap();
        let (_, answer) = browser.get(&silent).await.answer();
        assert_eq!(answer["error"], "consent_required", "{change}");
        sqlx::query(
            "UPDATE grants SET redirects_sha256 = $1, consented_at = now(), revoked_at = NULL",
        )
        .bind(&redirects)
        .execute(&mut sql)
        .await
        .unwrap();
        let (_, answer) = browser.get(&silent).await.answer();
        assert!(answer.contains_key("code"), "{change}");
    }
}

/// A client that is blocked meanwhile, or gives its address up, gets nothing.
#[tokio::test]
async fn what_holds_of_a_client_is_looked_up_again_at_the_end() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = world
        .sign_in(&mut browser, &request("web", &[]), "ada")
        .await;
    let mut sql = world.sql().await;
    for (change, words) in [
        (
            "UPDATE oauth_clients SET trust = 'blocked' WHERE client_id = 'web'",
            "blocked",
        ),
        (
            "UPDATE oauth_clients SET trust = 'ask', metadata = metadata || \
             '{\"redirect_uris\": [\"https://other.test/\"]}' WHERE client_id = 'web'",
            "not registered",
        ),
    ] {
        sqlx::query(change).execute(&mut sql).await.unwrap();
        let done = browser
            .fill(&page, "/consent", &[("decision", "allow")])
            .await;
        assert_eq!((done.status, done.location()), (400, None));
        assert!(done.html.contains(words), "{done:?}");
    }
    assert_eq!(world.count("grants").await, 0);
}

/// The page says as whom one is signed in, and lets one be somebody else.
#[tokio::test]
async fn an_account_is_switched_on_the_way() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = world
        .sign_in(&mut browser, &request("web", &[]), "ada")
        .await;
    let login = browser.fill(&page, "/logout", &[]).await;
    let login = browser.follow(&login).await;
    assert_eq!(login.status, 200);
    let form = [("login", "bob@acme.test"), ("password", PASSWORD)];
    let done = browser.fill(&login, "/login", &form).await;
    let consent = browser.follow(&done).await;
    assert!(consent.html.contains("bob@acme.test"));
    let done = browser
        .fill(&consent, "/consent", &[("decision", "allow")])
        .await;
    assert!(done.answer().1.contains_key("code"));
}

/// Only administrators let the command line in to the admin API.
#[tokio::test]
async fn administration_is_given_by_administrators_alone() {
    let world = World::start().await;
    let redirect = ("redirect_uri", "http://127.0.0.1:5123/callback");
    let path = request("aldgate-cli", &[redirect, ("scope", "aldgate:admin")]);
    let mut sql = world.sql().await;
    for (role, key) in [("none", "error"), ("admin", "code")] {
        sqlx::query("UPDATE users SET admin_role = $1 WHERE slug = 'ada'")
            .bind(role)
            .execute(&mut sql)
            .await
            .unwrap();
        let mut browser = world.browser();
        let page = world.sign_in(&mut browser, &path, "ada").await;
        let done = browser
            .fill(&page, "/consent", &[("decision", "allow")])
            .await;
        assert!(done.answer().1.contains_key(key), "{role}: {done:?}");
    }
}
