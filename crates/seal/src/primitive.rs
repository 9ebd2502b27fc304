//! HKDF-SHA-512, AES-256-GCM and random bytes from aws-lc-rs, in the one form that we use them.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA512, KeyType, Salt},
    rand,
};
use zeroize::Zeroizing;

use crate::{OpenError, binding::Binding};

/// Length of every key, in bytes.
pub(crate) const KEY: usize = 32;
/// Length of a nonce, in bytes.
pub(crate) const NONCE: usize = 12;
/// Length of an authentication tag, in bytes.
pub(crate) const TAG: usize = 16;

/// Key material that is wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; KEY]>;

/// 32 bytes derived from a secret, for what `info` says (RFC 5869).
pub(crate) fn derive(secret: &[u8; KEY], salt: &[u8], info: &str) -> Secret {
    let info = [info.as_bytes()];
    let mut out = Secret::default();
    Salt::new(HKDF_SHA512, salt)
        .extract(secret)
        .expand(&info, Length)
        .and_then(|material| material.fill(out.as_mut()))
        .expect("32 bytes are within what HKDF-SHA-512 can give");
    out
}

/// An AES-256-GCM key, ready to use.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    /// The cipher under this key.
    pub(crate) fn new(key: &[u8; KEY]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 keys have 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Appends ciphertext and tag to `out`.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE],
        binding: &Binding,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.reserve_exact(plain.len() + TAG);
        out.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                nonce_of(nonce),
                Aad::from(binding.bytes()),
                &mut out[start..],
            )
            .expect("what we seal is far below the 64 GiB that GCM can take");
        out.extend_from_slice(tag.as_ref());
    }

    /// The plain bytes of ciphertext and tag.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE],
        binding: &Binding,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(nonce_of(nonce), Aad::from(binding.bytes()), &mut buffer)
            .map_err(|_| OpenError)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random source answers");
    bytes
}

fn nonce_of(nonce: [u8; NONCE]) -> Nonce {
    Nonce::assume_unique_for_key(nonce)
}

/// HKDF's output length.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY
    }
}
