//! Acceptance as a whole, with an issuer at the other end.

mod issuer;
mod world;

use std::time::Duration;

use egress::{Policy, Resolver};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use self::{
    issuer::{Issuer, Key},
    world::{World, claims, hs256, now, tenant, tenant_with, trust},
};
use super::*;
use crate::config::snapshot::{self, Authenticators, SessionKeyring, TenantSecrets};

/// S3-12, must-hold 8: whoever comes with a token, and however often, its signature is checked once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_costs_one_signature_check_per_node() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), Arc::new(world.compiled()));
    let token = Arc::new(key.sign(&claims("alice")));
    world.fetched(&jwt, &[&key]).await;
    assert_eq!(world.verified("accepted"), 0);
    let many = (0..8).map(|_| {
        let (service, jwt, tenant) = (world.jwt.clone(), Arc::clone(&jwt), tenant(1));
        let (token, done) = (Arc::clone(&token), tokio::sync::oneshot::channel());
        world.tasks.spawn("client", async move {
            for _ in 0..200 {
                let claims = service.accept(&token, &tenant, &jwt, now()).await.unwrap();
                assert_eq!(&*claims.subject, "alice");
            }
            done.0.send(()).unwrap();
        });
        done.1
    });
    for done in join_all(many).await {
        done.unwrap();
    }
    assert_eq!(world.verified("accepted"), 1);
    let other = key.sign(&claims("bob"));
    assert_eq!(&*world.accept(&other, &jwt).await.unwrap().subject, "bob");
    assert_eq!(world.verified("accepted"), 2);
}

/// TK-02: what is remembered ends with the token, and then it is known to have been good.
#[tokio::test]
async fn a_remembered_token_expires_on_time() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    world.fetched(&jwt, &[&key]).await;
    let token = key.sign(&claims("alice"));
    let accepted = world.accept(&token, &jwt).await.unwrap();
    let at = |now| world.jwt.accept(&token, &world.tenant, &jwt, now);
    assert!(at(accepted.expires - Duration::from_secs(1)).await.is_ok());
    let refused = at(accepted.expires).await;
    assert_eq!(refused.unwrap_err(), Refusal::Expired);
    assert_eq!(world.verified("expired"), 1);
}

/// S3-12: the first token waits for the keys, and the request for them is a plain one.
#[tokio::test]
async fn the_first_token_waits_for_the_keys() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    let token = key.sign(&claims("alice"));
    let (accepted, ()) = tokio::join!(
        world.jwt.accept(&token, &world.tenant, &jwt, now()),
        async {
            let asked = world.issuer.asked().await;
            assert!(asked.head.starts_with("GET /keys?v=1 HTTP/1.1\r\n"));
            let head = asked.head.to_ascii_lowercase();
            assert!(head.contains(&format!("\r\nhost: {}\r\n", &world.host)));
            assert!(!head.contains("authorization") && !head.contains("cookie"));
            asked.answer(&[&key]).await;
        }
    );
    assert_eq!(&*accepted.unwrap().subject, "alice");
}

/// S3-12: an issuer that takes a new key is noticed with the first token it signs, and the old key's
/// tokens die when it is withdrawn, remembered or not.
#[tokio::test]
async fn rotation_is_noticed_and_a_withdrawn_key_takes_its_tokens_along() {
    let mut world = World::new().await;
    let (old, new, jwt) = (Key::new("k1"), Key::new("k2"), world.compiled());
    world.fetched(&jwt, &[&old]).await;
    let (first, second) = (old.sign(&claims("alice")), new.sign(&claims("alice")));
    assert!(world.accept(&first, &jwt).await.is_ok());

    world.pass(&jwt, Duration::from_secs(30));
    let (accepted, ()) = tokio::join!(
        world.jwt.accept(&second, &world.tenant, &jwt, now()),
        async { world.issuer.asked().await.answer(&[&old, &new]).await }
    );
    assert!(accepted.is_ok());
    assert!(world.accept(&first, &jwt).await.is_ok());
    assert_eq!(world.verified("accepted"), 2);

    world.pass(&jwt, Duration::from_mins(15));
    world.refreshed(&jwt, &[&new]).await;
    let refused = world.accept(&first, &jwt).await;
    assert_eq!(refused.unwrap_err(), Refusal::UnknownKey);
    assert!(world.accept(&second, &jwt).await.is_ok());
}

