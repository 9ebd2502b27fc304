//! What people are told of a client and of where it sends them. A client's own word counts for
//! nothing: only its name is shown, and as what it is (A21).

use super::said;

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
    /// It has a document on this host, which is all that is known.
    Document(String),
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

    /// Whether its name is but a claim.
    pub(super) fn is_unverified(&self) -> bool {
        self.standing == Standing::Unverified
    }
}

/// Where a client lets people be sent back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedirectShown {
    /// A web page of this host; `site` is the domain that somebody registered, the end of `host`.
    Https { host: String, site: String },
    /// A program on the same computer.
    Loopback { host: String, port: u16 },
    /// The app that opens URLs of this scheme.
    Private { scheme: String },
}

impl RedirectShown {
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
            Self::Loopback { host, port } => format!("{host}:{port}"),
            Self::Private { scheme } => format!("{scheme}://"),
        }
    }
}

const LONGEST_NAME: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(parts("192.0.2.1", ""), ("192.0.2.1", ""));
    }
}
