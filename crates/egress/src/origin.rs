//! What may be called: an origin (scheme, host, port) and an endpoint (origin and path), read
//! strictly from a URL.
//!
//! Whether the address behind the host may be called is `policy`'s business.

use std::{fmt, hash::Hash, str::FromStr};

use http::uri::PathAndQuery;
use url::{Host, Url};

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL may leave out.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port of a server (RFC 6454): what credentials are bound to and connections are
/// made to.
///
/// `Display` writes the port always, `https://host:443`, so that equal origins have equal text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of a parsed URL; everything else in the URL is ignored.
    pub fn of(url: &Url) -> Result<Self, UrlError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(UrlError::Scheme),
        };
        let host = url.host().ok_or(UrlError::Host)?.to_owned();
        if matches!(&host, Host::Domain(name) if name.ends_with('.')) {
            return Err(UrlError::TrailingDot);
        }
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        if port == 0 {
            return Err(UrlError::Port);
        }
        Ok(Self { scheme, host, port })
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, with numeric forms normalised to an address.
    pub const fn host(&self) -> &Host<String> {
        &self.host
    }

    /// The port, also when it is the scheme's default.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same host under this scheme, at this port.
    #[must_use]
    pub fn at(&self, scheme: Scheme, port: u16) -> Self {
        Self {
            scheme,
            host: self.host.clone(),
            port,
        }
    }

    /// The value of the `Host` header (RFC 9110 §7.2): the default port is left out.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}

/// A URL that a tenant may register: where to connect and what to ask for there.
///
/// `Display` is the normalised URL, with the default port left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Where to connect.
    pub origin: Origin,
    /// The request target; at least `/`.
    pub path_and_query: PathAndQuery,
}

impl Endpoint {
    /// Reads an absolute `http` or `https` URL.
    ///
    /// What URL parsers repair silently (tabs, spaces, backslashes, missing slashes) is refused,
    /// because another reader may repair it differently. Userinfo is refused (SS-15), credentials
    /// belong in the store, and so is a fragment.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_BYTES {
            return Err(UrlError::Long);
        }
        if text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
        {
            return Err(UrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(UrlError::Scheme);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::Userinfo);
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(UrlError::Host);
        }
        let url = Url::parse(text).map_err(|source| match source {
            url::ParseError::InvalidPort => UrlError::Port,
            source => UrlError::Syntax(source),
        })?;
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        let origin = Origin::of(&url)?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let path_and_query = PathAndQuery::from_str(target).map_err(|_| UrlError::Character)?;
        Ok(Self {
            origin,
            path_and_query,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.origin.scheme.as_str(),
            self.origin.authority(),
            self.path_and_query
        )
    }
}

impl FromStr for Endpoint {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// Longest URL, in bytes.
const MAX_BYTES: usize = 2048;

/// What is wrong with a URL, and how to put it right. The URL itself is not repeated, it may hold a
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not `http` or `https` (SS-14).
    #[error("the URL must start with https:// or http://")]
    Scheme,

    /// No host.
    #[error("the URL has no host; write https://host/path")]
    Host,

    /// A name that ends in a dot is another text for the same host.
    #[error("the host ends with a dot; leave the dot out")]
    TrailingDot,

    /// Not a port, or port 0.
    #[error("the port is not a number from 1 to 65535; correct it or leave it out")]
    Port,

