//! The fixed test vectors in `vectors/`. They were made apart from this code (Python, pyca/cryptography,
//! from the README's description), so they pin the formats down to the byte: stored secrets and sessions
//! in the field must open for ever.

use serde::{Deserialize, Deserializer, de::Error as _};
use uuid::Uuid;

use crate::{
    Context, Kek, TenantKey, WrapContext, open,
    record::{Fresh, seal_with},
    session::{self, SessionBinding, SessionCipher},
};

#[test]
fn records_match_their_vectors() {
    let vectors: Vec<RecordVector> = read(include_str!("../vectors/record.json"));
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        let key = tenant_key(vector.key_id, vector.key_version, vector.tenant_key.fixed());
        let fresh = Fresh {
            salt: vector.salt.fixed(),
            nonce: vector.nonce.fixed(),
        };
        let context = vector.context.borrowed();
        let sealed = seal_with(&key, &context, &vector.plain.0, &fresh);
        assert_eq!(sealed, vector.sealed.0, "{}", vector.name);
        let opened = open(|_, _| Some(&key), &context, &vector.sealed.0).unwrap();
        assert_eq!(*opened, vector.plain.0, "{}", vector.name);
    }
}

#[test]
fn key_wrapping_matches_its_vector() {
    let vector: KekVector = read(include_str!("../vectors/kek.json"));
    let kek = Kek::of(&vector.kek.fixed());
    assert_eq!(kek.id(), vector.kek_id);

    let key = tenant_key(vector.key_id, vector.key_version, vector.tenant_key.fixed());
    let context = WrapContext {
        deployment: vector.deployment,
        tenant: vector.tenant,
    };
    let wrapped = kek.wrap_with(&key, &context, vector.wrap_nonce.fixed());
    assert_eq!(wrapped, vector.wrapped.0);
    let back = kek
        .unwrap(
            vector.key_id,
            vector.key_version,
            &context,
            &vector.wrapped.0,
        )
        .unwrap();
    assert_eq!(back.bytes(), key.bytes());

    let canary = kek.canary_with(vector.deployment, vector.canary_nonce.fixed());
    assert_eq!(canary, vector.canary.0);
    assert_eq!(
        kek.check_canary(vector.deployment, &vector.canary.0),
        Ok(())
    );
}

#[test]
fn session_ids_match_their_vector() {
    let vector: SessionVector = read(include_str!("../vectors/session.json"));
    let key = tenant_key(vector.key_id, vector.key_version, vector.tenant_key.fixed());
    let session_key = key.session_key(vector.day);
    assert_eq!(*session_key, vector.session_key.fixed());

    let cipher = SessionCipher::new(&vector.kid, &session_key);
    let binding = SessionBinding {
        tenant: vector.tenant,
        server: vector.server,
        principal: vector.principal,
    };
    let id = cipher.seal_with(
        &session::SESSION,
        &binding,
        &vector.plain.0,
        vector.nonce.fixed(),
    );
    assert_eq!(id, vector.id);
    assert_eq!(*cipher.open(&binding, &vector.id).unwrap(), vector.plain.0);
}

#[test]
fn the_pepper_matches_its_vector() {
    let vector: PepperVector = read(include_str!("../vectors/pepper.json"));
    let key = tenant_key(vector.key_id, vector.key_version, vector.tenant_key.fixed());
    assert_eq!(*key.pepper(), vector.pepper.fixed());
}

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

fn tenant_key(id: Uuid, version: u32, bytes: [u8; 32]) -> TenantKey {
    TenantKey::of(id, version, bytes.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordVector {
    name: String,
    tenant_key: Hex,
    key_id: Uuid,
    key_version: u32,
    salt: Hex,
    nonce: Hex,
    context: OwnedContext,
    plain: Hex,
    sealed: Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnedContext {
    deployment: Uuid,
    tenant: Uuid,
    table: String,
    record: Uuid,
    field: String,
    generation: u64,
    server: Uuid,
    origin: String,
    subject: String,
    kind: String,
}

impl OwnedContext {
    fn borrowed(&self) -> Context<'_> {
        Context {
            deployment: self.deployment,
            tenant: self.tenant,
            table: &self.table,
            record: self.record,
            field: &self.field,
            generation: self.generation,
            server: self.server,
            origin: &self.origin,
            subject: &self.subject,
            kind: &self.kind,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KekVector {
    kek: Hex,
    kek_id: String,
    deployment: Uuid,
    tenant: Uuid,
    tenant_key: Hex,
    key_id: Uuid,
    key_version: u32,
    wrap_nonce: Hex,
    wrapped: Hex,
    canary_nonce: Hex,
    canary: Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionVector {
    tenant_key: Hex,
    key_id: Uuid,
    key_version: u32,
    day: u32,
    session_key: Hex,
    kid: String,
    tenant: Uuid,
    server: Uuid,
    principal: Uuid,
    nonce: Hex,
    plain: Hex,
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PepperVector {
    tenant_key: Hex,
    key_id: Uuid,
    key_version: u32,
    pepper: Hex,
}

/// Bytes in hex.
struct Hex(Vec<u8>);

impl Hex {
    fn fixed<const N: usize>(&self) -> [u8; N] {
        self.0[..].try_into().unwrap()
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pairs = text.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
            u8::from_str_radix(pair, 16).map_err(D::Error::custom)
        });
        bytes.collect::<Result<_, _>>().map(Self)
    }
}
