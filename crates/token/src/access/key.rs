//! Key pairs on P-256 (RFC 7518 §3.4).

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        ParsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The bytes are no key of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key on P-256")]
pub struct InvalidKey;

/// What a tenant's authorization server signs with.
pub struct SigningKey {
    kid: Box<str>,
    pair: EcdsaKeyPair,
}

/// What its signatures are verified with. Cloning is cheap.
#[derive(Clone)]
pub struct PublicKey {
    kid: Box<str>,
    point: [u8; 64],
    key: Arc<ParsedPublicKey>,
}

impl SigningKey {
    /// A new key, with its PKCS #8 form for storage. Its kid follows from the public key.
    pub fn generate() -> (Self, Zeroizing<Vec<u8>>) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .expect("the library generates keys on this curve");
        let document = pair.to_pkcs8v1().expect("a generated key can be written");
        let document = Zeroizing::new(document.as_ref().to_vec());
        (Self::of(pair), document)
    }

    /// A key that was stored.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, InvalidKey> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document)
            .map(Self::of)
            .map_err(|_| InvalidKey)
    }

    fn of(pair: EcdsaKeyPair) -> Self {
        Self {
            kid: kid_of(pair.public_key().as_ref()),
            pair,
        }
    }

    /// Names the key: 16 hex digits, which follow from the public key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let point = self.pair.public_key().as_ref();
        PublicKey::from_point(&self.kid, &point[1..33], &point[33..])
            .expect("a pair has a point on the curve")
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature
            .expect("the system has randomness")
            .as_ref()
            .to_vec()
    }
}

impl PublicKey {
    /// The key at this point, each coordinate of 32 bytes.
    pub fn from_point(kid: &str, x: &[u8], y: &[u8]) -> Result<Self, InvalidKey> {
        let mut point = [0; 64];
        if x.len() != 32 || y.len() != 32 {
            return Err(InvalidKey);
        }
        point[..32].copy_from_slice(x);
        point[32..].copy_from_slice(y);
        let mut encoded = [4; 65];
        encoded[1..].copy_from_slice(&point);
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, encoded.as_slice())
            .map_err(|_| InvalidKey)?;
        Ok(Self {
            kid: kid.into(),
            point,
            key: Arc::new(key),
        })
    }

    /// Names the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The first coordinate.
    pub fn x(&self) -> &[u8] {
        &self.point[..32]
    }

    /// The second coordinate.
    pub fn y(&self) -> &[u8] {
        &self.point[32..]
    }

    /// As a JWK (RFC 7517).
    pub fn jwk(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(self.x()),
            "y": URL_SAFE_NO_PAD.encode(self.y()),
        })
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn kid_of(point: &[u8]) -> Box<str> {
    let digest = digest(&SHA256, point);
    let head = digest.as_ref().iter().take(8);
    head.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        .into()
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.point == other.point
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
