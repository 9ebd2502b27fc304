//! Tokens that are not good enough: the same bytes for all of them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::id::TenantUid;
use serde_json::{Value, json};
use token::access::{SigningKey, mint};
use uuid::Uuid;

use super::{
    Setup, call, opened,
    tokens::{foreign, hs256, parts},
};
use crate::{
    client::{Post, Reply},
    world::{HOST_A, HOST_B, World, now},
};

/// A18, RS-1.
#[tokio::test]
async fn forged_and_foreign_tokens_look_alike() {
    let (world, issuer) = opened().await;
    let good = issuer.token(|_| {});
    accepted(&world, &good).await;
    let (header, payload) = parts(&good);
    let with = |member: &str, value: Value| {
        let mut header = header.clone();
        header[member] = value;
        issuer.odd(&header, &payload)
    };
    accepted(&world, &issuer.odd(&header, &payload)).await;
    let point = [issuer.key().public().x(), issuer.key().public().y()].concat();
    let other = SigningKey::generate().0;
    let unsigned = {
        let none = json!({"alg": "none", "typ": "at+jwt", "kid": header["kid"]});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&none), part(&payload))
    };
    let confused = json!({"alg": "HS256", "typ": "at+jwt", "kid": header["kid"]});
    let (signed, _) = good.rsplit_once('.').unwrap();
    let bad = [
        unsigned,
        hs256(&point, &confused, &payload),
        with("alg", json!("ES384")),
        with("typ", json!("JWT")),
        with("typ", json!("id_token+jwt")),
        with("kid", json!("0000000000000000")),
        with("jku", json!("https://evil.test/jwks")),
        with("x5u", json!("https://evil.test/cert")),
        with("jwk", other.public().jwk()),
        with("crit", json!(["exp"])),
        mint(&issuer.plain(), &other),
        format!("{signed}.{}", "A".repeat(86)),
        format!("{signed}."),
        signed.to_owned(),
        issuer.token(|token| token.issuer = "https://b.test".into()),
        issuer.token(|token| token.issuer = "https://a.test/".into()),
        issuer.token(|token| token.tenant = TenantUid::from_uuid(Uuid::from_u128(2))),
        issuer.token(|token| token.audiences = ["https://a.test/mcp/s2".into()].into()),
        issuer.token(|token| token.audiences = ["https://a.test/mcp/s1x".into()].into()),
        issuer.token(|token| token.audiences = ["https://a.test".into()].into()),
        issuer.token(|token| token.audiences = ["https://b.test/mcp".into()].into()),
        issuer.token(|token| token.audiences = ["urn:aldgate:admin".into()].into()),
        issuer.token(|token| token.audiences = Box::default()),
        issuer.token(|token| token.issued = now() + Duration::from_mins(5)),
        issuer.token(|token| token.username = "keys/alice".into()),
        foreign("https://a.test/mcp/s1"),
        "eyJ".to_owned(),
    ];
    let expected = refused(&world, &bad[0]).await;
    assert!(
        expected.contains(r#"error=\"invalid_token\""#),
        "{expected}"
    );
    for (number, token) in bad.iter().enumerate() {
        assert_eq!(refused(&world, token).await, expected, "{number}");
    }
    accepted(&world, &good).await;
}

/// A12: another tenant's token is one that nobody has.
#[tokio::test]
async fn a_token_opens_nothing_of_another_tenant() {
    let (world, issuer) = opened().await;
    let good = issuer.token(|_| {});
    accepted(&world, &good).await;
    let claims = issuer.token(|token| {
        token.issuer = "https://b.test".into();
        token.audiences = ["https://b.test/mcp".into()].into();
        token.tenant = TenantUid::from_uuid(Uuid::from_u128(2));
    });
    let made_up = world.ask(&call(HOST_B, "/mcp/s1", "eyJ.x.y")).await;
    for token in [&good, &claims] {
        let reply = world.ask(&call(HOST_B, "/mcp/s1", token)).await;
        assert_eq!((reply.status, &reply.body), (401, &made_up.body));
        let challenge = reply.header("www-authenticate");
        assert_eq!(challenge, made_up.header("www-authenticate"));
    }
    assert!(world.three.is_untouched());
}

/// A44: a minute either way; and beyond it, the one who may know is told.
#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let (world, issuer) = opened().await;
    let ahead = issuer.token(|token| token.issued = now() + Duration::from_mins(1));
    let behind = issuer.token(|token| token.expires = now() - Duration::from_secs(59));
    for token in [&ahead, &behind] {
        accepted(&world, token).await;
    }
    world.hand.advance(Duration::from_secs(1));
    let reply = world.ask(&call(HOST_A, "/mcp/s1", &behind)).await;
    assert_eq!(reply.status, 401);
    assert!(reply.body.contains("Token expired"), "{}", reply.body);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.ends_with(r#", error="invalid_token", error_description="The token expired""#),
        "{challenge}"
    );
}

/// A41, RS-2: in the URL or in a form, a token does not exist.
#[tokio::test]
async fn a_token_in_the_url_or_in_a_form_does_not_exist() {
    let (mut world, issuer) = opened().await;
    let good = issuer.token(|_| {});
    accepted(&world, &good).await;
    let bare = call(HOST_A, "/mcp/s1", "").without("Authorization");
    let nothing = world.ask(&bare).await;
    assert_eq!(nothing.status, 401);
    let nothing = without_date(nothing);
    let form = Post {
        body: format!("access_token={good}"),
        ..bare.clone().without("Content-Type")
    }
    .with("Content-Type", "application/x-www-form-urlencoded");
    let in_url = bare.at(&format!("/mcp/s1?access_token={good}"));
    for request in [in_url, form] {
        assert_eq!(without_date(world.ask(&request).await), nothing);
    }
    assert!(!world.stop().await.contains(&good));
}

/// A18, design.md §10: what was good once is not good because it is remembered.
#[tokio::test]
async fn a_key_that_is_taken_back_takes_its_tokens_along() {
    let (world, issuer) = opened().await;
    let good = issuer.token(|_| {});
    accepted(&world, &good).await;
    let mut setup = Setup::new(&world, SigningKey::generate().0);
    setup.publish(&world);
    refused(&world, &good).await;
    setup = Setup::new(&world, issuer.key());
    setup.publish(&world);
    accepted(&world, &good).await;
    // It lives for an hour, and a minute more for clocks that differ.
    world.hand.advance(Duration::from_hours(1));
    accepted(&world, &good).await;
    world.hand.advance(Duration::from_mins(1));
    refused(&world, &good).await;
}

async fn accepted(world: &World, token: &str) {
    let request = call(HOST_A, "/mcp/s1", token);
    let (reply, _) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Everything that is answered but the date.
async fn refused(world: &World, token: &str) -> String {
    let reply = world.ask(&call(HOST_A, "/mcp/s1", token)).await;
    assert_eq!(reply.status, 401, "{}", reply.body);
    without_date(reply)
}

fn without_date(mut reply: Reply) -> String {
    reply.headers.retain(|(name, _)| name != "date");
    format!("{reply:?}")
}
