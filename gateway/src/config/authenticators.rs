//! How callers of a server prove who they are, compiled. Checking a request against it is
//! `crate::authn`'s business.

use http::HeaderName;
use ipnet::IpNet;

/// The kinds that are accepted, in order. An empty list lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticators {
    list: Box<[Authenticator]>,
}

/// One way to prove who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authenticator {
    /// The tenant's API keys.
    ApiKey(ApiKeyHeader),
    /// Short-lived tokens that the tenant's backend makes for its users.
    Session,
    /// Tokens that an operator pasted or had made.
    Static,
    /// What a proxy in front of us says.
    Forwarded(Forwarded),
    /// Everybody who presents nothing, with these roles.
    Anonymous(Box<[Box<str>]>),
}

/// Where a bare API key may stand besides `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyHeader {
    /// The header.
    pub name: HeaderName,
    /// Whether it was chosen, and is named in the challenge.
    pub chosen: bool,
}

/// Whom to believe about users, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// Only connections from these networks are believed.
    pub networks: Box<[IpNet]>,
    /// The header with the user.
    pub user: HeaderName,
    /// The header with the groups, separated by commas.
    pub groups: HeaderName,
}

impl Authenticators {
    /// These, in this order.
    pub fn new(list: impl IntoIterator<Item = Authenticator>) -> Self {
        Self {
            list: list.into_iter().collect(),
        }
    }

    /// The kinds in order.
    pub fn list(&self) -> &[Authenticator] {
        &self.list
    }
}

impl Default for Authenticators {
    /// API keys alone: what holds where config says nothing.
    fn default() -> Self {
        Self::new([Authenticator::ApiKey(ApiKeyHeader::default())])
    }
}

impl Default for ApiKeyHeader {
    fn default() -> Self {
        Self {
            name: X_API_KEY,
            chosen: false,
        }
    }
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