/// The same name does not make it the same key.
#[tokio::test]
async fn a_key_that_was_replaced_under_its_name_takes_its_tokens_along() {
    let mut world = World::new().await;
    let (old, new, jwt) = (Key::new("k1"), Key::new("k1"), world.compiled());
    world.fetched(&jwt, &[&old]).await;
    let token = old.sign(&claims("alice"));
    assert!(world.accept(&token, &jwt).await.is_ok());
    world.pass(&jwt, Duration::from_mins(15));
    world.refreshed(&jwt, &[&new]).await;
    let refused = world.accept(&token, &jwt).await;
    assert_eq!(refused.unwrap_err(), Refusal::Invalid);
}

/// TK-06: a hundred unknown keys at once are one fetch, and a thousand more within 30 s are none.
#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_fetch() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    world.fetched(&jwt, &[&key]).await;
    world.pass(&jwt, Duration::from_secs(30));
    let forged = |number: usize| {
        let header = json!({"alg": "ES256", "kid": format!("random-{number}")});
        key.sign_as(&header, &claims("alice"))
    };
    let tokens: Vec<_> = (0..1100).map(forged).collect();
    let good = key.sign(&claims("alice"));
    let at_once = tokens[..100]
        .iter()
        .map(|token| world.jwt.accept(token, &world.tenant, &jwt, now()));
    let (refused, ()) = tokio::join!(join_all(at_once), async {
        let asked = world.issuer.asked().await;
        // Meanwhile others are served as ever.
        let accepted = world.jwt.accept(&good, &world.tenant, &jwt, now()).await;
        assert!(accepted.is_ok());
        asked.answer(&[&key]).await;
    });
    assert!(
        refused
            .iter()
            .all(|one| one.as_ref().err() == Some(&Refusal::UnknownKey))
    );
    for token in &tokens[100..] {
        let refused = world.accept(token, &jwt).await;
        assert_eq!(refused.unwrap_err(), Refusal::UnknownKey);
    }
    assert!(world.issuer.is_left_alone());
}

/// TK-06, TK-09: a token that could not be accepted under any key makes nobody fetch.
#[tokio::test]
async fn a_hopeless_token_causes_no_fetch() {
    let mut world = World::new().await;
    let (key, stranger, jwt) = (Key::new("k1"), Key::new("k9"), world.compiled());
    world.fetched(&jwt, &[&key]).await;
    world.pass(&jwt, Duration::from_secs(30));
    for (claim, wrong) in [
        ("iss", json!("https://evil.test")),
        ("aud", json!("https://b.test/mcp")),
        ("exp", json!("never")),
        ("exp", json!(1)),
    ] {
        let mut claims = claims("alice");
        claims[claim] = wrong;
        let refused = world.accept(&stranger.sign(&claims), &jwt).await;
        assert_eq!(refused.unwrap_err(), Refusal::Invalid, "{claim}");
    }
    let refused = world.accept("x.y.z", &jwt).await;
    assert_eq!(refused.unwrap_err(), Refusal::Malformed);
    let refused = world.accept(&"x".repeat(64 * 1024), &jwt).await;
    assert_eq!(refused.unwrap_err(), Refusal::Malformed);
    assert!(world.issuer.is_left_alone());
}

/// TK-07: no address that a token names is ever called.
#[tokio::test]
async fn an_address_in_a_token_is_not_called() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    world.fetched(&jwt, &[&key]).await;
    world.pass(&jwt, Duration::from_secs(30));
    let (mut evil, mallory) = (Issuer::start(&world.tasks).await, Key::new("k9"));
    for name in ["jku", "x5u"] {
        let mut header = json!({"alg": "ES256", "kid": "k9"});
        header[name] = evil.url().into();
        let refused = world
            .accept(&mallory.sign_as(&header, &claims("alice")), &jwt)
            .await;
        assert_eq!(refused.unwrap_err(), Refusal::Invalid);
    }
    let header = json!({"alg": "ES256", "kid": "k9", "jwk": mallory.jwk()});
    let refused = world
        .accept(&mallory.sign_as(&header, &claims("alice")), &jwt)
        .await;
    assert_eq!(refused.unwrap_err(), Refusal::Invalid);
    assert!(evil.is_left_alone() && world.issuer.is_left_alone());
}

