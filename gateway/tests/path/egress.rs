//! What reaches a server of a caller's credential, of the stored one, and of a token's own headers
//! (S0-2…S0-4, S0-13…S0-16, X-2, X-5).

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway::config::{
    lease::Lease,
    snapshot::{
        ApiKeyHeader, Authenticator, Authenticators, CredentialUse, EgressMode, Jwt, StaticToken,
    },
};
use http::{HeaderName, header::AUTHORIZATION};
use proto::{
    access::v1,
    id::{KeyUid, StaticTokenUid, TenantUid},
};
use serde_json::{Value, json};
use token::{
    fixed::TokenType,
    session::{self, SessionToken},
};
use uuid::Uuid;

use crate::{
    client::Post,
    rules::Rules,
    upstream::Call,
    world::{HOST_A, World, now, secrets},
};

const STORED: Option<&str> = Some("Bearer CANARY-A1");

/// The four static types with their headers and what stands in them (S0-9).
const TYPES: [(TokenType, &str, &str, &str); 4] = [
    (TokenType::Bearer, "Authorization", "Bearer ", "tok-canary"),
    (
        TokenType::Basic,
        "Authorization",
        "Basic ",
        "dG9rLWNhbmFyeQ==",
    ),
    (TokenType::ApiKey, "Api-Key", "", "tok-canary"),
    (TokenType::XApiKey, "X-API-Key", "", "tok-canary"),
];

/// S0-2, S0-3, S0-4, X-2: every type, with its switch on and off, at a server of every mode.
#[tokio::test]
async fn a_static_token_goes_on_only_where_its_switch_and_the_server_say_so() {
    let world = World::new().await;
    for (kind, header, scheme, value) in TYPES {
        for (egress, stored) in [
            (EgressMode::Shared, true),
            (EgressMode::Shared, false),
            (EgressMode::Passthrough, true),
            (EgressMode::None, true),
        ] {
            for passthrough in [true, false] {
                let mut rules = open_to_tokens(&world, egress);
                if !stored {
                    rules.s1.credential = CredentialUse::None;
                }
                rules.tokens.push((value.into(), token(kind, passthrough)));
                rules.publish(&world);
                let line = format!("{scheme}{value}");
                let request = call("s1").with(header, &line);
                let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
                assert_eq!(reply.status, 200, "{}", reply.body);

                let stored = stored && egress == EgressMode::Shared;
                let taken = stored && header == "Authorization";
                let goes_on = passthrough && egress != EgressMode::None && !taken;
                let mut expected = HashMap::new();
                if stored {
                    expected.insert("authorization", "Bearer CANARY-A1".to_owned());
                }
                let name = header.to_ascii_lowercase();
                if goes_on {
                    expected.insert(&name, line);
                }
                for name in ["authorization", "api-key", "x-api-key"] {
                    let sent = call.header(name);
                    let context = (kind, egress, passthrough, name);
                    assert_eq!(sent, expected.get(name).map(String::as_str), "{context:?}");
                }

                // Verification is never skipped (S0-4).
                let request = self::call("s1").with(header, &format!("{scheme}d3Jvbmc="));
                assert_eq!(world.ask(&request).await.status, 401);
                assert!(world.one.is_untouched());
            }
        }
    }
}

/// X-5, CL-01: what is ours never leaves, whatever the server's mode.
#[tokio::test]
async fn keys_and_sessions_never_reach_a_server() {
    let world = World::new().await;
    for (egress, authorization) in [
        (EgressMode::Shared, STORED),
        (EgressMode::Passthrough, None),
        (EgressMode::None, None),
    ] {
        let mut rules = Rules::new(&world);
        rules.s1.egress = egress;
        let kinds = [
            Authenticator::ApiKey(ApiKeyHeader::default()),
            Authenticator::Session,
        ];
        rules.s1.authenticators = Some(Arc::new(Authenticators::new(kinds)));
        rules.publish(&world);
        let bearer = world.call();
        let bare = call("s1").with("X-API-Key", &world.alice);
        let session = session_of_alice();
        let of_session = call("s1").with("Authorization", &format!("Bearer {session}"));
        for request in [bearer, bare, of_session] {
            let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(call.header("authorization"), authorization);
            assert!(!carries(&call, &world.alice) && !carries(&call, &session));
        }
    }
}

