//! Keys that open stored credentials: tenant keys unwrapped with the key-encryption key, records
//! sealed and opened under them. It reads no database; callers bring the rows.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::hmac;
use proto::id::{ServerUid, TenantUid};
use seal::{Kek, TenantKey, WrapContext};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::place::Place;

/// What a seal binds.
mod place;

/// How a credential is presented to a server, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScheme {
    /// The server wants none.
    None,
    /// `Authorization: Bearer …`.
    Bearer,
    /// A header of its own.
    ApiKey,
}

/// A row of `tenant_keys`.
#[derive(Debug, Clone)]
pub struct WrappedTenantKey {
    /// Whose key it is.
    pub tenant: TenantUid,
    /// Which key.
    pub key_id: Uuid,
    /// Grows with each rotation.
    pub version: u32,
    /// The key-encryption key that wraps it.
    pub kek_id: String,
    /// The wrapped bytes.
    pub wrapped: Vec<u8>,
}

/// A row of `credentials`, with the scheme from its server's row.
#[derive(Debug, Clone)]
pub struct SealedCredential {
    /// Whose it is.
    pub tenant: TenantUid,
    /// The server that it is presented to.
    pub server: ServerUid,
    /// Which of the server's credentials.
    pub generation: u64,
    /// The only origin it may be sent to, `scheme://host:port` with the port written out.
    pub origin: String,
    /// How it is presented.
    pub scheme: AuthScheme,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// The stored bytes do not open: wrong key, moved row, changed origin, stale generation or damage.
/// Deliberately one error without detail.
#[derive(Debug, thiserror::Error)]
#[error("the stored secret cannot be read")]
pub struct Unreadable;

/// Opens and seals stored credentials. Tenant keys are kept unwrapped for as long as the process
/// lives, but used only for rows that still name them: a removed row is a removed key.
pub struct Vault {
    kek: Kek,
    deployment: Uuid,
    unwrapped: Mutex<HashMap<KeyIdentity, Arc<TenantKey>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct KeyIdentity {
    tenant: TenantUid,
    key_id: Uuid,
    version: u32,
}

/// What stands in place of a credential's value: sealed for storage, and told apart from others.
pub struct NewCredential {
    /// The row to store.
    pub row: SealedCredential,
    /// Eight hex digits that tell two values apart and reveal neither.
    pub fingerprint: String,
}

impl AuthScheme {
    /// As stored, and as the seal binds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
        }
    }
}

/// The text is no scheme that we ever store.
#[derive(Debug, thiserror::Error)]
#[error("not a credential scheme")]
pub struct UnknownScheme;

impl FromStr for AuthScheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, UnknownScheme> {
        [Self::None, Self::Bearer, Self::ApiKey]
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
            .ok_or(UnknownScheme)
    }
}

impl Vault {
    /// A vault of this installation.
    pub fn new(kek: Kek, deployment: Uuid) -> Self {
        Self {
            kek,
            deployment,
            unwrapped: Mutex::default(),
        }
    }

    /// A new tenant's first key, wrapped for storage.
    pub fn create_tenant_key(&self, tenant: TenantUid) -> WrappedTenantKey {
        let key = TenantKey::generate(Uuid::now_v7(), FIRST_VERSION);
        WrappedTenantKey {
            tenant,
            key_id: key.id(),
            version: key.version(),
            kek_id: self.kek.id().to_owned(),
            wrapped: self.kek.wrap(&key, &self.wrap_context(tenant)),
        }
    }

    /// Seals a credential for one server, one origin and one generation, under the tenant's newest
    /// key. `row.sealed` is what it fills in.
    pub fn seal_credential(
        &self,
        keys: &[WrappedTenantKey],
        mut row: SealedCredential,
        value: &[u8],
    ) -> Result<NewCredential, Unreadable> {
        let key = self.tenant_key(row.tenant, keys)?;
        let fingerprint = fingerprint(&key, value);
        row.sealed = self.seal(keys, &Place::credential(&row), value)?;
        Ok(NewCredential { row, fingerprint })
    }

    /// Opens a stored credential with whichever of the tenant's keys it names.
    pub fn open_credential(
        &self,
        keys: &[WrappedTenantKey],
        row: &SealedCredential,
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        self.open(keys, &Place::credential(row), &row.sealed)
    }

    /// Seals a value for its place, under the tenant's newest key.
    pub fn seal(
        &self,
        keys: &[WrappedTenantKey],
        place: &Place<'_>,
        value: &[u8],
    ) -> Result<Vec<u8>, Unreadable> {
        let key = self.tenant_key(place.tenant, keys)?;
        Ok(seal::seal(&key, &place.context(self.deployment), value))
    }

    /// Opens what was sealed for this place, with whichever of the tenant's keys it names.
    pub fn open(
        &self,
        keys: &[WrappedTenantKey],
        place: &Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let own = self.tenant_keys(place.tenant, keys);
        let find = |id: Uuid, version: u32| {
            own.iter()
                .map(Arc::as_ref)
                .find(|key| key.id() == id && key.version() == version)
        };
        seal::open(find, &place.context(self.deployment), sealed).map_err(|_| Unreadable)
    }

    /// All of a tenant's keys that can be unwrapped.
    pub fn tenant_keys(&self, tenant: TenantUid, keys: &[WrappedTenantKey]) -> Vec<Arc<TenantKey>> {
        keys.iter()
            .filter(|key| key.tenant == tenant)
            .filter_map(|key| self.unwrap(key).ok())
            .collect()
    }

