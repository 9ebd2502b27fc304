//! What this node holds of config, as a state machine without I/O: it takes what the streams bring
//! and gives a snapshot to serve and an acknowledgement to send. One bad resource never affects
//! another (design.md §6). It knows nothing of connections, and readers know nothing of it: they
//! see finished snapshots only.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use proto::{
    digest::SetDigest,
    id::{ServerUid, TenantUid},
    name::StreamName,
    node::v1::WatchLeasesResponse,
    sync::v1::{Ack, Cursor, Delta, Digest, Reject},
};

use self::{
    reject::reject,
    server::{LEASE_PATIENCE, ServerRecord, Serving, Wait},
    tenant::TenantRecord,
    version::Versions,
};
use super::{
    compile::{Compiled, Fault, Name, Spec, compile},
    offers::{News, Offers},
    snapshot::{Change, Snapshot},
};
use crate::{authn::jwt::Jwt, limit::Limits};

/// Which resources are held, at which revisions.
mod held;

/// What a controller is told about a resource that is not live as sent.
mod reject;

/// The versions of one server, and the pairing with its credential.
mod server;

/// A tenant with what it has.
mod tenant;

/// Resources of which there is one, and their newest good version.
mod version;

/// The state.
#[derive(Debug, Default)]
pub(super) struct Replica {
    /// Up to where everything was received; zero before the first snapshot.
    cursor: Cursor,
    digest: SetDigest,
    tenants: HashMap<TenantUid, TenantRecord>,
    /// What holds for tenants that say nothing else.
    defaults: Option<Versions<Arc<Limits>>>,
    /// Resources whose names say nothing to us, at their revisions. They count in the digest.
    strangers: HashMap<Box<str>, u64>,
    /// Where each server is, because lease messages name the server only.
    homes: HashMap<ServerUid, TenantUid>,
    offers: Offers,
    rejects: BTreeMap<Name, Reject>,
    /// Servers with a version that waits for its lease.
    waiting: HashMap<(TenantUid, ServerUid), Wait>,
    /// Tenants whose aggregate is not what their records say.
    dirty: HashSet<TenantUid>,
    snapshot: Arc<Snapshot>,
    /// Told which issuers' keys will be needed.
    jwt: Option<Jwt>,
}

/// The delta does not start where this node stands: something was lost on the way.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the delta covers ({from}, {to}], but this node stands at {cursor}")]
pub(super) struct Gap {
    from: u64,
    to: u64,
    cursor: u64,
}

/// How the state of a controller compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same.
    Equal,
    /// It is of another moment, so nothing can be said.
    Elsewhere,
    /// Of the same moment and not the same.
    Diverged,
}

/// Whether the controller has said all that it knew when the lease stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leases {
    /// There is more to come, or this was after it.
    More,
    /// This was the end of it.
    CaughtUp,
}

/// How long a credential that was taken back may still be used, because the config that goes with
/// that comes on another stream.
const WITHDRAWAL_OVERLAP: Duration = Duration::from_secs(10);

/// How many rejects one acknowledgement lists. It then reaches only as far as the list.
const MAX_REJECTS: usize = 1000;

impl Replica {
    /// Nothing yet. Whoever fetches issuers' keys is told early which.
    pub(super) fn new(jwt: Option<Jwt>) -> Self {
        Self {
            jwt,
            ..Self::default()
        }
    }

    /// Up to where everything was received; zero before the first snapshot.
    pub(super) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// What is held, as an order-free hash.
    pub(super) fn digest(&self) -> Digest {
        Digest {
            at: Some(self.cursor),
            count: self.digest.count(),
            sum: self.digest.sum().to_vec().into(),
        }
    }

    /// Whether there is a complete snapshot.
    pub(super) fn is_complete(&self) -> bool {
        self.cursor != Cursor::default()
    }

