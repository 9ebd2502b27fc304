//! Tokens of clients that act for themselves, and of devices.

use uuid::Uuid;

use super::world::{CREDENTIALS, DEVICE, INVALID_GRANT, ISSUER, World, error, text};

/// RFC 6749 §4.4: no refresh token, and the client's own roles.
#[tokio::test]
async fn a_registered_client_with_a_secret_acts_for_itself() {
    let world = World::start().await;
    let form = [("grant_type", CREDENTIALS), ("scope", "mcp")];
    let answer = world.post_as_svc("/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.get("refresh_token").is_none());
    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!((&*token.subject, &*token.username), ("svc", "clients/svc"));
    assert_eq!(token.roles.as_ref(), [Box::<str>::from("robot")]);
    assert_eq!(token.grant, None);

    let wrong = [("authorization", "Basic c3ZjOndyb25n")];
    let answer = world.post_at(ISSUER, "/token", &wrong, &form).await;
    assert_eq!(error(&answer), (401, "invalid_client"));
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic")
    );
    for (more, refusal) in [
        (("scope", "aldgate:admin"), (400, "invalid_scope")),
        (("resource", "urn:aldgate:admin"), (400, "invalid_target")),
        (
            ("resource", "http://beta.test/mcp"),
            (400, "invalid_target"),
        ),
    ] {
        let form = [("grant_type", CREDENTIALS), more];
        assert_eq!(error(&world.post_as_svc("/token", &form).await), refusal);
    }
}

/// RFC 8628 §3.5: wait, slow down, and then tokens, once.
#[tokio::test]
async fn a_device_waits_for_its_user() {
    let mut world = World::start().await;
    let (device, user_code) = ask(&world).await;
    assert_eq!(user_code.len(), 9);
    let poll = async |world: &World, client| {
        let form = [
            ("grant_type", DEVICE),
            ("client_id", client),
            ("device_code", device.as_str()),
        ];
        world.post("/token", &form).await
    };
    assert_eq!(error(&poll(&world, "other").await), INVALID_GRANT);
    assert_eq!(
        error(&poll(&world, "app").await),
        (400, "authorization_pending")
    );
    assert_eq!(error(&poll(&world, "app").await), (400, "slow_down"));
    let interval: i32 = sqlx::query_scalar("SELECT interval_secs FROM device_codes")
        .fetch_one(&mut world.sql)
        .await
        .unwrap();
    assert_eq!(interval, 10);
    approve(&mut world).await;
    let answer = poll(&world, "app").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let refresh = text(&answer.body, "refresh_token");
    assert_eq!(world.refresh("app", refresh, &[]).await.status, 200);
    assert_eq!(error(&poll(&world, "app").await), INVALID_GRANT);

    for (statement, refusal) in [
        (
            "UPDATE device_codes SET state = 'denied', grant_id = NULL",
            "access_denied",
        ),
        (
            "UPDATE device_codes SET state = 'pending', expires_at = now() - interval '1 s'",
            "expired_token",
        ),
    ] {
        world.sql(statement).await;
        assert_eq!(error(&poll(&world, "app").await), (400, refusal));
    }
}

/// A38: codes stay rare, and one network takes them from nobody else.
#[tokio::test]
async fn one_network_asks_for_so_many_device_codes_and_no_more() {
    let world = World::start().await;
    for _ in 0..20 {
        ask(&world).await;
    }
    let form = [("client_id", "app")];
    let answer = world.post("/device_authorization", &form).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    let address = world.stack.auth_address();
    let node = world.stack.sign("spiffe://aldgate/pool/default/node/gw-1");
    let lines = [
        ("aldgate-origin", ISSUER),
        ("aldgate-peer", "198.51.100.7:1"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let line = "POST /device_authorization";
    let stack = &world.stack;
    let answer = crate::support::gateway::exchange_at(
        stack,
        address,
        Some(&node),
        line,
        &lines,
        "client_id=app",
    )
    .await
    .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The admin API is for our own client, which every tenant has.
#[tokio::test]
async fn our_own_client_asks_for_the_admin_api_and_nobody_elses() {
    let world = World::start().await;
    let admin = [
        ("scope", "aldgate:admin"),
        ("resource", "urn:aldgate:admin"),
    ];
    let form = [[("client_id", "aldgate-cli")].as_slice(), &admin].concat();
    let answer = world.post("/device_authorization", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let form = [[("client_id", "app")].as_slice(), &admin].concat();
    let answer = world.post("/device_authorization", &form).await;
    assert_eq!(error(&answer), (400, "invalid_target"));
    let form = [("client_id", "svc")];
    assert_eq!(world.post("/device_authorization", &form).await.status, 401);
}

async fn ask(world: &World) -> (String, String) {
    let answer = world
        .post("/device_authorization", &[("client_id", "app")])
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["expires_in"], 600);
    assert_eq!(answer.body["interval"], 5);
    let page = "http://acme.test:8080/device";
    assert_eq!(answer.body["verification_uri"], page);
    let user_code = text(&answer.body, "user_code").to_owned();
    let complete = format!("{page}?user_code={user_code}");
    assert_eq!(answer.body["verification_uri_complete"], *complete);
    (text(&answer.body, "device_code").to_owned(), user_code)
}

/// What the page does.
async fn approve(world: &mut World) {
    let grant: Uuid = world.grant("app", &["mcp"]).await;
    sqlx::query("UPDATE device_codes SET state = 'approved', grant_id = $1")
        .bind(grant)
        .execute(&mut world.sql)
        .await
        .unwrap();
}
