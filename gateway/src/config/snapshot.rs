//! What a node serves at one moment: tenants with what they have, immutable and shared by all
//! threads. It is made of compiled parts only, so nothing here can fail; `super::replica` makes it,
//! and tests may make one by hand.

mod key;
mod server;
mod tenant;
mod token;

use std::sync::Arc;

pub use self::{
    key::{Key, Secret, ServerSet},
    server::{CredentialUse, EgressMode, Server, ServerSlot},
    tenant::{Tenant, TenantSpec},
    token::StaticToken,
};
use super::directory::Directory;
pub use super::{
    authenticators::{ApiKeyHeader, Authenticator, Authenticators, Forwarded, Jwt},
    secrets::TenantSecrets,
    session_keys::SessionKeyring,
};
use crate::limit::rate::Limits;

/// All tenants, found by the host or by the path segment that a client named.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    revision: u64,
    by_authority: Directory,
    by_slug: Directory,
    defaults: Arc<Limits>,
}

impl Snapshot {
    /// A snapshot of these tenants.
    pub fn of(revision: u64, tenants: impl IntoIterator<Item = Arc<Tenant>>) -> Self {
        let mut snapshot = Self::default();
        let changes = tenants.into_iter().map(|tenant| (None, Some(tenant)));
        snapshot.exchange(revision, &changes.collect::<Vec<_>>());
        snapshot
    }

    /// The tenant that answers on this `host[:port]`: lower case, without the default port of the
    /// origin's scheme.
    pub fn tenant_by_authority(&self, authority: &str) -> Option<&Arc<Tenant>> {
        self.by_authority.get(authority)
    }

    /// The tenant with this segment in the path layout.
    pub fn tenant_by_slug(&self, slug: &str) -> Option<&Arc<Tenant>> {
        self.by_slug.get(slug)
    }

    /// How many calls per time tenants allow that say nothing else.
    pub fn defaults(&self) -> &Arc<Limits> {
        &self.defaults
    }

    /// With these limits for tenants that say nothing else.
    pub fn with_defaults(mut self, limits: Arc<Limits>) -> Self {
        self.set_defaults(limits);
        self
    }

    /// The config revision up to which this node has received everything.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Other limits for tenants that say nothing else.
    pub(super) fn set_defaults(&mut self, limits: Arc<Limits>) {
        self.defaults = limits;
    }

    /// Puts tenants in the place of what they were, which brings the whole to this revision.
    pub(super) fn exchange(&mut self, revision: u64, changes: &[Change]) {
        self.revision = revision;
        for old in changes.iter().filter_map(|(old, _)| old.as_deref()) {
            for authority in old.authorities() {
                self.by_authority.leave(authority, old);
            }
            self.by_slug.leave(old.slug.as_str(), old);
        }
        for new in changes.iter().filter_map(|(_, new)| new.as_ref()) {
            for authority in new.authorities() {
                self.by_authority.enter(authority, new);
            }
            self.by_slug.enter(new.slug.as_str(), new);
        }
    }
}

/// What a tenant was and what it is from now on.
pub(super) type Change = (Option<Arc<Tenant>>, Option<Arc<Tenant>>);
