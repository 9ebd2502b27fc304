//! Record format v1 (README): a stored secret, bound to the row that holds it. Who may open it and
//! where it is stored is the caller's business.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    OpenError, TenantKey,
    binding::Binding,
    primitive::{Cipher, KEY, NONCE, Secret, TAG, derive, random},
};

/// What a record is bound to. Build it from the database row in use, never from the ciphertext: then
/// a row that was moved, edited or rolled back does not open (CR-01, CR-02, CR-05, CL-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// The installation.
    pub deployment: Uuid,
    /// The tenant that owns the row.
    pub tenant: Uuid,
    /// The table.
    pub table: &'a str,
    /// The row.
    pub record: Uuid,
    /// The column.
    pub field: &'a str,
    /// Grows by one with every write of the field.
    pub generation: u64,
    /// The server that the secret is presented to.
    pub server: Uuid,
    /// That server's origin, `scheme://host:port` with the port always written.
    pub origin: &'a str,
    /// Whose secret it is: `shared`, or a user's id.
    pub subject: &'a str,
    /// What kind of secret it is, for example `bearer`.
    pub kind: &'a str,
}

/// Seals under a key derived for this record and this write alone.
pub fn seal(key: &TenantKey, context: &Context<'_>, plain: &[u8]) -> Vec<u8> {
    seal_with(key, context, plain, &Fresh::random())
}

/// Opens a record with the key that `find` gives for its id and version. `find` must know keys of the
/// context's tenant only.
pub fn open<'k>(
    find: impl Fn(Uuid, u32) -> Option<&'k TenantKey>,
    context: &Context<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (header, body) = sealed.split_first_chunk::<HEADER>().ok_or(OpenError)?;
    if body.len() < TAG {
        return Err(OpenError);
    }
    let header = Header::read(header)?;
    let key = find(header.key_id, header.key_version).ok_or(OpenError)?;
    // A `find` that answers with another key is a bug; the record must not open under it either.
    if (key.id(), key.version()) != (header.key_id, header.key_version) {
        return Err(OpenError);
    }
    let keys = RecordKeys::derive(key, &header.salt);
    verify_slices_are_equal(keys.commitment.as_ref(), &header.commitment).map_err(|_| OpenError)?;
    Cipher::new(&keys.cipher).open(header.nonce, &context.binding(&header.bytes()), body)
}

/// The random part of a record. A parameter, so that the test vectors can be made again.
pub(crate) struct Fresh {
    pub(crate) salt: [u8; SALT],
    pub(crate) nonce: [u8; NONCE],
}

impl Fresh {
    fn random() -> Self {
        Self {
            salt: random(),
            nonce: random(),
        }
    }
}

pub(crate) fn seal_with(
    key: &TenantKey,
    context: &Context<'_>,
    plain: &[u8],
    fresh: &Fresh,
) -> Vec<u8> {
    let keys = RecordKeys::derive(key, &fresh.salt);
    let header = Header {
        key_id: key.id(),
        key_version: key.version(),
        salt: fresh.salt,
        commitment: *keys.commitment,
        nonce: fresh.nonce,
    }
    .bytes();
    let mut out = Vec::with_capacity(HEADER + plain.len() + TAG);
    out.extend_from_slice(&header);
    Cipher::new(&keys.cipher).seal(fresh.nonce, &context.binding(&header), plain, &mut out);
    out
}

/// The keys of one record and write.
struct RecordKeys {
    cipher: Secret,
    /// Fixes the key: a ciphertext that opens under two keys cannot be made.
    commitment: Secret,
}

impl RecordKeys {
    fn derive(key: &TenantKey, salt: &[u8; SALT]) -> Self {
        let purpose = key.purpose("cred");
        Self {
            cipher: derive(&purpose, salt, "aldgate/v1/record"),
            commitment: derive(&purpose, salt, "aldgate/v1/commit"),
        }
    }
}

/// The first 100 bytes of a record.
struct Header {
    key_id: Uuid,
    key_version: u32,
    salt: [u8; SALT],
    commitment: [u8; KEY],
    nonce: [u8; NONCE],
}

impl Header {
    /// Any other magic, version or suite fails closed (CR-04).
    fn read(bytes: &[u8; HEADER]) -> Result<Self, OpenError> {
        let rest = bytes.strip_prefix(&PREFIX).ok_or(OpenError)?;
        let (key_id, rest) = take(rest)?;
        let (key_version, rest) = take(rest)?;
        let (salt, rest) = take(rest)?;
        let (commitment, rest) = take(rest)?;
        let (nonce, _) = take(rest)?;
        Ok(Self {
            key_id: Uuid::from_bytes(key_id),
            key_version: u32::from_be_bytes(key_version),
            salt,
            commitment,
            nonce,
        })
    }

    fn bytes(&self) -> [u8; HEADER] {
        let parts: [&[u8]; 6] = [
            &PREFIX,
            self.key_id.as_bytes(),
            &self.key_version.to_be_bytes(),
            &self.salt,
            &self.commitment,
            &self.nonce,
        ];
        parts
            .concat()
            .try_into()
            .expect("the parts add up to the header's length")
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), OpenError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(OpenError)?;
    Ok((*head, rest))
}

impl Context<'_> {
    fn binding(&self, header: &[u8; HEADER]) -> Binding {
        Binding::new("aldgate/v1/record")
            .with(header)
            .with(self.deployment)
            .with(self.tenant)
            .with(self.table)
            .with(self.record)
            .with(self.field)
            .with(self.generation.to_be_bytes())
            .with(self.server)
            .with(self.origin)
            .with(self.subject)
            .with(self.kind)
    }
}

const SALT: usize = 32;
const HEADER: usize = PREFIX.len() + 16 + 4 + SALT + KEY + NONCE;
/// Magic, format version, suite (HKDF-SHA-512, AES-256-GCM, commitment).
const PREFIX: [u8; 4] = [b'M', b'G', 1, 1];

#[cfg(test)]
mod tests;
