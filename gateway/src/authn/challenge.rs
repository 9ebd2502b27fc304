//! What is answered when no authenticator accepts: the words of the first one configured, which say
//! nothing about what was wrong, but that a credential proven genuine has expired (S0-27, S4-29).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::WWW_AUTHENTICATE};

use crate::config::snapshot::{Authenticator, Authenticators};

/// A refusal in the words of the first authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    text: &'static str,
    /// The header in which an API key may come, if it was chosen.
    api_key_header: Option<HeaderName>,
    reason: Reason,
}

/// Why nobody accepted, for our metrics. A client learns only whether it presented something, and
/// whether that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Reason {
    /// Nothing was presented.
    Absent,
    /// Not in the form of a credential.
    Malformed,
    /// Nobody has it.
    Unknown,
    /// It is switched off.
    Disabled,
    /// It is not for here: another audience, issuer or server, or not from a trusted network.
    Foreign,
    /// It cannot be checked at the moment.
    Unverifiable,
    /// It is genuine and was good once.
    Expired,
}

impl Reason {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Absent,
        Self::Malformed,
        Self::Unknown,
        Self::Disabled,
        Self::Foreign,
        Self::Unverifiable,
        Self::Expired,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Disabled => "disabled",
            Self::Foreign => "foreign",
            Self::Unverifiable => "unverifiable",
            Self::Expired => "expired",
        }
    }
}

impl Challenge {
    /// The refusal of these authenticators.
    pub(super) fn new(authenticators: &Authenticators, reason: Reason) -> Self {
        let list = authenticators.list();
        Self {
            text: list.first().map_or(UNAUTHORIZED, text),
            api_key_header: list.iter().find_map(chosen_header),
            reason,
        }
    }

    /// Why nobody accepted.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The reply's body.
    pub(crate) fn body(&self) -> Bytes {
        let text = match self.reason {
            Reason::Expired => "Token expired",
            _ => self.text,
        };
        format!(r#"{{"error":"{text}","status":401,"type":"authentication_error"}}"#).into()
    }

    /// Adds the challenges (RFC 9110 §11.6.1, RFC 6750 §3).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let bearer = match self.reason {
            Reason::Absent => BEARER,
            Reason::Expired => BEARER_EXPIRED,
            _ => BEARER_INVALID,
        };
        headers.insert(WWW_AUTHENTICATE, bearer);
        if let Some(name) = &self.api_key_header {
            let text = format!(r#"ApiKey realm="aldgate", header="{name}""#);
            let value = HeaderValue::try_from(text).expect("a header's name is made of tokens");
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
}

fn text(first: &Authenticator) -> &'static str {
    match first {
        Authenticator::ApiKey(_) => "Invalid API key",
        Authenticator::Jwt(_) => "Invalid or expired JWT token",
        Authenticator::Session => "Invalid session token",
        Authenticator::Static => "Invalid access token",
        Authenticator::Forwarded(_) | Authenticator::Anonymous(_) => UNAUTHORIZED,
    }
}

fn chosen_header(authenticator: &Authenticator) -> Option<HeaderName> {
    match authenticator {
        Authenticator::ApiKey(header) if header.chosen => Some(header.name.clone()),
        _ => None,
    }
}

const UNAUTHORIZED: &str = "Unauthorized";
const BEARER: HeaderValue = HeaderValue::from_static(r#"Bearer realm="aldgate""#);
const BEARER_INVALID: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="aldgate", error="invalid_token""#);
const BEARER_EXPIRED: HeaderValue = HeaderValue::from_static(
    r#"Bearer realm="aldgate", error="invalid_token", error_description="The token expired""#,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::snapshot::ApiKeyHeader;

    /// S3-9, S3-11, S0-27, S2-15.
    #[test]
    fn only_absence_and_expiry_can_be_told_apart() {
        let keys = Authenticators::default();
        let of = |reason| parts(&Challenge::new(&keys, reason));
        let (absent, unknown) = (of(Reason::Absent), of(Reason::Unknown));
        assert_eq!(absent.0, unknown.0);
        assert_eq!(
            absent.0,
            r#"{"error":"Invalid API key","status":401,"type":"authentication_error"}"#
        );
        assert_eq!(absent.1, [r#"Bearer realm="aldgate""#]);
        assert_eq!(
            unknown.1,
            [r#"Bearer realm="aldgate", error="invalid_token""#]
        );
        let expired = of(Reason::Expired);
        assert!(expired.0.contains("Token expired"));
        assert!(expired.1[0].ends_with(r#", error_description="The token expired""#));
        for reason in Reason::ALL {
            if !matches!(reason, Reason::Absent | Reason::Expired) {
                assert_eq!(of(reason), unknown, "{reason:?}");
            }
        }
    }

    /// S3-4.
    #[test]
    fn a_chosen_header_for_api_keys_is_named() {
        let header = ApiKeyHeader {
            name: HeaderName::from_static("x-team-key"),
            chosen: true,
        };
        let list = Authenticators::new([Authenticator::Session, Authenticator::ApiKey(header)]);
        let (body, challenges) = parts(&Challenge::new(&list, Reason::Absent));
        assert!(body.contains("Invalid session token"));
        assert_eq!(
            challenges[1],
            r#"ApiKey realm="aldgate", header="x-team-key""#
        );
    }

    #[test]
    fn nobody_configured_is_plainly_unauthorized() {
        let (body, _) = parts(&Challenge::new(&Authenticators::new([]), Reason::Absent));
        assert!(body.contains(r#""Unauthorized""#), "{body}");
    }

    #[test]
    fn reasons_are_numbered_in_their_order() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }

    fn parts(challenge: &Challenge) -> (String, Vec<String>) {
        let mut headers = HeaderMap::new();
        challenge.write(&mut headers);
        let lines = headers.get_all(WWW_AUTHENTICATE).iter();
        let lines = lines.map(|line| line.to_str().unwrap().to_owned());
        let body = challenge.body().to_vec();
        (String::from_utf8(body).unwrap(), lines.collect())
    }
}
