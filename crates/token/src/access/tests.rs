use serde_json::{Value, json};

use super::*;

#[test]
fn a_token_is_read_as_it_was_minted() {
    let (key, token) = (SigningKey::generate().0, token());
    let text = mint(&token, &key);
    assert_eq!(read(&text, &key), Ok(token.clone()));
    assert_eq!(kid_of(&text).as_deref(), Some(key.kid()));
    let lag = now().duration_since(token.issued_at()).unwrap();
    assert!(lag < Duration::from_secs(1), "{lag:?}");
}

#[test]
fn a_stored_key_is_the_same_key() {
    let (key, document) = SigningKey::generate();
    let stored = SigningKey::from_pkcs8(&document).unwrap();
    assert_eq!(stored.kid(), key.kid());
    assert!(read(&mint(&token(), &stored), &key).is_ok());
    assert_eq!(
        SigningKey::from_pkcs8(&document[1..]).unwrap_err(),
        InvalidKey
    );
}

/// A18, A11, A12.
#[test]
fn nothing_but_our_own_token_for_this_issuer_and_tenant_is_read() {
    let (key, other) = (SigningKey::generate().0, SigningKey::generate().0);
    assert!(read(&mint(&token(), &key), &key).is_ok());
    let longest = with(|token| token.expires = token.issued + LONGEST_LIFE);
    assert!(read(&mint(&longest, &key), &key).is_ok());
    for (wrong, refusal) in [
        (mint(&token(), &other), Refusal::UnknownKey),
        (
            mint(&with(|token| token.issuer = "https://b.test".into()), &key),
            Refusal::Invalid,
        ),
        (
            mint(&with(|token| token.tenant = tenant(2)), &key),
            Refusal::Invalid,
        ),
        (
            mint(&with(|token| token.issued += Duration::from_secs(90)), &key),
            Refusal::Invalid,
        ),
        (
            mint(
                &with(|token| {
                    token.expires = token.issued + LONGEST_LIFE + Duration::from_secs(1);
                }),
                &key,
            ),
            Refusal::Invalid,
        ),
        (
            mint(&with(|token| token.id = Uuid::from_u128(7)), &key),
            Refusal::Invalid,
        ),
        (
            mint(&with(|token| token.expires = now() - LEEWAY), &key),
            Refusal::Expired,
        ),
        (format!("{}x", mint(&token(), &key)), Refusal::Malformed),
        ("a.b".to_owned(), Refusal::Malformed),
    ] {
        assert_eq!(read(&wrong, &key), Err(refusal), "{wrong}");
    }
}

/// A18: `alg:none`, another algorithm, keys that the token brings, another type, unknown header members.
#[test]
fn a_header_other_than_ours_is_not_followed() {
    let key = SigningKey::generate().0;
    let good = json!({"alg": "ES256", "typ": "at+jwt", "kid": key.kid()});
    assert!(read(&signed(&good, &key), &key).is_ok());
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("es256")),
        ("typ", json!("JWT")),
        ("typ", json!("id_token")),
        ("jwk", key.public().jwk()),
        ("jku", json!("https://evil.test/jwks")),
        ("crit", json!(["exp"])),
        ("kid", Value::Null),
    ] {
        let mut header = good.clone();
        header[member] = value;
        assert_eq!(
            read(&signed(&header, &key), &key),
            Err(Refusal::Invalid),
            "{header}"
        );
    }
}

/// A44.
#[test]
fn clocks_that_differ_by_a_minute_are_forgiven() {
    let key = SigningKey::generate().0;
    let ahead = with(|token| token.issued += Duration::from_mins(1));
    assert!(read(&mint(&ahead, &key), &key).is_ok());
    let behind = with(|token| token.expires = now() - Duration::from_secs(59));
    assert!(read(&mint(&behind, &key), &key).is_ok());
}

fn signed(header: &Value, key: &SigningKey) -> String {
    let message = format!("{}.{}", encoded(header), encoded(&Payload::of(&token())));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn read(text: &str, key: &SigningKey) -> Result<AccessToken, Refusal> {
    verify(text, ISSUER, tenant(1), &[key.public()], now())
}

fn with(change: impl FnOnce(&mut AccessToken)) -> AccessToken {
    let mut token = token();
    change(&mut token);
    token
}

fn token() -> AccessToken {
    AccessToken {
        issuer: ISSUER.into(),
        audiences: ["https://acme.test/mcp/files".into()].into(),
        subject: "0190b7c2-6f00-7abc-8def-0123456789ab".into(),
        username: "ada@acme.test".into(),
        client: "client-1".into(),
        scopes: ["mcp".into(), "mcp:read".into()].into(),
        roles: ["dev".into()].into(),
        groups: Box::default(),
        tenant: tenant(1),
        grant: Some(GrantUid::from_uuid(Uuid::from_u128(3))),
        id: Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            seconds(now()),
            0,
        )),
        issued: now(),
        expires: now() + Duration::from_hours(1),
    }
}

fn tenant(number: u128) -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(number))
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

const ISSUER: &str = "https://acme.test";
