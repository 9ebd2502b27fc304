//! The keys that may have signed a token: a JWK set (RFC 7517) or one shared secret, never both. Each
//! key knows the algorithms it is for, so that no token can use it for another (TK-05).

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one issuer; none by default.
#[derive(Default)]
pub struct KeySet {
    keys: Box<[Key]>,
}

/// Tells two keys apart, even with the same id: a digest of the key and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// The bytes are no JWK set that we could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON, or without a list `keys` of objects.
    #[error("not a JWK set")]
    NotASet,
    /// Too many keys.
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
    /// It shows a key that should be secret.
    #[error("the set holds a private or shared key")]
    Private,
}

/// One usable key.
pub(super) struct Key {
    kid: Option<Box<str>>,
    algorithms: &'static [Algorithm],
    print: Fingerprint,
    pub(super) decoding: DecodingKey,
}

/// Which key a token asks for.
pub(super) enum Found<'a> {
    Key(&'a Key),
    /// No such key, but there may be one tomorrow.
    Unknown,
    /// The key is for something else, or the token does not say which of several.
    Unfit,
}

impl KeySet {
    /// The usable signature keys of a JWK set. Keys of kinds and uses that we do not know are left out
    /// (RFC 7517 §5); a set with private or shared keys is refused whole.
    pub fn parse_jwks(json: &[u8]) -> Result<Self, KeySetError> {
        let sent: Sent = serde_json::from_slice(json).map_err(|_| KeySetError::NotASet)?;
        if sent.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut keys = Vec::with_capacity(sent.keys.len());
        for jwk in sent.keys {
            if !jwk.is_object() {
                return Err(KeySetError::NotASet);
            }
            if jwk.get("d").is_some() || jwk.get("k").is_some() {
                return Err(KeySetError::Private);
            }
            keys.extend(Jwk::deserialize(jwk).ok().and_then(Jwk::read));
        }
        Ok(Self { keys: keys.into() })
    }

    /// The one secret that the issuer shares with us.
    pub fn shared_secret(secret: &[u8]) -> Self {
        let key = Key {
            kid: None,
            algorithms: &HMAC,
            print: Fingerprint::of("oct", None, &[secret]),
            decoding: DecodingKey::from_secret(secret),
        };
        Self { keys: [key].into() }
    }

    /// Whether there is a key with this id.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether this very key is still there.
    pub fn holds(&self, print: Fingerprint) -> bool {
        self.keys.iter().any(|key| key.print == print)
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key for a token with this header. A shared secret has no id, whatever the token says.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        if let [secret] = &*self.keys
            && secret.algorithms == HMAC
        {
            return secret.fit(algorithm);
        }
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter(|key| key.is_for(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Found::Key(only),
                (None, _) => Found::Unknown,
                (Some(_), Some(_)) => Found::Unfit,
            };
        };
        let mut named = self
            .keys
            .iter()
            .filter(|key| key.kid.as_deref() == Some(kid))
            .peekable();
        if named.peek().is_none() {
            return Found::Unknown;
        }
        named
            .find(|key| key.is_for(algorithm))
            .map_or(Found::Unfit, Found::Key)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.keys.iter().map(|key| &key.kid))
            .finish()
    }
}

impl Key {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.print
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    fn fit(&self, algorithm: Algorithm) -> Found<'_> {
        if self.is_for(algorithm) {
            Found::Key(self)
        } else {
            Found::Unfit
        }
    }
}

impl Fingerprint {
    fn of(kty: &str, name: Option<&str>, parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        let name = name.map_or(&b""[..], str::as_bytes);
        for part in [kty.as_bytes(), name].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        let (short, _) = digest
            .as_ref()
            .split_first_chunk()
            .expect("SHA-256 has 32 bytes");
        Self(*short)
    }
}

#[derive(Deserialize)]
struct Sent {
    keys: Vec<Value>,
}

