//! Connections and devices.

use token::sha256_of;

use crate::{
    people::{World, request},
    support::visitor::{Page, Visitor},
};

#[tokio::test]
async fn a_user_sees_and_ends_what_is_connected() {
    let world = World::start().await;
    let mut browser = world.browser();
    for client in ["web", "web"] {
        let mut other = world.browser();
        let page = world
            .sign_in(&mut other, &request(client, &[]), "ada")
            .await;
        let done = other
            .fill(&page, "/consent", &[("decision", "allow")])
            .await;
        assert!(done.answer().1.contains_key("code"));
    }
    let page = world.sign_in(&mut browser, "/connections", "ada").await;
    assert_eq!(
        page.html.matches("name=\"grant\"").count(),
        3,
        "{}",
        page.html
    );
    assert!(page.html.contains("app.test"));
    let grant = page.field("grant").unwrap();

    // Not for somebody else, and not without the form.
    let mut bob = world.signed_in("bob").await;
    let his = bob.get("/connections").await;
    // His form is in order, so that it is the grant alone that is not his.
    let done = bob
        .fill(&his, "/connections/disconnect", &[("grant", &grant)])
        .await;
    assert_eq!(done.status, 303);
    assert!(!bob.follow(&done).await.html.contains("Disconnected"));
    let post = browser
        .post("/connections/disconnect", &[("grant", &grant)])
        .await;
    assert_eq!(post.status, 403);
    assert_eq!(live(&world).await, 2);

    let done = browser
        .fill(&page, "/connections/disconnect", &[("grant", &grant)])
        .await;
    assert_eq!(done.status, 303);
    assert_eq!(live(&world).await, 1);
    assert!(browser.follow(&done).await.html.contains("Disconnected"));
    browser
        .fill(&page, "/connections/disconnect", &[("grant", "all")])
        .await;
    assert_eq!(live(&world).await, 0);
    let mut sql = world.sql().await;
    let revoked: i64 = sqlx::query_scalar("SELECT count(*) FROM revocations WHERE kind = 'grant'")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(revoked, 2);
    let records: Vec<String> = sqlx::query_scalar(
        "SELECT resource FROM audit_records WHERE action = 'grants.revoke' ORDER BY record_id",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let one = format!("tenants/acme/grants/{grant}");
    assert_eq!(records, [one, "tenants/acme/users/ada/grants".to_owned()]);
}

#[tokio::test]
async fn a_session_ends_with_its_logout_and_with_its_user() {
    let world = World::start().await;
    let mut browser = world.signed_in("ada").await;
    let page = browser.get("/connections").await;
    assert_eq!(browser.post("/logout", &[]).await.status, 403);
    let kept = browser.cookies.clone();
    let done = browser.fill(&page, "/logout", &[]).await;
    assert_eq!(done.status, 200);
    assert!(done.cookies()[0].starts_with("__Host-aldgate_session=; Path=/; Max-Age=0;"));
    browser.cookies = kept;
    assert_eq!(browser.get("/connections").await.status, 303);

    let mut sql = world.sql().await;
    for change in [
        "UPDATE users SET disabled = true WHERE slug = 'bob'",
        "UPDATE browser_sessions SET last_seen_at = now() - interval '13 hours'",
        "UPDATE browser_sessions SET expires_at = now()",
    ] {
        let mut bob = world.signed_in("bob").await;
        assert_eq!(bob.get("/connections").await.status, 200);
        sqlx::query(change).execute(&mut sql).await.unwrap();
        assert_eq!(bob.get("/connections").await.status, 303, "{change}");
        sqlx::query("UPDATE users SET disabled = false")
            .execute(&mut sql)
            .await
            .unwrap();
    }
}

/// A38: a link decides nothing, and a code is confirmed by who is signed in.
#[tokio::test]
async fn a_device_is_connected_by_who_types_its_code() {
    let world = World::start().await;
    for (code, decision, state) in [
        ("BCDF-GHJK", "allow", "approved"),
        ("LMNP-QRST", "deny", "denied"),
    ] {
        device(&world, code).await;
        let mut browser = world.browser();
        let link = format!("/device?user_code={code}&decision=allow");
        let page = world.sign_in(&mut browser, &link, "ada").await;
        assert_eq!(page.field("user_code").as_deref(), Some(code));
        assert_eq!(states(&world, code).await, "pending");
        let spaced = code.to_lowercase().replace('-', " ");
        let confirm = browser
            .fill(&page, "/device", &[("user_code", &spaced)])
            .await;
        assert_eq!(confirm.status, 200, "{confirm:?}");
        for text in [
            "ada@acme.test",
            "198.51.100.9",
            "Only continue if you started this",
        ] {
            assert!(confirm.html.contains(text), "{text}");
        }
        assert_eq!(states(&world, code).await, "pending");
        let form = [("user_code", spaced.as_str()), ("decision", decision)];
        let plain = browser.post("/device", &form).await;
        assert_eq!(plain.status, 403);
        let done = browser.fill(&confirm, "/device", &form).await;
        assert_eq!((done.status, done.location()), (200, None));
        assert_eq!(states(&world, code).await, state);
        let again = browser.fill(&confirm, "/device", &form).await;
        assert_eq!(again.status, 422);
    }
}

/// A38: who guesses gets slower, and a right code does not help while they wait.
#[tokio::test]
async fn codes_are_tried_slowly() {
    let world = World::start().await;
    device(&world, "BCDF-GHJK").await;
    let mut browser = world.signed_in("ada").await;
    let page = browser.get("/device").await;
    for _ in 0..5 {
        let wrong = guess(&mut browser, &page, "ZZZZ-ZZZZ").await;
        assert_eq!(wrong.status, 422, "{wrong:?}");
    }
    let slow = guess(&mut browser, &page, "BCDF-GHJK").await;
    assert_eq!(slow.status, 429);
    assert!(slow.header("retry-after").is_some());
    let mut bob = world.signed_in("bob").await;
    let page = bob.get("/device").await;
    assert_eq!(guess(&mut bob, &page, "BCDF-GHJK").await.status, 200);
}

async fn guess(browser: &mut Visitor<'_>, page: &Page, code: &str) -> Page {
    browser.fill(page, "/device", &[("user_code", code)]).await
}

/// A device that waits for somebody to type this.
async fn device(world: &World, code: &str) {
    sqlx::query(
        "INSERT INTO device_codes (
             tenant_id, device_sha256, user_code_sha256, client_uid, resources, scopes, peer, expires_at
         )
         SELECT tenant_id, sha256($1), $1, client_uid, '{https://acme.test/mcp}', '{mcp}',
                '198.51.100.9', now() + interval '10 minutes'
         FROM oauth_clients WHERE client_id = 'native'",
    )
    .bind(sha256_of(&code.replace('-', "")).as_slice())
    .execute(&mut world.sql().await)
    .await
    .unwrap();
}

async fn states(world: &World, code: &str) -> String {
    sqlx::query_scalar("SELECT state FROM device_codes WHERE user_code_sha256 = $1")
        .bind(sha256_of(&code.replace('-', "")).as_slice())
        .fetch_one(&mut world.sql().await)
        .await
        .unwrap()
}

async fn live(world: &World) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM grants WHERE revoked_at IS NULL")
        .fetch_one(&mut world.sql().await)
        .await
        .unwrap()
}
