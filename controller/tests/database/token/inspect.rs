//! What is given back, and what tokens are worth.

use std::time::{Duration, Instant};

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
    let unknown = RefreshToken::generate();
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

/// REV-3: a token that is given back is remembered for as long as it could be presented, and a grant whose
/// tokens are given back one after the other ends: nobody fills the nodes' memory alone.
#[tokio::test]
async fn a_few_tokens_are_given_back_one_by_one_and_then_the_grant() {
    let mut world = World::start().await;
    let (mut tokens, grant) = world.tokens("app").await;
    for given in 1..=9 {
        let access = text(&tokens, "access_token").to_owned();
        let form = [("client_id", "app"), ("token", access.as_str())];
        // Said twice, it counts once.
        for _ in 0..2 {
            assert_eq!(world.post("/revoke", &form).await.status, 200);
        }
        assert_eq!(active(&world, &access).await, Some(false), "{given}");
        let answer = world
            .refresh("app", text(&tokens, "refresh_token"), &[])
            .await;
        if given == 9 {
            assert_eq!(error(&answer), INVALID_GRANT);
            break;
        }
        tokens = answer.body;
        assert_eq!(world.end_of(grant).await, "", "{given}");
        if given == 5 {
            // What is over does not count.
            world
                .sql("UPDATE grants SET revoked_tokens[1] = now() - interval '1 s'")
                .await;
            let left =
                "UPDATE grants SET revoked_tokens = revoked_tokens || (now() + interval '1 h')";
            world.sql(left).await;
        }
    }
    assert_eq!(world.end_of(grant).await, "client");
    assert_eq!(world.revocations("token").await, 8);
    assert_eq!(world.revocations("grant").await, 1);
    let longest: bool = sqlx::query_scalar(
        "SELECT max(expires_at) < now() + interval '66 minutes'
            AND min(expires_at) > now() + interval '60 minutes'
         FROM revocations WHERE kind = 'token'",
    )
    .fetch_one(&mut world.sql)
    .await
    .unwrap();
    assert!(longest);
}

/// However much has expired, all of it goes at once, and nobody waits for the next minute.
#[tokio::test]
async fn all_that_has_expired_is_forgotten() {
    let mut world = World::start().await;
    world.stack.stop();
    for statement in [
        "INSERT INTO revocations (tenant_id, sequence, kind, id_sha256, expires_at)
         SELECT tenant_id, number, 'token', decode(lpad(to_hex(number), 32, '0'), 'hex'), now()
         FROM tenants, generate_series(1, 25000) AS number WHERE slug = 'acme'",
        "UPDATE revocation_head SET sequence = 25000",
    ] {
        world.sql(statement).await;
    }
    world.stack.boot().await;
    let start = Instant::now();
    loop {
        let (left, base): (i64, i64) =
            sqlx::query_as("SELECT (SELECT count(*) FROM revocations), base FROM revocation_head")
                .fetch_one(&mut world.sql)
                .await
                .unwrap();
        if (left, base) == (0, 25_001) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{left} {base}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
