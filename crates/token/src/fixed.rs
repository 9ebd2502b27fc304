//! Tokens that an operator pasted or had made. Their text may be guessable, so what is stored and
//! compared is an HMAC under the tenant's pepper, which the database does not hold in clear.

use aws_lc_rs::hmac;

/// Where a token stands in a request (S0-9). The numbers are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TokenType {
    /// `Authorization: Bearer <value>`.
    Bearer = 1,
    /// `Api-Key: <value>`.
    ApiKey = 2,
    /// `X-API-Key: <value>`.
    XApiKey = 3,
    /// `Authorization: Basic <value>`, the value as base64.
    Basic = 4,
}

impl TokenType {
    /// All types.
    pub const ALL: [Self; 4] = [Self::Bearer, Self::ApiKey, Self::XApiKey, Self::Basic];

    /// The type with this number in the protocol.
    pub fn of_number(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| i32::from(*kind as u8) == number)
    }

    /// The header that carries it, in lower case.
    pub fn header(self) -> &'static str {
        match self {
            Self::Bearer | Self::Basic => "authorization",
            Self::ApiKey => "api-key",
            Self::XApiKey => "x-api-key",
        }
    }

    /// The scheme that stands before the value, if any.
    pub fn scheme(self) -> Option<&'static str> {
        match self {
            Self::Bearer => Some("Bearer"),
            Self::Basic => Some("Basic"),
            Self::ApiKey | Self::XApiKey => None,
        }
    }
}

/// What is stored of a token and looked up: HMAC-SHA-256 under the tenant's pepper over the type's
/// number and the value as it stands in the header, after the scheme.
pub fn verifier(pepper: &[u8; 32], kind: TokenType, value: &[u8]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, pepper));
    context.update(&[kind as u8]);
    context.update(value);
    context
        .sign()
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proto::{admin::v1 as admin, sync::v1 as sync};

    use super::*;

    /// S0-9: the three places that number the types cannot drift apart.
    #[test]
    fn every_type_has_the_number_of_the_protocol() {
        for (kind, sent, asked) in [
            (
                TokenType::Bearer,
                sync::StaticTokenType::Bearer,
                admin::StaticTokenType::Bearer,
            ),
            (
                TokenType::ApiKey,
                sync::StaticTokenType::ApiKey,
                admin::StaticTokenType::ApiKey,
            ),
            (
                TokenType::XApiKey,
                sync::StaticTokenType::XApiKey,
                admin::StaticTokenType::XApiKey,
            ),
            (
                TokenType::Basic,
                sync::StaticTokenType::Basic,
                admin::StaticTokenType::Basic,
            ),
        ] {
            assert_eq!(TokenType::of_number(sent as i32), Some(kind));
            assert_eq!(TokenType::of_number(asked as i32), Some(kind));
        }
        for none in [0, 5, -1, 257] {
            assert_eq!(TokenType::of_number(none), None);
        }
    }

    /// The same text as a token of another type, or of another tenant, is another token.
    #[test]
    fn a_verifier_depends_on_pepper_type_and_value() {
        let good = verifier(&[1; 32], TokenType::Bearer, b"abc");
        assert_eq!(good, verifier(&[1; 32], TokenType::Bearer, b"abc"));
        for other in [
            verifier(&[2; 32], TokenType::Bearer, b"abc"),
            verifier(&[1; 32], TokenType::ApiKey, b"abc"),
            verifier(&[1; 32], TokenType::Bearer, b"abd"),
        ] {
            assert_ne!(good, other);
        }
    }

    /// Worked out apart from this code (Python: hmac), so that stored verifiers stay good.
    #[test]
    fn a_known_verifier_never_changes() {
        let made = verifier(&[7; 32], TokenType::Basic, b"YWxpY2U6c2VjcmV0");
        assert_eq!(
            STANDARD.encode(made),
            "KlAbshKCbMEQqHfSxbOWnqY8OD2WZqKXn1ogZ+bdd5k="
        );
    }
}
