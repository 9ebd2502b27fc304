//! What is answered when no authenticator accepts: the words of the first one configured, which say
//! nothing about what was wrong, but that a credential proven genuine has expired (S0-27, S4-29).
//! Where clients may come with a token of the tenant's authorization server, they are told how to get
//! one (RFC 9728 §5.1), and a token that is too narrow, what to ask for (RFC 6750 §3.1).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::WWW_AUTHENTICATE};

use super::oauth::SCOPE;
use crate::{
    config::snapshot::{Authenticator, Authenticators},
    page::Page,
    route::Target,
};

/// A refusal in the words of the first authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    text: &'static str,
    way_in: WayIn,
    reason: Reason,
    /// For somebody with a browser, instead of the text.
    page: Option<Box<Page>>,
}

/// What is said about how to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WayIn {
    /// The URL of the metadata, and nothing else: some clients read one challenge only.
    Metadata(String),
    /// Nothing but the header in which an API key may come, if it was chosen.
    Unsaid(Option<HeaderName>),
}

/// A credential that is good for less than what was asked (TK-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingScope {
    scope: String,
    /// The URL of the metadata, for those who can get a wider token there.
    metadata: Option<String>,
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
    /// It was taken back.
    Revoked,
}

impl Reason {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Absent,
        Self::Malformed,
        Self::Unknown,
        Self::Disabled,
        Self::Foreign,
        Self::Unverifiable,
        Self::Expired,
        Self::Revoked,
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
            Self::Revoked => "revoked",
        }
    }
}

impl Challenge {
    /// The refusal of these authenticators.
    pub(super) fn new(authenticators: &Authenticators, target: &Target, reason: Reason) -> Self {
        let list = authenticators.list();
        Self {
            text: list.first().map_or(UNAUTHORIZED, text),
            way_in: if authenticators.has_oauth() {
                WayIn::Metadata(target.metadata_url())
            } else {
                WayIn::Unsaid(list.iter().find_map(chosen_header))
            },
            reason,
            page: None,
        }
    }

    /// For somebody with a browser.
    pub(crate) fn with_page(self, page: Page) -> Self {
        let page = Some(Box::new(page));
        Self { page, ..self }
    }

    /// Whether people can sign in.
    pub(crate) fn offers_sign_in(&self) -> bool {
        match self.way_in {
            WayIn::Metadata(_) => true,
            WayIn::Unsaid(_) => false,
        }
    }

    /// Why nobody accepted.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The reply's body.
    pub(crate) fn body(&self) -> Bytes {
        if let Some(page) = &self.page {
            return page.body();
        }
        let text = match self.reason {
            Reason::Expired => "Token expired",
            _ => self.text,
        };
        format!(r#"{{"error":"{text}","status":401,"type":"authentication_error"}}"#).into()
    }

    /// Adds the challenges (RFC 9110 §11.6.1, RFC 6750 §3).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let error = match self.reason {
            Reason::Absent => "",
            Reason::Expired => EXPIRED,
            _ => INVALID,
        };
        let bearer = match &self.way_in {
            WayIn::Metadata(url) => {
                format!(
                    r#"Bearer resource_metadata="{url}", scope="{SCOPE}", realm="aldgate"{error}"#
                )
            }
            WayIn::Unsaid(_) => format!(r#"Bearer realm="aldgate"{error}"#),
        };
        headers.insert(WWW_AUTHENTICATE, visible(bearer));
        if let WayIn::Unsaid(Some(name)) = &self.way_in {
            let key = format!(r#"ApiKey realm="aldgate", header="{name}""#);
            headers.append(WWW_AUTHENTICATE, visible(key));
        }
        if let Some(page) = &self.page {
            page.write(headers);
        }
    }
}

impl MissingScope {
    /// A key that its owner would have to widen.
    pub(super) fn of_key(scope: String) -> Self {
        Self {
            scope,
            metadata: None,
        }
    }

    /// A token whose client may ask for a wider one.
    pub(super) fn of_token(scope: String, target: &Target) -> Self {
        Self {
            scope,
            metadata: Some(target.metadata_url()),
        }
    }

    /// Adds the challenge (RFC 6750 §3.1).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let scope = &self.scope;
        let text = match &self.metadata {
            Some(url) => format!(
                r#"Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{url}", error_description="{NARROW}""#
            ),
            None => {
                format!(r#"Bearer realm="aldgate", error="insufficient_scope", scope="{scope}""#)
            }
        };
        headers.insert(WWW_AUTHENTICATE, visible(text));
    }
}

/// What challenges are made of (origins, slugs, scopes, names of headers) is visible ASCII.
fn visible(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("what config compiles is visible ASCII")
}

fn text(first: &Authenticator) -> &'static str {
    match first {
        Authenticator::ApiKey(_) => "Invalid API key",
        Authenticator::Jwt(_) => "Invalid or expired JWT token",
        Authenticator::Oauth => "Invalid or expired access token",
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
const INVALID: &str = r#", error="invalid_token""#;
const EXPIRED: &str = r#", error="invalid_token", error_description="The token expired""#;
const NARROW: &str = "The token allows less than this";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::snapshot::ApiKeyHeader;

    /// S3-9, S3-11, S0-27, S2-15.
    #[test]
    fn only_absence_and_expiry_can_be_told_apart() {
        let keys = Authenticators::new([Authenticator::ApiKey(ApiKeyHeader::default())]);
        let of = |reason| parts(&challenge(&keys, reason));
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
        let (body, challenges) = parts(&challenge(&list, Reason::Absent));
        assert!(body.contains("Invalid session token"));
        assert_eq!(
            challenges[1],
            r#"ApiKey realm="aldgate", header="x-team-key""#
        );
    }

    /// RS-1, PRM-6: one challenge, whichever kind comes first and whatever else there is.
    #[test]
    fn where_tokens_count_the_metadata_is_named_and_nothing_else() {
        let chosen = || {
            Authenticator::ApiKey(ApiKeyHeader {
                name: HeaderName::from_static("x-team-key"),
                chosen: true,
            })
        };
        let metadata = concat!(
            r#"Bearer resource_metadata="https://gw.test/.well-known/oauth-protected-resource"#,
            r#"/t/nobody/mcp/s1", scope="mcp", realm="aldgate""#
        );
        for list in [
            Authenticators::new([chosen(), Authenticator::Oauth]),
            Authenticators::new([Authenticator::Oauth, chosen()]),
        ] {
            for (reason, error) in [
                (Reason::Absent, ""),
                (Reason::Foreign, r#", error="invalid_token""#),
                (
                    Reason::Expired,
                    r#", error="invalid_token", error_description="The token expired""#,
                ),
            ] {
                let (_, challenges) = parts(&challenge(&list, reason));
                assert_eq!(challenges, [format!("{metadata}{error}")]);
            }
        }
    }

    #[test]
    fn nobody_configured_is_plainly_unauthorized() {
        let (body, _) = parts(&challenge(&Authenticators::new([]), Reason::Absent));
        assert!(body.contains(r#""Unauthorized""#), "{body}");
    }

    #[test]
    fn reasons_are_numbered_in_their_order() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }

    fn challenge(authenticators: &Authenticators, reason: Reason) -> Challenge {
        Challenge::new(authenticators, &Target::of_nobody("s1"), reason)
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
