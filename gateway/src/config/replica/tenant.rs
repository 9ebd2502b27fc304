//! One tenant of the replica: the newest good version of itself, its servers and its keys, and the
//! aggregate that requests see.

use std::{collections::HashMap, sync::Arc};

use proto::id::{KeyUid, ServerUid};

use super::server::ServerRecord;
use crate::{
    config::{
        compile::KeySpec,
        secrets::TenantSecrets,
        snapshot::{Key, Tenant, TenantSpec},
    },
    limit::{Gauge, Gauges},
};

/// What is known of one tenant.
#[derive(Debug, Default)]
pub(super) struct TenantRecord {
    /// Outlives every version, so that a change neither frees nor leaks slots.
    gauge: Arc<Gauge>,
    /// Likewise, those of principals that config does not list.
    principals: Arc<Gauges>,
    /// The tenant itself; none while only its servers and keys were heard of.
    pub(super) own: Option<OwnRecord>,
    /// Its servers.
    pub(super) servers: HashMap<ServerUid, ServerRecord>,
    /// Its keys.
    pub(super) keys: HashMap<KeyUid, KeyRecord>,
    /// What requests see of it.
    pub(super) live: Option<Arc<Tenant>>,
}

/// What is known of a tenant itself.
#[derive(Debug)]
pub(super) struct OwnRecord {
    /// The revision that was sent last.
    pub(super) held: u64,
    /// The newest good version, with its revision.
    pub(super) good: Option<(u64, TenantSpec)>,
}

/// What is known of one key.
#[derive(Debug)]
pub(super) struct KeyRecord {
    gauge: Arc<Gauge>,
    /// The revision that was sent last.
    pub(super) held: u64,
    /// The key under the hash of its secret; none if the version that was sent last is bad: no older
    /// one counts.
    good: Option<([u8; 32], Arc<Key>)>,
}

impl TenantRecord {
    /// A version of the tenant itself was sent; a bad one leaves the one before in place.
    pub(super) fn put_own(&mut self, revision: u64, spec: Option<TenantSpec>) {
        let before = self.own.take().and_then(|own| own.good);
        self.own = Some(OwnRecord {
            held: revision,
            good: spec.map(|spec| (revision, spec)).or(before),
        });
    }

    /// A version of one of its keys was sent.
    pub(super) fn put_key(&mut self, uid: KeyUid, revision: u64, spec: Option<KeySpec>) {
        let before = self.keys.remove(&uid);
        let gauge = before.map_or_else(Arc::default, |key| key.gauge);
        let good = spec.map(|spec| {
            let mut key = Key::new(uid, spec.slug, spec.servers, Arc::clone(&gauge));
            key.disabled = spec.disabled;
            key.expires = spec.expires;
            (spec.sha256, Arc::new(key))
        });
        let record = KeyRecord {
            gauge,
            held: revision,
            good,
        };
        self.keys.insert(uid, record);
    }

    /// Whether nothing of it is left.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_none() && self.servers.is_empty() && self.keys.is_empty()
    }

    /// What requests are to see of it; nothing without a good version of the tenant itself.
    pub(super) fn assemble(&self, secrets: Option<&Arc<TenantSecrets>>) -> Option<Arc<Tenant>> {
        let (revision, spec) = self.own.as_ref()?.good.as_ref()?;
        let gauge = Arc::clone(&self.gauge);
        let mut tenant = Tenant::new(spec.clone(), gauge)
            .with_revision(*revision)
            .with_principals(Arc::clone(&self.principals));
        let mut slots: Vec<_> = self
            .servers
            .iter()
            .filter_map(|(uid, server)| server.slot(*uid))
            .collect();
        slots.sort_by_key(|(rank, ..)| *rank);
        for (_, slug, slot) in slots {
            tenant = tenant.with_server(slug, slot);
        }
        for (sha256, key) in self.keys.values().filter_map(|key| key.good.as_ref()) {
            tenant = tenant.with_key(*sha256, Arc::clone(key));
        }
        if let Some(secrets) = secrets {
            tenant = tenant.with_secrets(Arc::clone(secrets));
        }
        Some(Arc::new(tenant))
    }
}
