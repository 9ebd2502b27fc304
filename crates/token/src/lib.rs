#![doc = include_str!("../README.md")]

/// The secrets, each with its prefix.
mod secret;

/// The text they share: prefix, random part, checksum.
mod grammar;

/// Random text.
mod letters;

/// The form of tokens that are signed.
mod compact;

/// JSON Web Tokens of other issuers: rules, keys, verification.
pub mod jwt;

/// Access tokens of a tenant's authorization server.
pub mod access;

/// Short-lived tokens that a tenant's backend has made for one of its users.
pub mod session;

/// Tokens that an operator pasted or had made: their types and verifiers.
pub mod fixed;

/// What a subject may look like.
mod subject;

pub use grammar::Malformed;
pub use letters::{BASE62, random_bits, random_text};
pub use secret::{AdminToken, ApiKey, AuthorizationCode, ClientSecret, DeviceCode, RefreshToken};
pub use subject::is_subject;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a secret's text: what we store and look up, so that no comparison can leak it.
///
/// Plain SHA-256 is enough because the secret is random (design.md §8); a guessable one would need
/// a keyed or slow hash.
pub fn sha256_of(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}