    /// The newest of a tenant's keys.
    pub fn tenant_key(
        &self,
        tenant: TenantUid,
        keys: &[WrappedTenantKey],
    ) -> Result<Arc<TenantKey>, Unreadable> {
        let newest = keys
            .iter()
            .filter(|key| key.tenant == tenant)
            .max_by_key(|key| key.version)
            .ok_or(Unreadable)?;
        self.unwrap(newest)
    }

    fn unwrap(&self, key: &WrappedTenantKey) -> Result<Arc<TenantKey>, Unreadable> {
        let identity = KeyIdentity {
            tenant: key.tenant,
            key_id: key.key_id,
            version: key.version,
        };
        if let Some(known) = self.unwrapped().get(&identity) {
            return Ok(Arc::clone(known));
        }
        if key.kek_id != self.kek.id() {
            return Err(Unreadable);
        }
        let context = self.wrap_context(key.tenant);
        let fresh = self
            .kek
            .unwrap(key.key_id, key.version, &context, &key.wrapped)
            .map_err(|_| Unreadable)?;
        let fresh = Arc::new(fresh);
        let mut unwrapped = self.unwrapped();
        if unwrapped.len() >= MAX_UNWRAPPED {
            unwrapped.clear();
        }
        unwrapped.insert(identity, Arc::clone(&fresh));
        Ok(fresh)
    }

    fn unwrapped(&self) -> MutexGuard<'_, HashMap<KeyIdentity, Arc<TenantKey>>> {
        self.unwrapped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wrap_context(&self, tenant: TenantUid) -> WrapContext {
        WrapContext {
            deployment: self.deployment,
            tenant: tenant.uuid(),
        }
    }
}

/// Keyed, so that whoever reads it cannot test guesses against it.
fn fingerprint(key: &TenantKey, value: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*key.fingerprint_key());
    let tag = hmac::sign(&key, value);
    let head = tag.as_ref().iter().take(4);
    head.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

const FIRST_VERSION: u32 = 1;
/// About 100 bytes each.
const MAX_UNWRAPPED: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_opens_in_its_own_row() {
        let (vault, key, sealed) = stored();
        let opened = vault.open_credential(&[key], &sealed).unwrap();
        assert_eq!(opened.as_slice(), SECRET);
    }

    /// CR-01, CR-05, CL-06: what the seal binds cannot be changed around it.
    #[test]
    fn a_credential_opens_nowhere_else() {
        let (vault, key, sealed) = stored();
        let foreign = vault.create_tenant_key(tenant(2));
        let keys = [key, foreign];
        let opens = |row: SealedCredential| vault.open_credential(&keys, &row).is_ok();
        assert!(opens(sealed.clone()));
        assert!(!opens(SealedCredential {
            tenant: tenant(2),
            ..sealed.clone()
        }));
        assert!(!opens(SealedCredential {
            server: ServerUid::from_uuid(Uuid::from_u128(99)),
            ..sealed.clone()
        }));
        assert!(!opens(SealedCredential {
            generation: 2,
            ..sealed.clone()
        }));
        assert!(!opens(SealedCredential {
            origin: "https://evil.example:443".to_owned(),
            ..sealed.clone()
        }));
        assert!(!opens(SealedCredential {
            scheme: AuthScheme::ApiKey,
            ..sealed
        }));
    }

    #[test]
    fn a_removed_key_opens_nothing_although_it_was_used_before() {
        let (vault, key, sealed) = stored();
        assert!(vault.open_credential(&[key], &sealed).is_ok());
        assert!(vault.open_credential(&[], &sealed).is_err());
    }

    #[test]
    fn fingerprints_tell_values_apart_and_differ_between_tenants() {
        let (vault, key, sealed) = stored();
        let other = vault.create_tenant_key(tenant(2));
        let of = |key: &WrappedTenantKey, value: &[u8]| {
            let row = SealedCredential {
                tenant: key.tenant,
                ..sealed.clone()
            };
            let keys = std::slice::from_ref(key);
            vault.seal_credential(keys, row, value).unwrap().fingerprint
        };
        assert_eq!(of(&key, b"one").len(), 8);
        assert_eq!(of(&key, b"one"), of(&key, b"one"));
        assert_ne!(of(&key, b"one"), of(&key, b"two"));
        assert_ne!(of(&key, b"one"), of(&other, b"one"));
    }

    fn stored() -> (Vault, WrappedTenantKey, SealedCredential) {
        let vault = Vault::new(Kek::of(&[7; 32]), Uuid::from_u128(1));
        let key = vault.create_tenant_key(tenant(1));
        let row = SealedCredential {
            tenant: tenant(1),
            server: ServerUid::from_uuid(Uuid::from_u128(10)),
            generation: 1,
            origin: "https://mcp.example:443".to_owned(),
            scheme: AuthScheme::Bearer,
            sealed: Vec::new(),
        };
        let keys = std::slice::from_ref(&key);
        let sealed = vault.seal_credential(keys, row, SECRET).unwrap().row;
        (vault, key, sealed)
    }

    fn tenant(number: u128) -> TenantUid {
        TenantUid::from_uuid(Uuid::from_u128(number))
    }

    const SECRET: &[u8] = b"s3cret";
}
