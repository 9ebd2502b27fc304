//! Who makes tokens for A, and an issuer that is somebody else.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway::config::snapshot::{Authenticator, Jwt};
use proto::{
    access::v1::JwtAuthenticator,
    id::{GrantUid, TenantUid},
};
use serde_json::{Value, json};
use token::access::{AccessToken, SigningKey, mint};
use uuid::{NoContext, Timestamp, Uuid};

use crate::world::now;

/// A's authorization server.
pub(super) struct Issuer {
    document: Vec<u8>,
    made: RefCell<u128>,
}

impl Issuer {
    /// One, and its key.
    pub(super) fn new() -> (Self, SigningKey) {
        let (key, document) = SigningKey::generate();
        let issuer = Self {
            document: document.to_vec(),
            made: RefCell::new(0),
        };
        (issuer, key)
    }

    /// Its key.
    pub(super) fn key(&self) -> SigningKey {
        SigningKey::from_pkcs8(&self.document).unwrap()
    }

    /// Ada's token for all of A's servers, after a change.
    pub(super) fn token(&self, change: impl FnOnce(&mut AccessToken)) -> String {
        let mut token = self.plain();
        change(&mut token);
        mint(&token, &self.key())
    }

    pub(super) fn plain(&self) -> AccessToken {
        *self.made.borrow_mut() += 1;
        let stamp = Timestamp::from_unix(NoContext, seconds(now()), 0);
        AccessToken {
            issuer: "https://a.test".into(),
            audiences: ["https://a.test/mcp".into()].into(),
            subject: "0190b7c2-6f00-7abc-8def-0123456789ab".into(),
            username: "ada".into(),
            client: "client-1".into(),
            scopes: ["mcp".into()].into(),
            roles: Box::default(),
            groups: Box::default(),
            tenant: TenantUid::from_uuid(Uuid::from_u128(1)),
            grant: Some(GrantUid::from_uuid(Uuid::from_u128(3))),
            id: Uuid::new_v7(stamp),
            issued: now(),
            expires: now() + Duration::from_hours(1),
        }
    }

    /// A token with another header and payload, properly signed.
    pub(super) fn odd(&self, header: &Value, payload: &Value) -> String {
        use aws_lc_rs::{
            rand::SystemRandom,
            signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(payload));
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.document);
        let signed = pair.unwrap().sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed.unwrap()))
    }
}

/// An authenticator for the tokens of another issuer.
pub(super) fn jwt() -> Authenticator {
    let config = JwtAuthenticator {
        issuer: "https://issuer.test".to_owned(),
        audiences: vec!["https://a.test/mcp/s1".to_owned()],
        secret_uid: "s".to_owned(),
        ..JwtAuthenticator::default()
    };
    Authenticator::Jwt(Box::new(Jwt::compile(&config).unwrap()))
}

/// A token of that issuer.
pub(super) fn foreign(audience: &str) -> String {
    let claims = json!({
        "iss": "https://issuer.test",
        "aud": audience,
        "sub": "carol",
        "exp": seconds(now() + Duration::from_hours(1)),
    });
    hs256(&[5; 32], &json!({"alg": "HS256", "typ": "JWT"}), &claims)
}

/// A token signed with a shared secret.
pub(super) fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    use aws_lc_rs::hmac;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        message.as_bytes(),
    );
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The two parts of a token that can be read.
pub(super) fn parts(token: &str) -> (Value, Value) {
    let read = |part: &str| {
        let json = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&json).unwrap()
    };
    let mut parts = token.split('.');
    (read(parts.next().unwrap()), read(parts.next().unwrap()))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
