//! The secrets as types: an API key cannot stand where an admin token belongs, and none can be
//! printed by accident. What they open is not known here.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::{Malformed, grammar, sha256_of};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// How its text begins.
            pub const PREFIX: &str = $prefix;

            /// A regular expression for secret scanners.
            pub const PATTERN: &str = concat!(r"\b", $prefix, r"[0-9A-Za-z]{38}\b");

            /// A new one, from the system's random source.
            pub fn generate() -> Self {
                Self(grammar::generate(Self::PREFIX).as_str().into())
            }

            /// Takes text as presented, if its shape and checksum are right. Nothing is looked up.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                grammar::check(Self::PREFIX, text)?;
                Ok(Self(text.into()))
            }

            /// The hash under which a presented text is looked up, if its shape and checksum are
            /// right. For hot paths: keeps no copy of the text.
            pub fn lookup(text: &str) -> Result<[u8; 32], Malformed> {
                grammar::check(Self::PREFIX, text)?;
                Ok(sha256_of(text))
            }

            /// The hash under which it is stored and looked up.
            pub fn sha256(&self) -> [u8; 32] {
                sha256_of(self.expose())
            }

            /// Its text, to hand it out once.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret!(
    /// What a client presents to a tenant's address: `Authorization: Bearer mcp_sk_…` (S2-5).
    ApiKey,
    "mcp_sk_"
);

secret!(
    /// What people and CI present to the admin API: `aldp_…`.
    AdminToken,
    "aldp_"
);

secret!(
    /// What a client exchanges for its first tokens, once: `aldc_…` (RFC 6749 §4.1).
    AuthorizationCode,
    "aldc_"
);

secret!(
    /// What a client asks with until its user has approved: `aldv_…` (RFC 8628).
    DeviceCode,
    "aldv_"
);

secret!(
    /// What a client gets further tokens with: `aldr_…`.
    RefreshToken,
    "aldr_"
);

impl RefreshToken {
    /// The one that takes its place: always the same for a key, and nobody's to know without it.
    pub fn successor(&self, key: &[u8; 32]) -> Self {
        let text = grammar::derive(Self::PREFIX, key, self.expose().as_bytes());
        Self(text.as_str().into())
    }
}

secret!(
    /// `aldcs` + 38 characters. Proves to a tenant's authorization server which client asks. Letters
    /// and digits alone, because clients do not agree on how to encode others (RFC 6749 §2.3.1).
    ClientSecret,
    "aldcs"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_parses_and_hashes_alike() {
        let key = ApiKey::generate();
        let parsed = ApiKey::parse(key.expose()).unwrap();
        assert_eq!(parsed.sha256(), key.sha256());
        assert_eq!(ApiKey::lookup(key.expose()), Ok(key.sha256()));
        assert_eq!(key.expose().len(), "mcp_sk_".len() + 38);
    }

    #[test]
    fn one_kind_is_no_other() {
        let key = ApiKey::generate();
        let token = AdminToken::generate();
        assert!(ApiKey::parse(key.expose()).is_ok() && AdminToken::parse(token.expose()).is_ok());
        assert_eq!(AdminToken::parse(key.expose()).err(), Some(Malformed));
        assert_eq!(ApiKey::parse(token.expose()).err(), Some(Malformed));
    }

    /// oauth.md §8.3: whoever has the key can say which token comes next, as often as it is asked.
    #[test]
    fn a_refresh_token_follows_from_the_one_before_and_a_key() {
        let first = RefreshToken::generate();
        let next = first.successor(&[7; 32]);
        assert!(RefreshToken::parse(next.expose()).is_ok());
        assert_eq!(first.successor(&[7; 32]).expose(), next.expose());
        for other in [
            first.clone(),
            first.successor(&[8; 32]),
            next.successor(&[7; 32]),
            RefreshToken::generate().successor(&[7; 32]),
        ] {
            assert_ne!(other.expose(), next.expose());
        }
        assert!(AuthorizationCode::parse(next.expose()).is_err());
        assert!(DeviceCode::parse(next.expose()).is_err());
    }

    #[test]
    fn two_are_never_the_same() {
        assert_ne!(ApiKey::generate().sha256(), ApiKey::generate().sha256());
    }

    #[test]
    fn debug_shows_no_part_of_it() {
        assert_eq!(format!("{:?}", ApiKey::generate()), "ApiKey([redacted])");
        assert_eq!(
            format!("{:?}", AdminToken::generate()),
            "AdminToken([redacted])"
        );
    }
}
