//! An API key, and which servers a credential opens.

use std::{collections::HashSet, sync::Arc, time::SystemTime};

use policy::Scopes;
use proto::{
    id::{KeyUid, ServerUid},
    name::Slug,
};

use crate::limit::Gauge;

/// An API key.
#[derive(Debug)]
pub struct Key {
    /// Its id.
    pub uid: KeyUid,
    /// The last segment of its name, for the access log.
    pub slug: Slug,
    /// What the policy calls it: `keys/{slug}`.
    pub subject: Box<str>,
    /// What it opens.
    pub servers: ServerSet,
    /// What it may do there; none means everything.
    pub scopes: Option<Scopes>,
    /// A disabled key is refused.
    pub disabled: bool,
    /// When it stops working; none means never.
    pub expires: Option<SystemTime>,
    gauge: Arc<Gauge>,
}

/// A key as one of its secrets finds it.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The key.
    pub key: Arc<Key>,
    /// When this secret stops working, however long the key does; none means with the key.
    pub expires: Option<SystemTime>,
}

impl Key {
    /// A key that opens these servers and may do everything there, enabled and without end.
    pub fn new(uid: KeyUid, slug: Slug, servers: ServerSet, gauge: Arc<Gauge>) -> Self {
        Self {
            uid,
            subject: format!("keys/{slug}").into(),
            slug,
            servers,
            scopes: None,
            disabled: false,
            expires: None,
            gauge,
        }
    }

    /// What the key's holders have open on this node.
    pub fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}

impl Secret {
    /// Whether the secret or its key has come to its end.
    pub fn expired(&self, now: SystemTime) -> bool {
        let past = |end: Option<SystemTime>| end.is_some_and(|end| end <= now);
        past(self.expires) || past(self.key.expires)
    }
}

/// Which servers of its tenant a credential opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSet {
    /// Every one.
    All,
    /// These; an empty set opens none.
    Only(HashSet<ServerUid>),
}

impl ServerSet {
    /// Whether the server is among them.
    pub fn contains(&self, server: ServerUid) -> bool {
        match self {
            Self::All => true,
            Self::Only(servers) => servers.contains(&server),
        }
    }
}
