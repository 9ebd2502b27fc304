//! What is given back, and what tokens are worth.

use token::RefreshToken;

use super::world::{INVALID_GRANT, World, error, text};

/// REV-1…REV-5, A16: a client gives back its own, and anything else is answered alike.
#[tokio::test]
async fn a_client_gives_back_what_is_its_own() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("app").await;
    let (access, refresh) = (
        text(&tokens, "access_token"),
        text(&tokens, "refresh_token"),
    );
    let unknown = RefreshToken::derive(&[1; 32], 1);
    for (client, token) in [
        ("other", access),
        ("other", refresh),
        ("app", unknown.expose()),
        ("app", "x"),
    ] {
        let form = [("client_id", client), ("token", token)];
        assert_eq!(world.post("/revoke", &form).await.status, 200);
    }
    assert_eq!(
        world.revocations("token").await + world.revocations("grant").await,
        0
    );
    assert_eq!(active(&world, access).await, Some(true));
    let missing = world.post("/revoke", &[("client_id", "app")]).await;
    assert_eq!(error(&missing), (400, "invalid_request"));
    let stranger = [("client_id", "nobody"), ("token", access)];
    assert_eq!(
        error(&world.post("/revoke", &stranger).await),
        (401, "invalid_client")
    );

    let hint = [
        ("client_id", "app"),
        ("token", access),
        ("token_type_hint", "refresh_token"),
    ];
    assert_eq!(world.post("/revoke", &hint).await.status, 200);
    assert_eq!(world.revocations("token").await, 1);
    assert_eq!(active(&world, access).await, Some(false));
    let answer = world.refresh("app", refresh, &[]).await;
    let (access, refresh) = (
        text(&answer.body, "access_token"),
        text(&answer.body, "refresh_token"),
    );
    let form = [("client_id", "app"), ("token", refresh)];
    assert_eq!(world.post("/revoke", &form).await.status, 200);
    assert_eq!(world.end_of(grant).await, "client");
    assert_eq!(world.revocations("grant").await, 1);
    assert_eq!(
        error(&world.refresh("app", refresh, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(active(&world, access).await, Some(false));
}

/// RFC 7662, A12, A19: its own client and an operator's confidential one see a token; to all others, and
/// once it does not count, it is like one that never was.
#[tokio::test]
async fn a_token_is_told_to_those_whom_it_concerns() {
    let mut world = World::start().await;
    let (tokens, _) = world.tokens("app").await;
    let (access, refresh) = (
        text(&tokens, "access_token"),
        text(&tokens, "refresh_token"),
    );
    let told = world.post_as_svc("/introspect", &[("token", access)]).await;
    assert_eq!(told.body["active"], true, "{told:?}");
    assert_eq!(told.body["client_id"], "app");
    assert_eq!(told.body["aud"], "http://acme.test:8080/mcp");
    assert_eq!(told.body["scope"], "mcp mcp:read");
    assert_eq!(told.body["sub"], *world.alice.to_string());
    assert!(told.body["exp"].is_i64());
    let own = [("client_id", "app"), ("token", refresh)];
    assert_eq!(world.post("/introspect", &own).await.body["active"], true);

    let never = world
        .post_as_svc("/introspect", &[("token", "x.y.z")])
        .await;
    assert_eq!(never.body, serde_json::json!({"active": false}));
    let foreign = [("client_id", "other"), ("token", access)];
    assert_eq!(world.post("/introspect", &foreign).await.body, never.body);
    let basic = [("authorization", "Basic c3ZjOnMzY3JldA==")];
    let elsewhere = world
        .post_at(
            "http://beta.test",
            "/introspect",
            &basic,
            &[("token", access)],
        )
        .await;
    assert_eq!(elsewhere.body, never.body);
    assert_eq!(
        world.post("/introspect", &[("token", access)]).await.status,
        401
    );
    for (statement, back) in [
        (
            "UPDATE users SET disabled = true",
            "UPDATE users SET disabled = false",
        ),
        (
            "UPDATE grants SET revoked_at = now()",
            "UPDATE grants SET revoked_at = NULL",
        ),
        (
            "UPDATE signing_keys SET revoked = true",
            "UPDATE signing_keys SET revoked = false",
        ),
    ] {
        world.sql(statement).await;
        let told = world.post_as_svc("/introspect", &[("token", access)]).await;
        assert_eq!(
            (told.status, &told.body),
            (never.status, &never.body),
            "{statement}"
        );
        world.sql(back).await;
    }
    assert_eq!(active(&world, access).await, Some(true));
}

async fn active(world: &World, token: &str) -> Option<bool> {
    let form = [("client_id", "app"), ("token", token)];
    world.post("/introspect", &form).await.body["active"].as_bool()
}