/// a token of another issuer goes on to the server that it was issued for, instead of the stored
/// credential.
#[tokio::test]
async fn a_jwt_goes_on_only_to_its_audience() {
    let world = World::new().await;
    let url = world.one.url();
    let origin = url.strip_suffix("/mcp").unwrap().to_owned();
    for (egress, audience, goes_on) in [
        (EgressMode::Passthrough, json!(["aldgate", url]), true),
        (EgressMode::Passthrough, json!(["aldgate", origin]), true),
        (
            EgressMode::Passthrough,
            json!(["aldgate", format!("{origin}/")]),
            false,
        ),
        (
            EgressMode::Passthrough,
            json!(["aldgate", format!("{url}/x")]),
            false,
        ),
        (EgressMode::Passthrough, json!("aldgate"), false),
        (EgressMode::Shared, json!(["aldgate", url]), false),
        (EgressMode::None, json!(["aldgate", url]), false),
    ] {
        let mut rules = Rules::new(&world);
        rules.s1.egress = egress;
        rules.policy = Some(v1::Policy {
            default: "allow".into(),
            ..v1::Policy::default()
        });
        let jwt = Jwt::compile(&issuer()).unwrap();
        rules.s1.authenticators = Some(Arc::new(Authenticators::new([Authenticator::Jwt(
            Box::new(jwt),
        )])));
        rules.publish(&world);
        let token = signed(&audience);
        let request = call("s1").with("Authorization", &format!("Bearer {token}"));
        let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(carries(&call, &token), goes_on, "{egress:?} {audience}");
        let stored = (egress == EgressMode::Shared).then_some("Bearer CANARY-A1");
        let own = format!("Bearer {token}");
        let expected = if goes_on { Some(&*own) } else { stored };
        assert_eq!(
            call.header("authorization"),
            expected,
            "{egress:?} {audience}"
        );
    }
}

/// S0-13 to S0-16: the headers of a token are put in by us, with that token alone, in every mode and
/// whether the token itself goes on or not; clients neither set nor see them.
#[tokio::test]
async fn a_token_s_own_headers_are_injected_and_never_seen() {
    let world = World::new().await;
    for egress in [
        EgressMode::Shared,
        EgressMode::Passthrough,
        EgressMode::None,
    ] {
        let mut rules = open_to_tokens(&world, egress);
        rules.s1.credential = CredentialUse::Attach(Arc::new(lease(&rules)));
        let mut with_headers = token(TokenType::XApiKey, false);
        with_headers.has_headers = true;
        let mut other = token(TokenType::XApiKey, false);
        other.uid = StaticTokenUid::from_uuid(Uuid::from_u128(32));
        rules.tokens.push(("with".into(), with_headers));
        rules.tokens.push(("without".into(), other));
        rules.publish(&world);

        let request = call("s1")
            .with("X-API-Key", "with")
            .with("X-Team", "forged");
        let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(call.header("x-team"), Some("CANARY-TEAM"));
        assert_eq!(call.header("x-fixed-key"), Some("CANARY-FIXED"));
        assert_eq!(call.header("x-api-key"), None);
        let stored = (egress == EgressMode::Shared).then_some("Bearer CANARY-A1");
        assert_eq!(call.header("authorization"), stored);
        let seen = format!("{:?} {}", reply.headers, reply.body);
        assert!(!seen.contains("CANARY"), "{seen}");
        // So that the next call finds no connection to use again.
        drop(call);

        let request = self::call("s1")
            .with("X-API-Key", "without")
            .with("X-Team", "forged");
        let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200);
        assert_eq!(
            (call.header("x-team"), call.header("x-fixed-key")),
            (None, None)
        );
    }
}

