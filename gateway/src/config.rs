//! The current snapshot and how it arrives: one config stream and one lease stream, kept open
//! against one of the controllers. Readers load a pointer and never wait for a writer. Settings are
//! not config: they are read once, by `crate::settings`.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Cache};
use runtime::{clock::Clock, ops::Gate, tls::Identity};

use self::{identity::NodeIdentity, link::Controller, snapshot::Snapshot};
use crate::{
    authn::{jwt::Jwt, uses::GrantUses},
    revocation::Revocations,
};

/// What a node serves at one moment: tenants with their servers and keys.
pub mod snapshot;

/// Credentials to present to servers, as controllers lease them.
pub mod lease;

/// The keys that seal a tenant's session ids.
pub mod session_keys;

/// What a tenant's sessions and credentials are made and checked with.
pub mod secrets;

/// How callers prove who they are.
pub mod authenticators;

/// Who this node is.
pub mod identity;

/// The way to a controller.
pub mod link;

/// Names → tenants, cheap to copy and to change.
mod directory;

/// Keeps the streams open and the replica up to date.
mod watch;

/// The lease stream on a controller's connection.
mod lease_feed;

/// What the ops port shows about config.
mod meters;

/// What this node holds, as a state machine without I/O.
mod replica;

/// A snapshot on its way in.
mod staging;

/// What controllers last said about credentials and session keys.
mod offers;

/// One resource of the stream → its runtime form, or why not.
mod compile;

/// Resources and leases as a controller would send them.
#[cfg(test)]
mod samples;

pub use self::watch::run;

/// The handle to the current snapshot. Clones see the same one.
#[derive(Debug, Clone, Default)]
pub struct Config {
    current: Arc<ArcSwapOption<Snapshot>>,
}

impl Config {
    /// A handle that has no snapshot yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The current snapshot; none until the first one is complete. For rare callers; the request
    /// path has a [`ConfigCache`] per thread.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// Replaces the current snapshot. Requests that hold the old one finish with it.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.current.store(Some(snapshot));
    }

    /// A reader for one thread.
    pub fn cache(&self) -> ConfigCache {
        ConfigCache {
            cache: Cache::new(Arc::clone(&self.current)),
        }
    }
}

/// One thread's reader of the current snapshot: no shared counter is touched while nothing changes.
#[derive(Debug)]
pub struct ConfigCache {
    cache: Cache<Arc<ArcSwapOption<Snapshot>>, Option<Arc<Snapshot>>>,
}

impl ConfigCache {
    /// The current snapshot; none until the first one is complete.
    pub fn load(&mut self) -> Option<&Arc<Snapshot>> {
        self.cache.load().as_ref()
    }
}

/// Where config comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The controllers; any of them will do.
    pub controllers: Vec<Controller>,
    /// Our certificate and key, and the CA that signed theirs.
    pub tls: Identity,
    /// What our certificate says that we are.
    pub node: NodeIdentity,
    /// What time it is, for leases.
    pub clock: Clock,
    /// Who fetches the keys that config names, if anybody does.
    pub jwt: Option<Jwt>,
    /// Which grants are in use, for controllers to hear.
    pub uses: GrantUses,
    /// Who takes in what is revoked.
    pub revocations: Revocations,
}

/// What the ops port is told.
#[derive(Clone)]
pub struct Gates {
    /// Opened by the first complete snapshot.
    pub config: Gate,
    /// Opened when the controller has sent every lease it had, and each server that waited for one
    /// has it or was given up.
    pub leases: Gate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_sees_the_snapshot_that_was_published_last() {
        let config = Config::new();
        let mut cache = config.cache();
        assert!(config.current().is_none() && cache.load().is_none());
        for revision in [1, 2] {
            config.publish(Arc::new(Snapshot::of(revision, [])));
            assert_eq!(cache.load().map(|held| held.revision()), Some(revision));
            assert_eq!(config.clone().current().unwrap().revision(), revision);
        }
    }
}
