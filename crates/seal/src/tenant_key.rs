//! A tenant's key. It encrypts nothing itself: every use has a key of its own, derived from it.

use std::fmt;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::primitive::{KEY, Secret, derive, random};

/// One version of one tenant's key: 32 random bytes, stored only wrapped by the KEK.
pub struct TenantKey {
    id: Uuid,
    version: u32,
    bytes: Secret,
}

impl TenantKey {
    /// A new random key with this identity.
    pub fn generate(id: Uuid, version: u32) -> Self {
        Self::of(id, version, Zeroizing::new(random()))
    }

    /// The key with these bytes.
    pub(crate) fn of(id: Uuid, version: u32, bytes: Secret) -> Self {
        Self { id, version, bytes }
    }

    /// Its id, shared by all its versions.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Its version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The key that nodes seal session ids with on this day (days since 1970-01-01 UTC).
    pub fn session_key(&self, day: u32) -> Zeroizing<[u8; 32]> {
        let purpose = self.purpose("seal");
        derive(&purpose, b"", &format!("aldgate/v1/session/{day}"))
    }

    /// The key of the fingerprints that tell two stored secrets apart: without it a fingerprint
    /// says nothing about a guessed secret.
    pub fn fingerprint_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.purpose("cred"), b"", "aldgate/v1/fingerprint")
    }

    /// The pepper of static tokens: without it their verifiers say nothing about a guessed token.
    pub fn pepper(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.purpose("static"), b"", "aldgate/v1/pepper")
    }

    /// The key with which a refresh token follows from the one before.
    pub fn refresh_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.purpose("refresh"), b"", "aldgate/v1/successor")
    }

    /// The key from which those of one purpose are derived.
    pub(crate) fn purpose(&self, purpose: &str) -> Secret {
        derive(&self.bytes, b"", &format!("aldgate/v1/purpose/{purpose}"))
    }

    /// Its bytes, to be wrapped.
    pub(crate) fn bytes(&self) -> &[u8; KEY] {
        &self.bytes
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKey")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_and_every_purpose_has_a_key_of_its_own() {
        let key = TenantKey::generate(Uuid::nil(), 1);
        assert_eq!(key.session_key(20_000), key.session_key(20_000));
        assert_ne!(key.session_key(20_000), key.session_key(20_001));
        assert_ne!(key.purpose("seal"), key.purpose("cred"));
        assert_ne!(key.pepper(), key.fingerprint_key());
        assert_ne!(key.pepper(), key.refresh_key());
        assert_ne!(key.pepper(), TenantKey::generate(Uuid::nil(), 1).pepper());
    }

    #[test]
    fn debug_shows_which_key_and_nothing_of_it() {
        let key = TenantKey::generate(Uuid::nil(), 1);
        assert_eq!(
            format!("{key:?}"),
            "TenantKey { id: 00000000-0000-0000-0000-000000000000, version: 1, .. }"
        );
    }
}
