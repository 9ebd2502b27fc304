//! The key-encryption key: wraps tenant keys, and proves at boot that it is the one that the database
//! was written with. Rotation (several keys at once) and key services have their room here.

use std::{fmt, path::Path};

use aws_lc_rs::hmac;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    OpenError, TenantKey,
    binding::Binding,
    primitive::{Cipher, KEY, NONCE, Secret, TAG, derive, random},
};

/// Reading it from a file.
mod file;

pub use file::KekError;

/// The key-encryption key. It never leaves the process and is never in the database.
pub struct Kek {
    id: Box<str>,
    wrapping: Cipher,
    canary: Cipher,
}

/// What a wrapped tenant key is bound to, besides its own id and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrapContext {
    /// The installation.
    pub deployment: Uuid,
    /// The tenant whose key it is.
    pub tenant: Uuid,
}

impl Kek {
    /// Reads the key from a file: 32 raw bytes, or their hex or base64 form with or without a line
    /// end. The file must be closed to group and others (mode 0400 or 0600).
    pub fn read(path: &Path) -> Result<Self, KekError> {
        file::read(path).map(|key| Self::of(&key))
    }

    /// A new key's bytes, for whoever writes the file.
    pub fn generate() -> Zeroizing<[u8; 32]> {
        Zeroizing::new(random())
    }

    /// The key with these bytes.
    pub fn of(key: &[u8; KEY]) -> Self {
        Self {
            id: id_of(key).into(),
            wrapping: Cipher::new(&derive(key, b"", "aldgate/v1/kek/wrap")),
            canary: Cipher::new(&derive(key, b"", "aldgate/v1/kek/canary")),
        }
    }

    /// Its key-check value, `kek_` and 16 hex digits. Tells keys apart and reveals nothing of them.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Wraps a tenant key, to be stored.
    pub fn wrap(&self, key: &TenantKey, context: &WrapContext) -> Vec<u8> {
        self.wrap_with(key, context, random())
    }

    /// The tenant key with this id and version, from its stored form.
    pub fn unwrap(
        &self,
        id: Uuid,
        version: u32,
        context: &WrapContext,
        wrapped: &[u8],
    ) -> Result<TenantKey, OpenError> {
        let plain = open_blob(
            &self.wrapping,
            &self.wrap_binding(id, version, context),
            wrapped,
        )?;
        let mut bytes = Secret::default();
        if plain.len() != bytes.len() {
            return Err(OpenError);
        }
        bytes.copy_from_slice(&plain);
        Ok(TenantKey::of(id, version, bytes))
    }

    /// What an installation stores at its first boot with this key.
    pub fn canary(&self, deployment: Uuid) -> Vec<u8> {
        self.canary_with(deployment, random())
    }

    /// Whether this key made the installation's canary. If not, nothing may be written.
    pub fn check_canary(&self, deployment: Uuid, canary: &[u8]) -> Result<(), OpenError> {
        let plain = open_blob(&self.canary, &self.canary_binding(deployment), canary)?;
        (plain.as_slice() == CANARY).then_some(()).ok_or(OpenError)
    }

    /// The nonce is a parameter so that the test vectors can be made again; so below.
    pub(crate) fn wrap_with(
        &self,
        key: &TenantKey,
        context: &WrapContext,
        nonce: [u8; NONCE],
    ) -> Vec<u8> {
        let binding = self.wrap_binding(key.id(), key.version(), context);
        seal_blob(&self.wrapping, &binding, key.bytes(), nonce)
    }

    pub(crate) fn canary_with(&self, deployment: Uuid, nonce: [u8; NONCE]) -> Vec<u8> {
        seal_blob(
            &self.canary,
            &self.canary_binding(deployment),
            CANARY,
            nonce,
        )
    }

    fn wrap_binding(&self, id: Uuid, version: u32, context: &WrapContext) -> Binding {
        Binding::new("aldgate/v1/wrap")
            .with(self.id.as_bytes())
            .with(context.deployment)
            .with(context.tenant)
            .with(id)
            .with(version.to_be_bytes())
    }