    /// Applies a delta that starts where this node stands. Nothing is changed if it does not.
    pub(super) fn apply(&mut self, delta: &Delta, now: Instant) -> Result<(), Gap> {
        let Delta { from, to, .. } = *delta;
        let cursor = self.cursor.revision;
        if !self.is_complete() || from != cursor || to < from {
            return Err(Gap { from, to, cursor });
        }
        let mut upserts: Vec<_> = delta.upserts.iter().map(compile).collect();
        upserts.sort_by_key(|upsert| upsert.revision);
        // Oldest first, so that a resource that was made anew ends up present, and a removed one gone.
        let mut tombstones: Vec<_> = delta.tombstones.iter().collect();
        tombstones.sort_by_key(|tombstone| tombstone.revision);
        let mut tombstones = tombstones.into_iter().peekable();
        for upsert in upserts {
            while let Some(gone) = tombstones.next_if(|gone| gone.revision <= upsert.revision) {
                self.remove(&Name::from(gone.name.as_str()), gone.revision);
            }
            if self
                .held(&upsert.name)
                .is_none_or(|held| held < upsert.revision)
            {
                self.put(upsert, now);
            }
        }
        for gone in tombstones {
            self.remove(&Name::from(gone.name.as_str()), gone.revision);
        }
        self.cursor.revision = to;
        Ok(())
    }

    /// Replaces everything held by a complete snapshot. What served before a version that turns out
    /// to be bad, and leases and gauges, are kept.
    pub(super) fn replace(&mut self, all: Vec<Compiled>, at: Cursor, now: Instant) {
        let names: HashSet<&Name> = all.iter().map(|resource| &resource.name).collect();
        let gone: Vec<_> = self.names().filter(|name| !names.contains(name)).collect();
        for name in gone {
            self.remove(&name, u64::MAX);
        }
        for resource in all {
            self.put(resource, now);
        }
        self.cursor = at;
    }

    /// A new lease stream begins: it will mention everything that still holds.
    pub(super) fn begin_leases(&mut self) {
        self.offers.begin();
    }

    /// Takes in one message of the lease stream.
    pub(super) fn hear(&mut self, message: WatchLeasesResponse, wall: SystemTime) -> Leases {
        match self.offers.hear(message) {
            News::Nothing => {}
            News::CaughtUp => return Leases::CaughtUp,
            News::Offer(server) => self.settle(server),
            News::Withdrawn(server) => {
                if let Some(record) = self.server_mut(server) {
                    record.withdraw(wall + WITHDRAWAL_OVERLAP);
                }
            }
            News::Secrets(tenant) => {
                self.dirty.insert(tenant);
            }
        }
        Leases::More
    }

