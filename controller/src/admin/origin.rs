//! A tenant's origins: their grammar, and the one text that each is stored and compared as.

use std::{fmt, str::FromStr};

use egress::{Endpoint, Origin, Scheme, UrlError};
use url::Host;

/// The scheme of tenant origins that are given without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicScheme {
    /// Local stacks.
    Http,
    /// Everything else.
    Https,
}

/// Why a text is not an origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OriginError {
    /// Nothing was given.
    #[error("is required: an origin such as https://acme.example.com")]
    Missing,
    /// More than an origin.
    #[error("must end after host and port: leave out path, query and fragment")]
    TooMuch,
    /// Without a scheme where one is needed.
    #[error("must start with https:// or http://")]
    NoScheme,
    /// A host that no certificate or browser would name so.
    #[error("must name a host of letters, digits, hyphens and dots, or an IP address")]
    Host,
    /// Not a URL at all.
    #[error("{0}")]
    Url(UrlError),
}

impl PublicScheme {
    /// The canonical text of an origin that may lack its scheme: lower case, punycode, default port
    /// left out, no trailing slash.
    pub fn complete(self, text: &str) -> Result<String, OriginError> {
        if text.contains("://") {
            full(text)
        } else if text.is_empty() {
            Err(OriginError::Missing)
        } else {
            full(&format!("{self}://{text}"))
        }
    }
}

impl fmt::Display for PublicScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// Neither `http` nor `https`.
#[derive(Debug, thiserror::Error)]
#[error("must be `http` or `https`")]
pub struct UnknownScheme;

impl FromStr for PublicScheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, UnknownScheme> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(UnknownScheme),
        }
    }
}

/// The canonical text of an origin that is given with its scheme.
pub fn full(text: &str) -> Result<String, OriginError> {
    let (_, authority) = text.split_once("://").ok_or(OriginError::NoScheme)?;
    if authority.contains(['/', '?', '#']) {
        return Err(OriginError::TooMuch);
    }
    let endpoint = Endpoint::parse(text).map_err(OriginError::Url)?;
    if !plain(endpoint.origin.host()) {
        return Err(OriginError::Host);
    }
    Ok(canonical(&endpoint.origin))
}

/// An origin as tenants' origins are stored: the default port left out.
pub fn canonical(origin: &Origin) -> String {
    format!("{}://{}", origin.scheme().as_str(), origin.authority())
}

/// The origins that may lead to the same listener as this one, whatever ends TLS in front of it: the
/// same port under either scheme, and the default port of one for that of the other. Of two origins
/// each has the other among its own, or neither.
pub fn same_place(origin: &Origin) -> Vec<Origin> {
    let ported = [Scheme::Http, Scheme::Https].map(|scheme| (scheme, origin.port()));
    let default = [Scheme::Http, Scheme::Https]
        .into_iter()
        .filter(|_| origin.port() == origin.scheme().default_port())
        .map(|scheme| (scheme, scheme.default_port()));
    let places = ported.into_iter().chain(default);
    places
        .map(|(scheme, port)| origin.at(scheme, port))
        .collect()
}

/// Names made of labels that DNS allows. URLs allow more, such as `*` and `_`.
fn plain(host: &Host<String>) -> bool {
    let Host::Domain(name) = host else {
        return true;
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_origin_becomes_one_text() {
        for (given, stored) in [
            ("acme.test:8080", "https://acme.test:8080"),
            ("acme.example.com", "https://acme.example.com"),
            ("ACME.example.com:443", "https://acme.example.com"),
            ("https://acme.example.com:443", "https://acme.example.com"),
            ("http://acme.example.com:80", "http://acme.example.com"),
            ("HTTP://localhost:8080", "http://localhost:8080"),
            ("bücher.example", "https://xn--bcher-kva.example"),
            ("127.1:8080", "https://127.0.0.1:8080"),
            ("[::1]:8080", "https://[::1]:8080"),
        ] {
            assert_eq!(
                PublicScheme::Https.complete(given).as_deref(),
                Ok(stored),
                "{given}"
            );
        }
        assert_eq!(
            PublicScheme::Http.complete("acme.test:8080").as_deref(),
            Ok("http://acme.test:8080")
        );
    }

    /// HN-19: whichever of the two comes first.
    #[test]
    fn two_origins_are_in_the_same_place_both_ways_or_neither() {
        let origin = |text: &str| Endpoint::parse(text).unwrap().origin;
        let all = [
            "http://a.test",
            "https://a.test",
            "http://a.test:443",
            "https://a.test:80",
            "http://a.test:8080",
            "https://a.test:8080",
            "https://b.test",
        ]
        .map(origin);
        for one in &all {
            assert!(same_place(one).contains(one), "{one}");
            for other in &all {
                assert_eq!(
                    same_place(one).contains(other),
                    same_place(other).contains(one),
                    "{one} {other}"
                );
            }
        }
        let apart = |one, other| !same_place(&origin(one)).contains(&origin(other));
        assert!(!apart("http://a.test", "https://a.test"));
        assert!(!apart("https://a.test:8080", "http://a.test:8080"));
        assert!(apart("http://a.test", "http://a.test:8080"));
        assert!(apart("http://a.test:8080", "http://b.test:8080"));
    }

    #[test]
    fn what_is_not_exactly_an_origin_is_refused() {
        assert!(PublicScheme::Https.complete("acme.test").is_ok());
        for bad in [
            "",
            "https://",
            "https://acme.test/",
            "acme.test/mcp",
            "acme.test?x",
            "acme.test#x",
            "user@acme.test",
            "https://user:pw@acme.test",
            "ftp://acme.test",
            "*.acme.test",
            "a_b.test",
            "-a.test",
            "acme..test",
            "acme.test.",
            "acme.test:0",
            "acme.test:99999",
            "acme test",
            "acme.test\n",
            "acme\\test",
            "${HOST}.test",
            "null",
        ] {
            let refused = PublicScheme::Https.complete(bad);
            if bad == "null" {
                assert!(full(bad).is_err());
            } else {
                assert!(refused.is_err(), "{bad}: {refused:?}");
            }
        }
    }
}
