//! What is wrong with a credential is nobody's business: whatever it is, the same bytes are answered
//! (S4-29, TK-02 to TK-10, TK-14, TK-18).

use gateway::config::snapshot::{ApiKeyHeader, Authenticator, Authenticators};
use proto::id::{KeyUid, TenantUid};
use serde_json::{Value, json};
use token::ApiKey;
use uuid::Uuid;

use super::{
    call,
    doors::{Doors, Kind, SECRET, cipher, jwt, session, signed},
};
use crate::world::{World, now};

type Lines = Vec<(&'static str, String)>;

#[tokio::test]
async fn bad_api_keys_look_alike() {
    let world = World::new().await;
    let unknown = ApiKey::generate().expose().to_owned();
    let alice = &world.alice;
    let mut texts = vec![
        format!("Bearer {unknown}"),
        format!("Bearer {}", world.gone),
        format!("Bearer {}", world.bob),
        format!("Bearer {}", &alice[..alice.len() - 1]),
        format!("Bearer {}", flipped(alice)),
        format!("Bearer  {alice}"),
        format!("Bearer {alice}, Bearer {alice}"),
        format!("Token {alice}"),
        alice.clone(),
    ];
    texts.extend(SCRAPS.map(str::to_owned));
    texts.extend([jwt(|_| {}), session(now(), |_| {})].map(|text| format!("Bearer {text}")));
    let mut bad = in_authorization(texts);
    bad.extend([
        vec![("X-API-Key", unknown)],
        vec![("X-API-Key", format!("Bearer {alice}"))],
        vec![("X-API-Key", alice.clone()), ("X-API-Key", alice.clone())],
    ]);
    let good = vec![("Authorization", format!("Bearer {alice}"))];
    all_alike(&world, Kind::ApiKey, good, bad).await;
}

#[tokio::test]
async fn bad_session_tokens_look_alike() {
    let world = World::new().await;
    let good = session(now(), |_| {});
    let foreign = session(now(), |token| {
        token.tenant = TenantUid::from_uuid(Uuid::from_u128(2));
    });
    let of_key = |number| {
        session(now(), |token| {
            token.key = KeyUid::from_uuid(Uuid::from_u128(number));
        })
    };
    let named = |user: &str| session(now(), |token| token.user = user.into());
    let mut other = None;
    let _ = session(now(), |token| other = Some(token.clone()));
    let forged = token::session::mint(&other.unwrap(), &cipher(8));
    let mut texts: Vec<_> = [
        foreign,
        of_key(99),
        of_key(4),
        named("anonymous"),
        named("keys/alice"),
        named("tokens/x"),
        named(""),
        session(now(), |token| token.scopes = ["no".into()].into()),
        forged,
        good.replace("1d20000", "1d20001"),
        flipped(&good),
        "alds_".to_owned(),
        "alds_s1.1d20000.".to_owned(),
        good.replace("alds_", ""),
        world.alice.clone(),
        jwt(|_| {}),
    ]
    .map(|text| format!("Bearer {text}"))
    .into();
    texts.extend([good.clone(), format!("Basic {good}")]);
    texts.extend(SCRAPS.map(str::to_owned));
    let good = vec![("Authorization", format!("Bearer {good}"))];
    all_alike(&world, Kind::Session, good, in_authorization(texts)).await;
}

#[tokio::test]
async fn bad_static_tokens_look_alike() {
    let world = World::new().await;
    let mut texts: Vec<_> = [
        "Bearer unknown",
        "Bearer off",
        "Bearer of-s2",
        "Bearer Pasted",
        "Bearer pastedx",
        "Bearer  pasted",
        "Bearer header-only",
        "Basic pasted",
        "Basic bearer-only",
        "Basic cGFzdGVkOng",
        "Digest pasted",
        "pasted",
    ]
    .map(str::to_owned)
    .into();
    texts.extend(SCRAPS.map(str::to_owned));
    texts.push(format!("Bearer {}", world.alice));
    let mut bad = in_authorization(texts);
    bad.extend([
        vec![("Api-Key", "bearer-only".to_owned())],
        vec![("Api-Key", "Bearer pasted".to_owned())],
        vec![("X-API-Key", "header-only".to_owned())],
        vec![("X-API-Key", String::new())],
        vec![
            ("Api-Key", "pasted".to_owned()),
            ("Api-Key", "pasted".to_owned()),
        ],
    ]);
    let good = vec![("Authorization", "Bearer pasted".to_owned())];
    all_alike(&world, Kind::Static, good, bad).await;
}

#[tokio::test]
async fn bad_jwts_look_alike() {
    let world = World::new().await;
    let good = jwt(|_| {});
    let claim = |name: &'static str, value: Value| jwt(move |claims| claims[name] = value);
    let mut claims = Value::Null;
    let _ = jwt(|good| claims = good.clone());
    let header = |alg: &str| json!({"alg": alg, "typ": "JWT"});
    let unsigned = |alg: &str| {
        let token = signed(&SECRET, &header(alg), &claims);
        token.rsplit_once('.').unwrap().0.to_owned() + "."
    };
    let mut texts: Vec<_> = [
        claim("iss", "https://other.test".into()),
        claim("aud", "https://a.test/mcp/s2".into()),
        claim("aud", Value::Null),
        claim("exp", "never".into()),
        claim("exp", Value::Null),
        claim("nbf", 4_000_000_000_u64.into()),
        claim("nbf", "0".into()),
        claim("sub", Value::Null),
        claim("sub", "anonymous".into()),
        claim("sub", "keys/alice".into()),
        signed(&[9; 32], &header("HS256"), &claims),
        signed(&SECRET, &header("HS512"), &claims),
        signed(&SECRET, &json!({"alg": "HS256", "crit": ["x"]}), &claims),
        unsigned("none"),
        unsigned("nOnE"),
        flipped(&good),
        world.alice.clone(),
        session(now(), |_| {}),
        "x".repeat(4 * 1024),
    ]
    .map(|text| format!("Bearer {text}"))
    .into();
    texts.extend([good.clone(), format!("Basic {good}")]);
    texts.extend(SCRAPS.map(str::to_owned));
    let good = vec![("Authorization", format!("Bearer {good}"))];
    all_alike(&world, Kind::Jwt, good, in_authorization(texts)).await;
}

#[tokio::test]
async fn bad_forwarded_users_look_alike() {
    let world = World::new().await;
    let user = |text: &str| vec![("X-Forwarded-User", text.to_owned())];
    let with = |mut lines: Lines, name, value: &str| {
        lines.push((name, value.to_owned()));
        lines
    };
    let bad = vec![
        user(""),
        user("anonymous"),
        user("keys/alice"),
        user("tokens/bearer"),
        user("a\tb"),
        user("a\u{85}b"),
        user(&"a".repeat(257)),
        with(user("erin"), "X-Forwarded-User", "erin"),
        with(user("erin"), "X-Forwarded-User", "mallory"),
        with(user(""), "X-Forwarded-Groups", "admins"),
        vec![("X-Forwarded-Groups", "admins".to_owned())],
        with(
            with(user("erin"), "X-Forwarded-Groups", "dev"),
            "X-Forwarded-Groups",
            "admins",
        ),
    ];
    all_alike(&world, Kind::Forwarded, user("erin"), bad).await;

    let bytes = bytes_of(&world, &user("")).await;
    let mut doors = Doors::new(&world);
    doors.proxies = "192.0.2.0/24";
    doors.publish(&world, &[Kind::Forwarded]);
    assert_eq!(bytes_of(&world, &user("erin")).await, bytes);
}

/// TI-01: which servers there are is not for those without a credential.
#[tokio::test]
async fn unknown_servers_refuse_like_known_ones() {
    let world = World::new().await;
    let mut doors = Doors::new(&world);
    let key = Authenticator::ApiKey(ApiKeyHeader::default());
    doors.of_tenant = Authenticators::new([key]);
    doors.publish(&world, &[Kind::ApiKey]);
    let bad = call(&[("Authorization", "Bearer x".to_owned())]);
    let known = world.ask(&bad).await;
    for path in ["/mcp/s2", "/mcp/none", "/mcp"] {
        let reply = world.ask(&bad.clone().at(path)).await;
        assert_eq!((reply.status, &reply.body), (known.status, &known.body));
        assert_eq!(
            reply.header("www-authenticate"),
            known.header("www-authenticate")
        );
    }
}

/// The good credential gets in, and the bad ones get the same bytes, alone or with other kinds behind.
async fn all_alike(world: &World, kind: Kind, good: Lines, bad: Vec<Lines>) {
    assert!(bad.len() >= 12);
    Doors::new(world).publish(world, &[kind]);
    let request = call(&good);
    let (reply, _) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200, "{}", reply.body);

    let expected = bytes_of(world, &bad[0]).await;
    for lines in &bad {
        assert_eq!(bytes_of(world, lines).await, expected, "{lines:?}");
    }
    Doors::new(world).publish(world, &[kind, Kind::Anonymous]);
    for lines in &bad {
        assert_eq!(bytes_of(world, lines).await, expected, "{lines:?}");
    }
}

/// Everything that is answered but the date.
async fn bytes_of(world: &World, lines: &Lines) -> String {
    let mut reply = world.ask(&call(lines)).await;
    assert_eq!(reply.status, 401, "{lines:?}: {}", reply.body);
    reply.headers.retain(|(name, _)| name != "date");
    format!("{reply:?}")
}

fn in_authorization(texts: Vec<String>) -> Vec<Lines> {
    let line = |text| vec![("Authorization", text)];
    texts.into_iter().map(line).collect()
}

/// With one character near the end changed.
fn flipped(text: &str) -> String {
    let at = text.len() - 4;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// No kind reads these.
const SCRAPS: [&str; 7] = [
    "Bearer",
    "Bearer ",
    "Bearer x.y.z",
    "Basic eDp5",
    "x",
    "",
    "Bearerx",
];
