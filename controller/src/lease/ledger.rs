//! What one node was sent and what is due to it. Pure: it compares entries and times, and sees no
//! plaintext.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use proto::id::{ServerUid, TenantUid};
use proto::name::StreamName;

use super::tenant_secrets;
use crate::sync::{
    State,
    state::{Entry, Sealed, ServerAccess},
};

/// What one node was sent since it opened its stream.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    servers: BTreeMap<ServerUid, Held>,
    tenants: BTreeMap<TenantUid, HeldSecrets>,
}

#[derive(Debug)]
struct Held {
    entry: Arc<Entry>,
    renew_at: SystemTime,
}

#[derive(Debug)]
struct HeldSecrets {
    entry: Arc<Entry>,
    day: u32,
}

/// Something to send.
#[derive(Debug)]
pub(super) enum Due {
    /// The lease of this server ends.
    Withdrawal(ServerUid),
    /// What this tenant's credentials are checked with.
    TenantSecrets(TenantUid, Arc<Entry>),
    /// This server's credential.
    Offer(ServerUid, Arc<Entry>, Record),
}

/// Whether it is on record that the node got this generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    Made,
    Missing,
}

impl Ledger {
    /// What brings the node from what it was sent to what `state` says: withdrawals first, so that
    /// nothing outlives its end, then tenants' secrets, then credentials.
    pub(super) fn due(&self, state: &State, now: SystemTime) -> Vec<Due> {
        // Every entry is looked at; unchanged ones are told by their pointer.
        let day = tenant_secrets::day(now);
        let (mut secrets, mut offers, mut leased) = (Vec::new(), Vec::new(), BTreeSet::new());
        for entry in state.entries(None) {
            match (&entry.sealed, entry.name) {
                (Sealed::Access(access), _) if is_leased(access) => {
                    leased.insert(access.server);
                    offers.extend(self.offer(entry, access, now));
                }
                (Sealed::Tenant(_), StreamName::Tenant(tenant))
                    if !self.has_secrets(tenant, entry, day) =>
                {
                    secrets.push(Due::TenantSecrets(tenant, Arc::clone(entry)));
                }
                (Sealed::Access(_) | Sealed::Tenant(_) | Sealed::Nothing, _) => {}
            }
        }
        let ended = self
            .servers
            .keys()
            .filter(|server| !leased.contains(server));
        let withdrawals = ended.map(|&server| Due::Withdrawal(server));
        withdrawals.chain(secrets).chain(offers).collect()
    }

    fn offer(&self, entry: &Arc<Entry>, access: &ServerAccess, now: SystemTime) -> Option<Due> {
        let due = |record| Some(Due::Offer(access.server, Arc::clone(entry), record));
        let Some(held) = self.servers.get(&access.server) else {
            return due(Record::Missing);
        };
        let is_same = Arc::ptr_eq(&held.entry, entry) || held.entry.sealed == entry.sealed;
        if is_same && now < held.renew_at {
            return None;
        }
        match &held.entry.sealed {
            Sealed::Access(old) if old.generation == access.generation => due(Record::Made),
            Sealed::Access(_) | Sealed::Tenant(_) | Sealed::Nothing => due(Record::Missing),
        }
    }

    fn has_secrets(&self, tenant: TenantUid, entry: &Arc<Entry>, day: u32) -> bool {
        self.tenants.get(&tenant).is_some_and(|held| {
            held.day == day
                && (Arc::ptr_eq(&held.entry, entry) || held.entry.sealed == entry.sealed)
        })
    }

    /// A lease or a refusal was sent.
    pub(super) fn offered(&mut self, server: ServerUid, entry: Arc<Entry>, renew_at: SystemTime) {
        self.servers.insert(server, Held { entry, renew_at });
    }

    /// A withdrawal was sent.
    pub(super) fn withdrawn(&mut self, server: ServerUid) {
        self.servers.remove(&server);
    }

    /// A tenant's secrets were sent.
    pub(super) fn told(&mut self, tenant: TenantUid, entry: Arc<Entry>, day: u32) {
        self.tenants.insert(tenant, HeldSecrets { entry, day });
    }

    /// How long nothing falls due by time alone.
    pub(super) fn rest(&self, now: SystemTime) -> Duration {
        let renewal = self.servers.values().map(|held| held.renew_at).min();
        let until = renewal
            .into_iter()
            .chain([tenant_secrets::tomorrow(now)])
            .min();
        until.map_or(Duration::ZERO, |until| {
            until.duration_since(now).unwrap_or_default()
        })
    }
}

/// Whether nodes need a lease for such a server.
fn is_leased(access: &ServerAccess) -> bool {
    access.generation > 0 && !access.detached
}

#[cfg(test)]
mod tests;