/// S3-12: an issuer that fails in any way keeps the keys it had for a day, and no longer.
#[tokio::test]
async fn an_outage_keeps_the_keys_for_a_day() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    world.fetched(&jwt, &[&key]).await;
    world.pass(&jwt, Duration::from_mins(15));
    let large = vec![b' '; 256 * 1024 + 1];
    let private = json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).to_string();
    for (status, fields, body) in [
        ("500 Internal Server Error", "", &b""[..]),
        ("302 Found", "location: http://127.0.0.1:1/\r\n", b""),
        ("204 No Content", "", b""),
        ("200 OK", "", b"<html>"),
        ("200 OK", "", private.as_bytes()),
        ("200 OK", "", &large),
    ] {
        let mut ended = world.remote(&jwt).watch();
        world.look();
        world.issuer.asked().await.send(status, fields, body).await;
        ended.changed().await.unwrap();
        let token = key.sign(&claims(status));
        assert!(world.accept(&token, &jwt).await.is_ok(), "{status}");
        assert!(world.issuer.is_left_alone(), "{status}");
        world.pass(&jwt, Duration::from_mins(15));
    }
    world.pass(&jwt, Duration::from_hours(24));
    world.look();
    let asked = world.issuer.asked().await;
    let token = key.sign(&claims("a"));
    let (refused, ()) = tokio::join!(
        world.jwt.accept(&token, &world.tenant, &jwt, now()),
        async {
            asked.send("503 Gone Fishing", "", b"").await;
        }
    );
    assert_eq!(refused.unwrap_err(), Refusal::UnknownKey);

    world.pass(&jwt, Duration::from_mins(15));
    world.refreshed(&jwt, &[&key]).await;
    assert!(world.accept(&key.sign(&claims("a")), &jwt).await.is_ok());
}

/// SS: the address of an issuer is a tenant's word, so the policy of the way out decides.
#[tokio::test]
async fn a_forbidden_address_is_not_called() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    let strict = Jwt::new(Dialer::new(
        Policy::public_only(),
        Resolver::System,
        trust(),
    ));
    let running = strict.clone();
    let stop = CancellationToken::new();
    let tasks = world.tasks.clone();
    world.tasks.spawn("keys", running.run(tasks, stop));
    let token = key.sign(&claims("alice"));
    let refused = strict.accept(&token, &world.tenant, &jwt, now()).await;
    assert_eq!(refused.unwrap_err(), Refusal::UnknownKey);
    assert!(world.issuer.is_left_alone());
}

/// S3-12: keys are at hand before the first token comes, because config names where they are.
#[tokio::test]
async fn keys_that_config_names_are_fetched_before_any_token_comes() {
    let mut world = World::new().await;
    let key = Key::new("k1");
    let named = snapshot::Jwt {
        compiled: world.compiled(),
        header: http::header::AUTHORIZATION,
    };
    let list = Authenticators::new([Authenticator::Jwt(Box::new(named))]);
    let tenant = tenant_with(1, Arc::new(list));
    world.jwt.prefetch(&tenant);
    let Some(Authenticator::Jwt(named)) = tenant.all_authenticators().next() else {
        panic!("it is there");
    };
    world.fetched(&named.compiled, &[&key]).await;
    world.pass(&named.compiled, Duration::from_secs(30));
    let token = key.sign(&claims("alice"));
    assert!(world.accept(&token, &named.compiled).await.is_ok());
    world.jwt.prefetch(&tenant);
    assert!(world.issuer.is_left_alone());
}

