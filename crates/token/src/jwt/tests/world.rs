//! An authenticator with its keys, and the tokens that it accepts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proto::access::v1::JwtAuthenticator;
use serde_json::{Value, json};

use super::signer::Signer;
use crate::jwt::{Claims, KeySet, Refusal, Rules, verify};

/// An authenticator with its keys.
pub(super) struct World {
    pub(super) rules: Rules,
    pub(super) keys: KeySet,
}

impl World {
    /// The signer's public key is pinned as `k1`.
    pub(super) fn new(signer: &Signer, change: impl FnOnce(&mut JwtAuthenticator)) -> Self {
        let mut config = config();
        change(&mut config);
        Self::of(set(&[signer.jwk("k1")]), &config)
    }

    pub(super) fn of(keys: KeySet, config: &JwtAuthenticator) -> Self {
        let rules = Rules::compile(&JwtAuthenticator {
            jwks_uri: match &*config.secret_uid {
                "" => "https://idp.test/jwks".into(),
                _ => String::new(),
            },
            ..config.clone()
        });
        Self {
            rules: rules.unwrap(),
            keys,
        }
    }

    /// A token with the usual claims, and these.
    pub(super) fn token(&self, signer: &Signer, claims: &Value) -> String {
        let mut header = header(signer);
        if !self.rules.token_type.is_empty() {
            header["typ"] = (*self.rules.token_type).into();
        }
        signer.sign(&header, &merged(claims))
    }

    pub(super) fn accept(&self, token: &str) -> Claims {
        verify(token, &self.rules, &self.keys, now()).unwrap()
    }

    pub(super) fn refuse(&self, token: &str) -> Refusal {
        verify(token, &self.rules, &self.keys, now()).unwrap_err()
    }
}

pub(super) fn config() -> JwtAuthenticator {
    JwtAuthenticator {
        issuer: "https://idp.test".into(),
        audiences: vec!["https://a.test/mcp".into()],
        ..Default::default()
    }
}

pub(super) fn set(keys: &[Value]) -> KeySet {
    KeySet::parse_jwks(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

pub(super) fn header(signer: &Signer) -> Value {
    json!({"alg": signer.algorithm(), "kid": "k1"})
}

pub(super) fn payload() -> Value {
    json!({"iss": "https://idp.test", "aud": "https://a.test/mcp", "sub": "alice", "exp": NOW + 300})
}

pub(super) fn merged(claims: &Value) -> Value {
    let mut all = payload();
    let claims = claims.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(claims);
    all
}

pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(super) const NOW: u64 = 1_800_000_001;