/// The members of a JWK that we read (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
#[derive(Deserialize)]
struct Jwk {
    kty: Box<str>,
    kid: Option<Box<str>>,
    #[serde(rename = "use")]
    purpose: Option<Box<str>>,
    key_ops: Option<Vec<Box<str>>>,
    alg: Option<Box<str>>,
    crv: Option<Box<str>>,
    n: Option<Box<str>>,
    e: Option<Box<str>>,
    x: Option<Box<str>>,
    y: Option<Box<str>>,
}

impl Jwk {
    /// The key, if it is one for signatures of a kind that we know.
    fn read(self) -> Option<Key> {
        if self.purpose.as_deref().is_some_and(|text| text != "sig") {
            return None;
        }
        let verifies = |ops: &Vec<Box<str>>| ops.iter().any(|op| &**op == "verify");
        if !self.key_ops.as_ref().is_none_or(verifies) {
            return None;
        }
        let (family, decoding, print) = self.material()?;
        Some(Key {
            algorithms: self.narrow(family)?,
            kid: self.kid,
            print,
            decoding,
        })
    }

    fn material(&self) -> Option<(&'static [Algorithm], DecodingKey, Fingerprint)> {
        let print = |parts: &[&[u8]]| Fingerprint::of(&self.kty, self.kid.as_deref(), parts);
        match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (bytes(self.n.as_deref())?, bytes(self.e.as_deref())?);
                let fits = RSA_BYTES.contains(&n.len()) && !e.is_empty();
                let key = DecodingKey::from_rsa_raw_components(&n, &e);
                fits.then(|| (&RSA[..], key, print(&[&n, &e])))
            }
            ("EC", Some(curve)) => {
                let (family, size) = match curve {
                    "P-256" => (&P256[..], 32),
                    "P-384" => (&P384[..], 48),
                    _ => return None,
                };
                let (x, y) = (bytes(self.x.as_deref())?, bytes(self.y.as_deref())?);
                let uncompressed = [&[4][..], &x, &y].concat();
                let key = DecodingKey::from_ec_der(&uncompressed);
                (x.len() == size && y.len() == size).then(|| (family, key, print(&[&uncompressed])))
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes(self.x.as_deref())?;
                let key = DecodingKey::from_ed_der(&x);
                (x.len() == 32).then(|| (&EDDSA[..], key, print(&[&x])))
            }
            _ => None,
        }
    }

    /// Of the algorithms that the key could be used for, the one it says it is for.
    fn narrow(&self, family: &'static [Algorithm]) -> Option<&'static [Algorithm]> {
        let Some(name) = self.alg.as_deref() else {
            return Some(family);
        };
        family
            .iter()
            .position(|algorithm| name_of(*algorithm) == name)
            .map(|at| &family[at..=at])
    }
}

fn bytes(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// The algorithm's name (RFC 7518 §3.1, RFC 8037 §3.1).
pub(super) fn name_of(algorithm: Algorithm) -> &'static str {
    NAMES
        .iter()
        .find(|(_, known)| *known == algorithm)
        .map_or("", |(name, _)| name)
}

/// The algorithm with exactly this name. `none` is no algorithm, in any spelling (TK-04).
pub(super) fn algorithm_of(name: &str) -> Option<Algorithm> {
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, algorithm)| *algorithm)
}

/// Whether the algorithm's key is a secret that both sides know.
pub(super) fn is_shared(algorithm: Algorithm) -> bool {
    HMAC.contains(&algorithm)
}

const NAMES: [(&str, Algorithm); 12] = [
    ("HS256", Algorithm::HS256),
    ("HS384", Algorithm::HS384),
    ("HS512", Algorithm::HS512),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];
const HMAC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
const P256: [Algorithm; 1] = [Algorithm::ES256];
const P384: [Algorithm; 1] = [Algorithm::ES384];
const EDDSA: [Algorithm; 1] = [Algorithm::EdDSA];
/// 2048 to 8192 bits: what the signature check takes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// More keys than any issuer has at once.
const MAX_KEYS: usize = 100;