/// S3-12: keys stay through a config change, and go when no config names them.
#[tokio::test]
async fn keys_live_as_long_as_config_names_them() {
    let mut world = World::new().await;
    let (key, jwt) = (Key::new("k1"), world.compiled());
    world.fetched(&jwt, &[&key]).await;
    let changed = CompiledJwt::compile(&JwtAuthenticator {
        audiences: vec!["https://a.test/mcp".into(), "more".into()],
        ..world.config()
    });
    let changed = changed.unwrap();
    drop(jwt);
    let accepted = world.accept(&key.sign(&claims("alice")), &changed).await;
    assert!(accepted.is_ok() && world.issuer.is_left_alone());

    world.pass(&changed, Duration::from_mins(15));
    world.refreshed(&changed, &[&key]).await;
    assert_eq!(world.jwt.0.registry.len(), 1);
    world.pass(&changed, Duration::from_mins(15));
    drop(changed);
    world.look();
    assert_eq!(world.jwt.0.registry.len(), 0);
    assert!(world.issuer.is_left_alone());
}

/// TI: neither keys nor verified tokens cross from one tenant to another, even for one address.
#[tokio::test]
async fn tenants_share_neither_keys_nor_verified_tokens() {
    let mut world = World::new().await;
    let (key, rogue) = (Key::new("k1"), Key::new("k1"));
    let (ours, theirs) = (world.compiled(), world.compiled());
    world.fetched(&ours, &[&key]).await;
    let token = key.sign(&claims("alice"));
    assert!(world.accept(&token, &ours).await.is_ok());
    let other = tenant(2);
    let (refused, ()) = tokio::join!(world.jwt.accept(&token, &other, &theirs, now()), async {
        world.issuer.asked().await.answer(&[&rogue]).await;
    });
    assert_eq!(refused.unwrap_err(), Refusal::Invalid);
    assert!(world.accept(&token, &ours).await.is_ok());
}

/// S3-5: a shared secret counts as long as the tenant has it.
#[tokio::test]
async fn a_withdrawn_secret_takes_its_tokens_along() {
    let world = World::new().await;
    let jwt = CompiledJwt::compile(&JwtAuthenticator {
        jwks_uri: String::new(),
        secret_uid: "s1".into(),
        ..world.config()
    });
    let (jwt, secret) = (jwt.unwrap(), [7; 32]);
    let token = hs256(&secret, &claims("alice"));
    let with = |secret: &[u8]| {
        let secrets = TenantSecrets::new(SessionKeyring::new(Vec::new()));
        tenant(1).with_secrets(Arc::new(secrets.with_jwt_secret("s1", secret)))
    };
    let accepted = world.jwt.accept(&token, &with(&secret), &jwt, now()).await;
    assert_eq!(&*accepted.unwrap().subject, "alice");
    let refused = world.jwt.accept(&token, &with(&[8; 32]), &jwt, now()).await;
    assert_eq!(refused.unwrap_err(), Refusal::Invalid);
    let refused = world.jwt.accept(&token, &tenant(1), &jwt, now()).await;
    assert_eq!(refused.unwrap_err(), Refusal::UnknownKey);
}

/// Pinned keys need no network at all.
#[tokio::test]
async fn pinned_keys_are_never_fetched() {
    let mut world = World::new().await;
    let key = Key::new("k1");
    let jwt = CompiledJwt::compile(&JwtAuthenticator {
        jwks_uri: String::new(),
        jwks: json!({"keys": [key.jwk()]}).to_string(),
        ..world.config()
    });
    let jwt = jwt.unwrap();
    assert!(
        world
            .accept(&key.sign(&claims("alice")), &jwt)
            .await
            .is_ok()
    );
    let stranger = Key::new("k2").sign(&claims("alice"));
    let refused = world.accept(&stranger, &jwt).await;
    assert_eq!(refused.unwrap_err(), Refusal::UnknownKey);
    assert!(world.issuer.is_left_alone());
}

#[tokio::test]
async fn a_tenant_has_a_bounded_number_of_addresses() {
    let world = World::new().await;
    let registry = &world.jwt.0.registry;
    let take = |tenant: u128, number: usize| {
        let endpoint = format!("https://idp.test/{number}").parse().unwrap();
        let tenant = TenantUid::from_uuid(Uuid::from_u128(tenant));
        registry.remote(tenant, &endpoint)
    };
    let held: Vec<_> = (0..40).filter_map(|number| take(1, number)).collect();
    assert_eq!(held.len(), 32);
    assert!(take(1, 0).is_some() && take(1, 40).is_none());
    assert!(take(2, 0).is_some());
}
