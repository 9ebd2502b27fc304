//! What a tenant's sessions and credentials are made and checked with, as controllers hand it out.
//! It lives in memory only and no `Debug` shows it.

use std::{collections::HashMap, fmt, sync::Arc};

use proto::node::v1 as node;
use token::jwt::KeySet;
use zeroize::Zeroizing;

use super::session_keys::SessionKeyring;

/// A tenant's secrets.
pub struct TenantSecrets {
    sessions: SessionKeyring,
    peppers: HashMap<Box<str>, Pepper>,
    jwt: HashMap<Box<str>, Arc<KeySet>>,
}

/// A key for the verifiers of static tokens.
pub type Pepper = Zeroizing<[u8; 32]>;

impl TenantSecrets {
    /// The keys that seal, and nothing else.
    pub fn new(sessions: SessionKeyring) -> Self {
        Self {
            sessions,
            peppers: HashMap::new(),
            jwt: HashMap::new(),
        }
    }

    /// The secrets as a controller sent them. What cannot be used is left out and counted.
    pub(super) fn read(sent: &node::TenantSecrets) -> (Self, usize) {
        let (sessions, mut unusable) = SessionKeyring::read(sent);
        let mut secrets = Self::new(sessions);
        for pepper in &sent.peppers {
            match <[u8; 32]>::try_from(&*pepper.key) {
                Ok(key) => secrets = secrets.with_pepper(&pepper.id, Zeroizing::new(key)),
                Err(_) => unusable += 1,
            }
        }
        for secret in &sent.jwt_secrets {
            // A short or empty secret would let anybody sign.
            if secret.value.len() < JWT_SECRET {
                unusable += 1;
                continue;
            }
            secrets = secrets.with_jwt_secret(&secret.uid, &secret.value);
        }
        (secrets, unusable)
    }

    /// With a pepper under its id.
    pub fn with_pepper(mut self, id: &str, pepper: Pepper) -> Self {
        self.peppers.insert(id.into(), pepper);
        self
    }

    /// With the shared secret of an issuer.
    pub fn with_jwt_secret(mut self, uid: &str, secret: &[u8]) -> Self {
        let keys = Arc::new(KeySet::shared_secret(secret));
        self.jwt.insert(uid.into(), keys);
        self
    }

    /// The keys that seal session ids, cursors and session tokens.
    pub fn sessions(&self) -> &SessionKeyring {
        &self.sessions
    }

    /// The keys for the verifiers of static tokens; more than one while they are being replaced.
    pub fn peppers(&self) -> impl Iterator<Item = &Pepper> {
        self.peppers.values()
    }

    /// The shared secret of an issuer, as its only key.
    pub fn jwt_keys(&self, uid: &str) -> Option<&Arc<KeySet>> {
        self.jwt.get(uid)
    }
}

impl fmt::Debug for TenantSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSecrets")
            .field("sessions", &self.sessions)
            .field("peppers", &self.peppers.keys())
            .field("jwt", &self.jwt.keys())
            .finish()
    }
}

/// The shortest secret of an issuer, in bytes; the admin API takes no shorter one.
const JWT_SECRET: usize = 32;