    /// User name or password (SS-15).
    #[error(
        "the URL holds a user name or password before the @; remove it and store it as the server's credential"
    )]
    Userinfo,

    /// A fragment is never sent.
    #[error("the URL holds a fragment; remove the # and what follows")]
    Fragment,

    /// A character that URLs may not hold as it is.
    #[error(
        "the URL holds a space, a control character, a backslash or another character that must be percent-encoded"
    )]
    Character,

    /// More than 2048 bytes.
    #[error("the URL is longer than {MAX_BYTES} bytes; shorten it")]
    Long,

    /// Anything else that is not a URL.
    #[error("the URL is malformed; write https://host/path")]
    Syntax(#[source] url::ParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_origin_and_a_target() {
        let endpoint = Endpoint::parse("HTTPS://MCP.Example.com/mcp/../v1?x=1&y={z}").unwrap();
        assert_eq!(endpoint.origin.to_string(), "https://mcp.example.com:443");
        assert_eq!(endpoint.origin.authority(), "mcp.example.com");
        assert_eq!(endpoint.path_and_query, "/v1?x=1&y={z}");
        assert_eq!(endpoint.to_string(), "https://mcp.example.com/v1?x=1&y={z}");

        let bare = Endpoint::parse("http://[::1]:8080").unwrap();
        assert_eq!(bare.origin.authority(), "[::1]:8080");
        assert_eq!(bare.origin.to_string(), "http://[::1]:8080");
        assert_eq!(bare.path_and_query, "/");
    }

    #[test]
    fn the_same_origin_has_the_same_text() {
        let texts = [
            "https://a.example/x",
            "https://A.example:443/y?z",
            "https://%61.example",
        ];
        for text in texts {
            assert_eq!(
                Endpoint::parse(text).unwrap().origin.to_string(),
                "https://a.example:443",
                "{text}"
            );
        }
        assert_eq!(
            Endpoint::parse("https://bücher.example/")
                .unwrap()
                .origin
                .authority(),
            "xn--bcher-kva.example"
        );
    }

    /// SS-03: what is classified later is this host, not the text.
    #[test]
    fn numeric_forms_become_addresses() {
        for text in [
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "127.0.0.1",
            "127.0.0.1.",
            "%31%32%37.1",
            "127。0。0。1",
        ] {
            let origin = Endpoint::parse(&format!("http://{text}/")).unwrap().origin;
            assert_eq!(
                origin.host(),
                &Host::<String>::Ipv4([127, 0, 0, 1].into()),
                "{text}"
            );
        }
    }

    /// SS-14
    #[test]
    fn only_http_is_spoken() {
        for text in [
            "file:///etc/passwd",
            "gopher://a/",
            "unix:/run/x",
            "ftp://a/",
            "data:,x",
            "//a/",
            "a.example",
            "http:a",
            "",
        ] {
            assert_eq!(Endpoint::parse(text), Err(UrlError::Scheme), "{text}");
        }
    }

    /// SS-15
    #[test]
    fn userinfo_is_refused() {
        for text in [
            "https://user:pw@host/",
            "https://user@host/",
            "https://@host/",
            "https://good.example@evil.example",
        ] {
            assert_eq!(Endpoint::parse(text), Err(UrlError::Userinfo), "{text}");
        }
        assert!(Endpoint::parse("https://host/@user").is_ok());
    }

    #[test]
    fn what_parsers_repair_is_refused() {
        let cases = [
            ("https:///host/", UrlError::Host),
            ("https://:80/", UrlError::Host),
            ("https://", UrlError::Host),
            ("https://?x", UrlError::Host),
            (" https://host/", UrlError::Character),
            ("https://ho\tst/", UrlError::Character),
            ("https://host/\n", UrlError::Character),
            ("https://host\\@evil.example/", UrlError::Character),
            ("https://host./", UrlError::TrailingDot),
            ("https://host:0/", UrlError::Port),
            ("https://host:65536/", UrlError::Port),
            ("https://host:80x/", UrlError::Port),
            ("https://host/#x", UrlError::Fragment),
            ("https://host/#", UrlError::Fragment),
            (
                "https://ho<st/",
                UrlError::Syntax(url::ParseError::IdnaError),
            ),
            (
                "https://1.2.3.4.5/",
                UrlError::Syntax(url::ParseError::InvalidIpv4Address),
            ),
        ];
        for (text, error) in cases {
            assert_eq!(Endpoint::parse(text), Err(error), "{text}");
        }
        let long = |bytes: usize| format!("https://host/{}", "x".repeat(bytes - 13));
        assert!(Endpoint::parse(&long(2048)).is_ok());
        assert_eq!(Endpoint::parse(&long(2049)), Err(UrlError::Long));
    }
}
