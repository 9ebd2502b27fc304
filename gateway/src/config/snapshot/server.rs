//! A server as calls need it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use proto::{id::ServerUid, name::Slug};

use crate::config::{authenticators::Authenticators, lease::Lease};

/// What stands under a server's slug.
#[derive(Debug, Clone)]
pub enum ServerSlot {
    /// It can be called.
    Serving(Arc<Server>),
    /// Config names it, but no version of it could be applied: 503.
    Quarantined(ServerUid),
}

/// A server as calls need it.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its id.
    pub uid: ServerUid,
    /// The segment in public URLs.
    pub slug: Slug,
    /// The MCP endpoint.
    pub endpoint: egress::Endpoint,
    /// `url` as it was registered, which a JWT's audience may name.
    pub url: Box<str>,
    /// How long a `tools/call` may take to its first byte.
    pub first_byte_timeout: Duration,
    /// What to present to it.
    pub credential: CredentialUse,
    /// How its callers prove who they are; none means as the tenant says.
    pub authenticators: Option<Arc<Authenticators>>,
    /// Which credential calls carry.
    pub egress: EgressMode,
    /// Tools whose definitions were given by hand.
    pub tools: Arc<HashMap<Box<str>, policy::Class>>,
}

/// Which credential calls to a server carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressMode {
    /// The stored one.
    Shared,
    /// The caller's own, where that may be forwarded; never the stored one.
    Passthrough,
    /// None.
    None,
}

/// What calls to a server carry of ours.
#[derive(Debug, Clone)]
pub enum CredentialUse {
    /// Nothing: the server wants no credential, and no static token brings headers.
    None,
    /// What this lease has: a credential, headers of static tokens, or both.
    Attach(Arc<Lease>),
    /// Calls fail and nothing is sent: the origin changed after the credential was set, or none
    /// was set yet.
    Detached,
}

impl ServerSlot {
    /// The server's id.
    pub fn uid(&self) -> ServerUid {
        match self {
            Self::Serving(server) => server.uid,
            Self::Quarantined(uid) => *uid,
        }
    }

    /// The server's own authenticators, if it has some.
    pub fn authenticators(&self) -> Option<&Authenticators> {
        match self {
            Self::Serving(server) => server.authenticators.as_deref(),
            Self::Quarantined(_) => None,
        }
    }
}