    fn canary_binding(&self, deployment: Uuid) -> Binding {
        Binding::new("aldgate/v1/canary")
            .with(self.id.as_bytes())
            .with(deployment)
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Format byte ‖ nonce ‖ ciphertext ‖ tag.
fn seal_blob(cipher: &Cipher, binding: &Binding, plain: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + NONCE + plain.len() + TAG);
    out.push(FORMAT);
    out.extend_from_slice(&nonce);
    cipher.seal(nonce, binding, plain, &mut out);
    out
}

fn open_blob(
    cipher: &Cipher,
    binding: &Binding,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let rest = blob.strip_prefix(&[FORMAT]).ok_or(OpenError)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(OpenError)?;
    cipher.open(*nonce, binding, sealed)
}

fn id_of(key: &[u8; KEY]) -> String {
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, key),
        b"aldgate/v1/kek-check",
    );
    let head = tag.as_ref().iter().take(8);
    head.fold("kek_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

const FORMAT: u8 = 1;
const CANARY: &[u8] = b"aldgate canary";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrapped_key_comes_back_under_its_own_name() {
        let (kek, key, context) = parts();
        let wrapped = kek.wrap(&key, &context);
        let back = kek
            .unwrap(key.id(), key.version(), &context, &wrapped)
            .unwrap();
        assert_eq!(back.bytes(), key.bytes());
        assert_eq!((back.id(), back.version()), (key.id(), key.version()));
    }

    /// CR-01: a wrapped key of one tenant is useless in another tenant's row.
    #[test]
    fn a_wrapped_key_opens_nowhere_else() {
        let (kek, key, context) = parts();
        let wrapped = kek.wrap(&key, &context);
        let (id, version) = (key.id(), key.version());
        assert!(kek.unwrap(id, version, &context, &wrapped).is_ok());
        let other = Uuid::from_u128(99);
        let foreign = WrapContext {
            tenant: other,
            ..context
        };
        let elsewhere = WrapContext {
            deployment: other,
            ..context
        };
        for failed in [
            kek.unwrap(other, version, &context, &wrapped),
            kek.unwrap(id, version + 1, &context, &wrapped),
            kek.unwrap(id, version, &foreign, &wrapped),
            kek.unwrap(id, version, &elsewhere, &wrapped),
            Kek::of(&[8; 32]).unwrap(id, version, &context, &wrapped),
        ] {
            assert_eq!(failed.err(), Some(OpenError));
        }
    }

    /// F-47: the boot check.
    #[test]
    fn a_canary_tells_its_own_key_and_installation_from_others() {
        let (kek, here) = (Kek::of(&[7; 32]), Uuid::from_u128(1));
        let canary = kek.canary(here);
        assert_eq!(kek.check_canary(here, &canary), Ok(()));
        assert_eq!(
            kek.check_canary(Uuid::from_u128(2), &canary),
            Err(OpenError)
        );
        assert_eq!(
            Kek::of(&[8; 32]).check_canary(here, &canary),
            Err(OpenError)
        );
        assert_eq!(kek.check_canary(here, b""), Err(OpenError));
    }

    #[test]
    fn a_canary_is_no_wrapped_key() {
        let (kek, key, context) = parts();
        let wrapped = kek.wrap(&key, &context);
        assert_eq!(
            kek.check_canary(context.deployment, &wrapped),
            Err(OpenError)
        );
    }

    #[test]
    fn debug_shows_the_id_alone() {
        assert_eq!(
            format!("{:?}", Kek::of(&[7; 32])),
            format!("Kek {{ id: {:?}, .. }}", id_of(&[7; 32]))
        );
    }

    proptest! {
        /// CR-03, CR-04.
        #[test]
        fn any_changed_byte_and_any_cut_fail_alike(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let (kek, key, context) = parts();
            let wrapped = kek.wrap(&key, &context);
            let at = at.index(wrapped.len());
            let mut flipped = wrapped.clone();
            flipped[at] ^= flip;
            for bad in [&flipped[..], &wrapped[..at]] {
                let opened = kek.unwrap(key.id(), key.version(), &context, bad);
                prop_assert_eq!(opened.err(), Some(OpenError));
            }
        }
    }

    fn parts() -> (Kek, TenantKey, WrapContext) {
        let context = WrapContext {
            deployment: Uuid::from_u128(1),
            tenant: Uuid::from_u128(2),
        };
        (
            Kek::of(&[7; 32]),
            TenantKey::generate(Uuid::from_u128(3), 4),
            context,
        )
    }
}