/// S0-15: a call that lacks what its token brings is not sent.
#[tokio::test]
async fn a_call_never_goes_without_its_token_s_headers() {
    let world = World::new().await;
    for stored in [true, false] {
        let mut rules = open_to_tokens(&world, EgressMode::Shared);
        if !stored {
            rules.s1.credential = CredentialUse::None;
        }
        let mut lacking = token(TokenType::XApiKey, true);
        lacking.has_headers = true;
        rules.tokens.push(("with".into(), lacking));
        rules.publish(&world);
        let reply = world.ask(&call("s1").with("X-API-Key", "with")).await;
        assert_eq!(reply.status, 502, "{}", reply.body);
        assert!(world.one.is_untouched());
    }
}

/// `s1` takes static tokens, and the policy allows everything.
fn open_to_tokens(world: &World, egress: EgressMode) -> Rules {
    let mut rules = Rules::new(world);
    rules.s1.egress = egress;
    rules.s1.authenticators = Some(Arc::new(Authenticators::new([Authenticator::Static])));
    rules.policy = Some(v1::Policy {
        default: "allow".into(),
        ..v1::Policy::default()
    });
    rules
}

fn token(kind: TokenType, passthrough: bool) -> StaticToken {
    StaticToken {
        uid: StaticTokenUid::from_uuid(Uuid::from_u128(31)),
        slug: "t".parse().unwrap(),
        server: proto::id::ServerUid::from_uuid(Uuid::from_u128(11)),
        kind,
        subject: "tokens/t".into(),
        principal: Uuid::from_u128(31),
        roles: Box::default(),
        passthrough,
        has_headers: false,
        disabled: false,
        expires: None,
        gauge: Arc::default(),
    }
}

/// The stored credential, and two headers of token 31.
fn lease(rules: &Rules) -> Lease {
    let origin = rules.s1.endpoint.origin.clone();
    let until = now() + Duration::from_hours(1);
    let headers = [
        (HeaderName::from_static("x-team"), &b"CANARY-TEAM"[..]),
        (HeaderName::from_static("x-fixed-key"), b"CANARY-FIXED"),
    ];
    Lease::new(1, (AUTHORIZATION, b"Bearer CANARY-A1"), origin, until)
        .and_then(|lease| {
            lease.with_token_headers(StaticTokenUid::from_uuid(Uuid::from_u128(31)), headers)
        })
        .unwrap()
}

fn issuer() -> v1::JwtAuthenticator {
    v1::JwtAuthenticator {
        issuer: "https://issuer.test".into(),
        audiences: vec!["aldgate".into()],
        secret_uid: crate::rules::SECRET.0.into(),
        ..v1::JwtAuthenticator::default()
    }
}

fn signed(audience: &Value) -> String {
    let expires = now() + Duration::from_mins(5);
    let expires = expires.duration_since(std::time::UNIX_EPOCH).unwrap();
    let claims = json!({
        "iss": "https://issuer.test", "sub": "alice", "aud": audience, "exp": expires.as_secs(),
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!(
        "{}.{}",
        part(&json!({"alg": "HS256", "typ": "JWT"})),
        part(&claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, crate::rules::SECRET.1);
    let signature = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A session token that alice's key made.
fn session_of_alice() -> String {
    let token = SessionToken {
        tenant: TenantUid::from_uuid(Uuid::from_u128(1)),
        key: KeyUid::from_uuid(Uuid::from_u128(1)),
        user: "alice@example.com".into(),
        roles: None,
        groups: Box::default(),
        servers: None,
        scopes: Box::default(),
        issued: now(),
        expires: now() + Duration::from_mins(15),
        id: Uuid::from_u128(41),
    };
    let keys = secrets();
    session::mint(&token, keys.sessions().sealer(now()).unwrap())
}

/// A call without a credential.
fn call(server: &str) -> Post {
    Post::call(HOST_A, server, "").without("Authorization")
}

fn carries(call: &Call, secret: &str) -> bool {
    let headers = call.headers.iter();
    headers
        .map(|(_, value)| value)
        .chain([&call.body])
        .any(|text| text.contains(secret))
}
