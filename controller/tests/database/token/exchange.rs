//! Codes and what they are exchanged for.

use token::AuthorizationCode;

use super::world::{INVALID_GRANT, ISSUER, REDIRECT, World, error, text};

/// TOK-2, TOK-5, TOK-6, A9: a code gives tokens once; a second time ends the grant, and is recorded.
#[tokio::test]
async fn a_code_is_good_once_and_a_second_time_ends_what_it_gave() {
    let mut world = World::start().await;
    let (code, grant) = world.code("app").await;
    let answer = world.exchange("app", &code, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3600);
    assert_eq!(answer.body["scope"], "mcp mcp:read");

    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!(*token.subject, *world.alice.to_string());
    assert_eq!(
        (&*token.username, &*token.client),
        ("alice@acme.test", "app")
    );
    assert_eq!(token.roles.as_ref(), [Box::<str>::from("dev")]);
    assert_eq!(token.groups.as_ref(), [Box::<str>::from("staff")]);
    assert_eq!(
        token.audiences.as_ref(),
        [Box::<str>::from("http://acme.test:8080/mcp")]
    );
    assert_eq!(token.grant.unwrap().uuid(), grant);

    let refresh = text(&answer.body, "refresh_token").to_owned();
    assert_eq!(
        error(&world.exchange("app", &code, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.end_of(grant).await, "code_replay");
    assert_eq!(world.recorded("oauth.code_replay").await, 1);
    assert_eq!(world.revocations("grant").await, 1);
    assert_eq!(
        error(&world.refresh("app", &refresh, &[]).await),
        INVALID_GRANT
    );
    assert!(!world.stack.log().contains(&refresh));
}

/// A7, TOK-3, PKCE-3: a wrong verifier or redirect leaves the code alone, five times.
#[tokio::test]
async fn a_wrong_verifier_does_not_use_a_code_up_but_five_do() {
    let mut world = World::start().await;
    let (code, _) = world.code("app").await;
    let missing = world.exchange("app", &code, &[("code_verifier", "")]).await;
    assert_eq!(error(&missing), (400, "invalid_request"));
    let wrong = "a".repeat(43);
    for instead in [
        ("code_verifier", wrong.as_str()),
        ("code_verifier", "short"),
        ("redirect_uri", "http://127.0.0.1:8/callback"),
        ("redirect_uri", ""),
    ] {
        let answer = world.exchange("app", &code, &[instead]).await;
        assert_eq!(error(&answer), INVALID_GRANT, "{instead:?}");
    }
    assert_eq!(world.exchange("app", &code, &[]).await.status, 200);

    let (code, grant) = world.code("app").await;
    for _ in 0..5 {
        let answer = world
            .exchange("app", &code, &[("code_verifier", &wrong)])
            .await;
        assert_eq!(error(&answer), INVALID_GRANT);
    }
    assert_eq!(
        error(&world.exchange("app", &code, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.end_of(grant).await, "", "nobody had it twice");
}

/// A8, RES-4: in any other hands a code is nothing, and stays good in the right ones.
#[tokio::test]
async fn a_code_in_other_hands_is_nothing() {
    let mut world = World::start().await;
    let (code, grant) = world.code("app").await;
    assert_eq!(
        error(&world.exchange("other", &code, &[]).await),
        INVALID_GRANT
    );
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", super::world::VERIFIER),
    ];
    let elsewhere = world
        .post_at("http://beta.test", "/token", &[], &form)
        .await;
    assert_eq!(error(&elsewhere), INVALID_GRANT);
    for resource in [
        "http://beta.test/mcp",
        "http://acme.test:8080/x",
        "urn:aldgate:admin",
    ] {
        let answer = world
            .exchange("app", &code, &[("resource", resource)])
            .await;
        assert_eq!(error(&answer), (400, "invalid_target"), "{resource}");
    }
    let narrowed = [("resource", "http://acme.test:8080/mcp/files")];
    let answer = world.exchange("app", &code, &narrowed).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!(
        token.audiences.as_ref(),
        [Box::<str>::from("http://acme.test:8080/mcp/files")]
    );
    assert_eq!(
        error(&world.exchange("other", &code, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.end_of(grant).await, "", "a stranger ends nothing");
}

/// A10, A20: what was never a code costs nothing and has no effect.
#[tokio::test]
async fn a_guessed_code_has_no_effect() {
    let mut world = World::start().await;
    let (code, _) = world.code("app").await;
    let guessed = AuthorizationCode::generate();
    for guess in [guessed.expose(), "aldc_x", "x"] {
        assert_eq!(
            error(&world.exchange("app", guess, &[]).await),
            INVALID_GRANT
        );
    }
    assert_eq!(world.exchange("app", &code, &[]).await.status, 200);
}

/// TOK-1, TOK-8, AUTHZ-3, A6, A39: a form, each parameter once, one way to say who asks.
#[tokio::test]
async fn a_request_that_is_none_is_refused() {
    let mut world = World::start().await;
    let address = world.stack.auth_address().to_owned();
    let origin = ("aldgate-origin", ISSUER);
    let json = [origin, ("content-type", "application/json")];
    let answer = world.send(&address, "POST /token", &json, "{}").await;
    assert_eq!(error(&answer), (400, "invalid_request"));
    let answer = world.send(&address, "GET /token", &[origin], "").await;
    assert_eq!(answer.status, 405);
    for (form, refusal) in [
        (
            [("client_id", "app"), ("grant_type", "")],
            (400, "invalid_request"),
        ),
        (
            [("client_id", "app"), ("grant_type", "password")],
            (400, "unsupported_grant_type"),
        ),
        (
            [
                ("client_id", "app"),
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ],
            (400, "unsupported_grant_type"),
        ),
        (
            [("client_id", "nobody"), ("grant_type", "refresh_token")],
            (401, "invalid_client"),
        ),
        (
            [("client_id", "app"), ("grant_type", "client_credentials")],
            (400, "unauthorized_client"),
        ),
        (
            [("client_id", "app"), ("client_id", "app")],
            (400, "invalid_request"),
        ),
    ] {
        let answer = world.post("/token", &form).await;
        assert_eq!(error(&answer), refusal, "{form:?}");
    }
    let (code, _) = world.code("app").await;
    assert_eq!(world.exchange("app", &code, &[]).await.status, 200);
}

/// A gateway refuses a header line of more than 8 KiB: nobody is given a token that it would not take.
#[tokio::test]
async fn a_token_that_fits_no_header_is_not_given() {
    let mut world = World::start().await;
    for (groups, status) in [
        ("UPDATE users SET groups = ARRAY[repeat('a', 4800)]", 200),
        ("UPDATE users SET groups = ARRAY[repeat('a', 4900)]", 400),
    ] {
        world.sql(groups).await;
        let (code, _) = world.code("app").await;
        let answer = world.exchange("app", &code, &[]).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 200 {
            let size = text(&answer.body, "access_token").len();
            assert!((7000..=7168).contains(&size), "{size}");
        } else {
            assert_eq!(error(&answer), (400, "server_error"));
        }
    }
}

#[tokio::test]
async fn a_code_ends_and_so_does_what_its_user_may() {
    let mut world = World::start().await;
    let (code, _) = world.code("app").await;
    world
        .sql("UPDATE authorization_codes SET expires_at = now() - interval '1 s'")
        .await;
    assert_eq!(
        error(&world.exchange("app", &code, &[]).await),
        INVALID_GRANT
    );
    let (code, _) = world.code("app").await;
    world.sql("UPDATE users SET disabled = true").await;
    assert_eq!(
        error(&world.exchange("app", &code, &[]).await),
        INVALID_GRANT
    );
    world.sql("UPDATE users SET disabled = false").await;
    assert_eq!(world.exchange("app", &code, &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_without_refresh_tokens_gets_none_and_its_grant_ends_with_its_token() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("once").await;
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    let ends: bool = sqlx::query_scalar(
        "SELECT expires_at < now() + interval '61 minutes' FROM grants WHERE grant_id = $1",
    )
    .bind(grant)
    .fetch_one(&mut world.sql)
    .await
    .unwrap();
    assert!(ends);
}
