//! JSON Web Tokens of other issuers (RFC 7519, RFC 8725; S3-5, S3-12). The rules say what a token must
//! be, the key set who may have signed it; nothing is fetched here and nothing remembered. The
//! library is used for signatures alone: claims are checked here, by type first (CVE-2026-25537).

/// What a token must say.
mod claims;

/// Who may have signed it.
mod keys;

/// What an authenticator accepts, compiled and checked.
mod rules;

/// Token, rules and keys → claims.
mod verify;

#[cfg(test)]
mod tests;

pub use claims::{Claims, LEEWAY};
pub use keys::{Fingerprint, KeySet, KeySetError};
pub use rules::{Fault, PinnedKeys, Rules, Source};
pub use verify::{MAX, Refusal, verify};
