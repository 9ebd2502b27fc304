#![doc = include_str!("../README.md")]

/// The key-encryption key: read from a file, wraps the tenant keys.
mod kek;

/// A tenant's key, from which all others of that tenant are derived.
mod tenant_key;

/// Sealed records, format v1: stored secrets bound to the row that holds them.
mod record;

/// Sealed session ids.
pub mod session;

/// Encoding of what a ciphertext is bound to.
mod binding;

/// The primitives in the one form that we use them.
mod primitive;

pub use kek::{Kek, KekError, WrapContext};
pub use record::{Context, open, seal};
pub use tenant_key::TenantKey;

/// It cannot be opened: not ours, damaged, of another place, or under another key. Which of these is
/// never said, so that nobody can learn by trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be opened")]
pub struct OpenError;

/// The fixed test vectors.
#[cfg(test)]
mod vectors;
