//! What people are told of a client and of where it sends them. A client's own word counts for
//! nothing: only its name is shown, and as what it is (A21).

use crate::oauth::{
    client::{Client, Registration},
    redirect::{Redirect, RedirectKind},
    said,
};

/// A client as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientShown {
    pub(super) name: String,
    pub(super) standing: Standing,
}

/// How far anybody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its document is that of a well-known client.
    Verified,
    /// It has a document at this place, which is all that is known: whoever has a host can say any
    /// name in one.
    Document(RedirectShown),
    /// An operator of the tenant registered it.
    Operator,
    /// It registered itself: anybody can under any name.
    Unverified,
}

impl ClientShown {
    /// A client that calls itself so.
    pub(crate) fn new(name: &str, standing: Standing) -> Self {
        let name = said::clean(name, LONGEST_NAME).unwrap_or_else(|| "(no name)".to_owned());
        Self { name, standing }
    }

    /// As it is known here.
    pub(crate) fn of(client: &Client) -> Self {
        let host = client.host.clone();
        let standing = Standing::of(client.registration, client.verified, host);
        Self::new(&client.name, standing)
    }

    /// Whether its name is but a claim.
    pub(super) fn is_unverified(&self) -> bool {
        matches!(self.standing, Standing::Unverified | Standing::Document(_))
    }
}

impl Standing {
    /// What is known of a client that came to be known this way.
    pub(crate) fn of(registration: Registration, verified: bool, host: Option<String>) -> Self {
        match (registration, verified, host) {
            (Registration::Manual | Registration::Document, true, _) => Self::Verified,
            (Registration::Manual, false, _) => Self::Operator,
            (Registration::Document, false, Some(host)) => Self::at(&host),
            (Registration::Document, false, None) | (Registration::Dynamic, _, _) => {
                Self::Unverified
            }
        }
    }

    /// With a document on this host.
    pub(super) fn at(host: &str) -> Self {
        let place = RedirectShown::of_origin(&format!("https://{host}"));
        place.map_or(Self::Unverified, Self::Document)
    }
}

/// Where a client lets people be sent back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedirectShown {
    /// A web page of this host; `site` is the domain that somebody registered, the end of `host`.
    Https { host: String, site: String },
    /// A program on the same computer.
    Loopback { host: String, port: Option<u16> },
    /// The app that opens URLs of this scheme.
    Private { scheme: String },
}

impl RedirectShown {
    /// Where a request leads.
    pub(crate) fn of(redirect: &Redirect) -> Self {
        Self::of_kind(redirect.kind.clone())
    }

    /// Where a connection was made from: the origin that stands with its grant; none for a device.
    pub(crate) fn of_origin(origin: &str) -> Option<Self> {
        if let Some((scheme, "")) = origin.split_once(':') {
            let scheme = scheme.to_owned();
            return Some(Self::Private { scheme });
        }
        RedirectKind::read(origin).ok().map(Self::of_kind)
    }

    fn of_kind(kind: RedirectKind) -> Self {
        match kind {
            RedirectKind::Https { host, site } => Self::Https { host, site },
            RedirectKind::Loopback { host, port } => Self::Loopback { host, port },
            RedirectKind::Private { scheme } => Self::Private { scheme },
        }
    }

    /// The host in two parts: what anybody can choose, and what somebody registered.
    fn parts<'a>(host: &'a str, site: &str) -> (&'a str, &'a str) {
        match host.strip_suffix(site) {
            Some(before) if before.is_empty() || before.ends_with('.') => {
                host.split_at(before.len())
            }
            _ => ("", host),
        }
    }

    /// What stands before the registered domain.
    pub(super) fn before_site(&self) -> &str {
        match self {
            Self::Https { host, site } => Self::parts(host, site).0,
            Self::Loopback { .. } | Self::Private { .. } => "",
        }
    }

    /// What people should look at.
    pub(super) fn emphasised(&self) -> String {
        match self {
            Self::Https { host, site } => Self::parts(host, site).1.to_owned(),
            Self::Loopback { host, port } => match port {
                Some(port) => format!("{host}:{port}"),
                None => host.clone(),
            },
            Self::Private { scheme } => format!("{scheme}://"),
        }
    }
}

const LONGEST_NAME: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    /// A21.
    #[test]
    fn only_a_document_or_an_operator_makes_a_client_verified() {
        use Registration::{Document, Dynamic, Manual};
        let host = || Some("claude.ai".to_owned());
        assert_eq!(Standing::of(Document, true, host()), Standing::Verified);
        for (registration, verified, host, standing) in [
            (Dynamic, true, host(), Standing::Unverified),
            (Dynamic, false, None, Standing::Unverified),
            (Document, false, host(), Standing::at("claude.ai")),
            (Document, false, None, Standing::Unverified),
            (Manual, false, None, Standing::Operator),
        ] {
            assert_eq!(Standing::of(registration, verified, host), standing);
        }
    }

    #[test]
    fn an_origin_is_shown_as_what_it_is() {
        let of = RedirectShown::of_origin;
        let host = "localhost".to_owned();
        assert_eq!(
            of("http://localhost"),
            Some(RedirectShown::Loopback { host, port: None })
        );
        let scheme = "cursor".to_owned();
        assert_eq!(of("cursor:"), Some(RedirectShown::Private { scheme }));
        assert_eq!(
            of("https://api.claude.ai").unwrap().emphasised(),
            "claude.ai"
        );
        assert_eq!(of(""), None);
    }

    #[test]
    fn the_registered_domain_is_told_from_what_stands_before_it() {
        let parts = RedirectShown::parts;
        assert_eq!(parts("api.claude.ai", "claude.ai"), ("api.", "claude.ai"));
        assert_eq!(parts("claude.ai", "claude.ai"), ("", "claude.ai"));
        assert_eq!(
            parts("claude.ai.evil.test", "evil.test"),
            ("claude.ai.", "evil.test")
        );
        assert_eq!(parts("notclaude.ai", "claude.ai"), ("", "notclaude.ai"));
        assert_eq!(parts("192.0.2.1", ""), ("", "192.0.2.1"));
    }
}