    /// When the next version that waits for its lease is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.waiting.values().map(|wait| wait.since).min()?;
        Some(since + LEASE_PATIENCE)
    }

    /// Reports versions whose leases did not come in time. They still go live when those come.
    pub(super) fn expire(&mut self, now: Instant) {
        let late = self
            .waiting
            .extract_if(|_, wait| wait.since + LEASE_PATIENCE <= now);
        for id in late.map(|(id, _)| id).collect::<Vec<_>>() {
            if let Some(record) = self.record_mut(id) {
                record.lose_patience();
            }
            self.note_server(id);
        }
    }

    /// How many versions wait for their leases.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many tenants have changed since the last snapshot.
    pub(super) fn changed_tenants(&self) -> usize {
        self.dirty.len()
    }

    /// What is not live as sent.
    pub(super) fn rejects(&self) -> impl ExactSizeIterator<Item = &Reject> {
        self.rejects.values()
    }

    /// The snapshot to serve, with everything that changed since the last call.
    pub(super) fn snapshot(&mut self) -> Option<Arc<Snapshot>> {
        if !self.is_complete() {
            return None;
        }
        let dirty = std::mem::take(&mut self.dirty);
        let changes: Vec<_> = dirty
            .into_iter()
            .filter_map(|uid| self.renew(uid))
            .collect();
        if let Some(jwt) = &self.jwt {
            let tenants = changes.iter().filter_map(|(_, new)| new.as_deref());
            tenants.for_each(|tenant| jwt.prefetch(tenant));
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.exchange(self.cursor.revision, &changes);
        let defaults = self.defaults.as_ref();
        let defaults = defaults.and_then(|defaults| defaults.good.as_ref());
        snapshot.set_defaults(defaults.map_or_else(Arc::default, |(_, limits)| Arc::clone(limits)));
        Some(Arc::clone(&self.snapshot))
    }

    /// The acknowledgement to send: how far everything is live, and what is not.
    pub(super) fn ack(&self) -> Ack {
        let mut applied = self.cursor.revision;
        if let Some(oldest) = self.waiting.values().map(|wait| wait.from).min() {
            applied = applied.min(oldest.saturating_sub(1));
        }
        let mut rejects: Vec<_> = self.rejects.values().collect();
        rejects.sort_by_key(|reject| reject.revision);
        if let Some(unlisted) = rejects.get(MAX_REJECTS) {
            applied = applied.min(unlisted.revision.saturating_sub(1));
            rejects.truncate(MAX_REJECTS);
        }
        Ack {
            revocations: 0,
            applied: Some(Cursor {
                revision: applied,
                ..self.cursor
            }),
            rejects: rejects.into_iter().cloned().collect(),
            digest: Some(self.digest()),
        }
    }

    /// Compares a controller's digest with ours.
    pub(super) fn compare(&self, theirs: &Digest) -> Comparison {
        let ours = self.digest();
        if theirs.at != ours.at {
            Comparison::Elsewhere
        } else if *theirs == ours {
            Comparison::Equal
        } else {
            Comparison::Diverged
        }
    }

    fn put(&mut self, resource: Compiled, now: Instant) {
        let Compiled {
            name,
            revision,
            outcome,
        } = resource;
        self.count_out(&name);
        self.digest.add(&name.to_string(), revision);
        match outcome {
            Ok(Spec::Tenant(tenant, spec, left_out)) => {
                Versions::put(&mut self.tenant_mut(tenant).own, revision, Some(spec));
                if let Some(fault) = left_out {
                    let trouble = (&fault.reason, &*fault.detail, revision);
                    let reject = reject(&name, revision, trouble);
                    self.rejects.insert(name, reject);
                    return;
                }
            }
            Ok(Spec::Policy(tenant, policy)) => {
                Versions::put(&mut self.tenant_mut(tenant).policy, revision, Some(policy));
            }
            Ok(Spec::Defaults(limits)) => {
                Versions::put(&mut self.defaults, revision, Some(limits));
            }
            Ok(Spec::StaticToken(tenant, token, spec)) => {
                let id = (tenant, token);
                self.tenant_mut(tenant).put_token(id, revision, Some(spec));
            }
            Ok(Spec::Key(tenant, key, spec)) => {
                self.tenant_mut(tenant).put_key(key, revision, Some(spec));
            }
            Ok(Spec::Server(tenant, server, spec)) => {
                self.base(tenant, server).accept(revision, spec, now);
                return self.settle(server);
            }
            Err(fault) => return self.put_fault(name, revision, fault),
        }
        self.rejects.remove(&name);
    }

    fn put_fault(&mut self, name: Name, revision: u64, fault: Fault) {
        let Name::Known(known) = name else {
            let reject = reject(&name, revision, (&fault.reason, &fault.detail, 0));
            self.rejects.insert(name.clone(), reject);
            if let Name::Strange(text) = name {
                self.strangers.insert(text, revision);
            }
            return;
        };
        let serving = match known {
            StreamName::Tenant(tenant) => {
                Versions::put(&mut self.tenant_mut(tenant).own, revision, None)
            }
            StreamName::Policy(tenant) => {
                Versions::put(&mut self.tenant_mut(tenant).policy, revision, None)
            }
            StreamName::Defaults => Versions::put(&mut self.defaults, revision, None),
            StreamName::Key(tenant, key) => {
                self.tenant_mut(tenant).put_key(key, revision, None);
                0
            }
            StreamName::Server(tenant, server) => {
                self.base(tenant, server).refuse(revision, fault);
                return self.note_server((tenant, server));
            }
            StreamName::StaticToken(tenant, token) => {
                let id = (tenant, token);
                self.tenant_mut(tenant).put_token(id, revision, None);
                0
            }
        };
        let reject = reject(&name, revision, (&fault.reason, &fault.detail, serving));
        self.rejects.insert(name, reject);
    }

    /// Removes a resource unless what is held is newer.
    fn remove(&mut self, name: &Name, revision: u64) {
        if self.held(name).is_none_or(|held| held > revision) {
            return;
        }
        self.count_out(name);
        self.rejects.remove(name);
        match *name {
            Name::Strange(ref text) => {
                self.strangers.remove(text);
            }
            Name::Known(StreamName::Tenant(tenant)) => self.tenant_mut(tenant).own = None,
            Name::Known(StreamName::Key(tenant, key)) => {
                self.tenant_mut(tenant).keys.remove(&key);
            }
            Name::Known(StreamName::Server(tenant, server)) => {
                self.tenant_mut(tenant).servers.remove(&server);
                self.waiting.remove(&(tenant, server));
                if self.homes.get(&server) == Some(&tenant) {
                    self.homes.remove(&server);
                }
            }
            Name::Known(StreamName::StaticToken(tenant, token)) => {
                self.tenant_mut(tenant).tokens.remove(&token);
            }
            Name::Known(StreamName::Policy(tenant)) => self.tenant_mut(tenant).policy = None,
            Name::Known(StreamName::Defaults) => self.defaults = None,
        }
    }

    /// Pairs a server's versions with the last word about its credential.
    fn settle(&mut self, server: ServerUid) {
        let Some(&tenant) = self.homes.get(&server) else {
            return;
        };
        let offer = self.offers.credential(server);
        let record = self.tenants.get_mut(&tenant);
        let record = record.and_then(|tenant| tenant.servers.get_mut(&server));
        let Some(record) = record else { return };
        if record.pair((tenant, server), offer) == Serving::Changed {
            self.dirty.insert(tenant);
        }
        self.note_server((tenant, server));
    }

    /// Brings the lists of waits and rejects up to date with a server's record.
    fn note_server(&mut self, id: (TenantUid, ServerUid)) {
        let Some(record) = self.record_mut(id) else {
            return;
        };
        let name = Name::Known(StreamName::Server(id.0, id.1));
        let (held, wait) = (record.held, record.wait());
        let reject = record.trouble().map(|trouble| reject(&name, held, trouble));
        match wait {
            Some(wait) => self.waiting.insert(id, wait),
            None => self.waiting.remove(&id),
        };
        match reject {
            Some(reject) => self.rejects.insert(name, reject),
            None => self.rejects.remove(&name),
        };
    }

    /// A tenant's aggregate made anew; none if there was none and is none.
    fn renew(&mut self, uid: TenantUid) -> Option<Change> {
        let record = self.tenants.get_mut(&uid)?;
        let old = record.live.take();
        record.live = record.assemble(self.offers.secrets(uid));
        let new = record.live.clone();
        if record.is_empty() {
            self.tenants.remove(&uid);
            self.offers.forget(uid);
        }
        (old.is_some() || new.is_some()).then_some((old, new))
    }

    /// A tenant's record, about to change.
    fn tenant_mut(&mut self, uid: TenantUid) -> &mut TenantRecord {
        self.dirty.insert(uid);
        self.tenants.entry(uid).or_default()
    }

    /// A server's record, about to change.
    fn base(&mut self, tenant: TenantUid, server: ServerUid) -> &mut ServerRecord {
        self.homes.insert(server, tenant);
        let servers = &mut self.tenant_mut(tenant).servers;
        servers.entry(server).or_insert_with(ServerRecord::new)
    }

    fn server_mut(&mut self, server: ServerUid) -> Option<&mut ServerRecord> {
        let tenant = *self.homes.get(&server)?;
        self.record_mut((tenant, server))
    }

    fn record_mut(
        &mut self,
        (tenant, server): (TenantUid, ServerUid),
    ) -> Option<&mut ServerRecord> {
        self.tenants.get_mut(&tenant)?.servers.get_mut(&server)
    }
}

#[cfg(test)]
mod tests;
