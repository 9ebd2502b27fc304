//! One tenant of the replica: the newest good version of itself and of its policy, its servers and
//! credentials, and the aggregate that requests see.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use policy::Policy;
use proto::id::{KeyUid, ServerUid, StaticTokenUid, TenantUid};

use super::{server::ServerRecord, version::Versions};
use crate::{
    authn,
    config::{
        compile::{KeySpec, TokenSpec},
        secrets::TenantSecrets,
        snapshot::{Key, StaticToken, Tenant, TenantSpec},
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
    pub(super) own: Option<Versions<TenantSpec>>,
    /// Its policy.
    pub(super) policy: Option<Versions<Arc<Policy>>>,
    /// Its servers.
    pub(super) servers: HashMap<ServerUid, ServerRecord>,
    /// Its keys.
    pub(super) keys: HashMap<KeyUid, KeyRecord>,
    /// Its static tokens.
    pub(super) tokens: HashMap<StaticTokenUid, TokenRecord>,
    /// What requests see of it.
    pub(super) live: Option<Arc<Tenant>>,
}

/// What is known of one key.
#[derive(Debug)]
pub(super) struct KeyRecord {
    gauge: Arc<Gauge>,
    /// The revision that was sent last.
    pub(super) held: u64,
    /// The key under the hash of its secret; none if the version that was sent last is bad: no older
    /// one counts.
    good: Option<GoodKey>,
}

/// A key with what finds it.
#[derive(Debug)]
struct GoodKey {
    sha256: [u8; 32],
    previous: Option<([u8; 32], SystemTime)>,
    key: Arc<Key>,
}

/// What is known of one static token.
#[derive(Debug)]
pub(super) struct TokenRecord {
    gauge: Arc<Gauge>,
    /// The revision that was sent last.
    pub(super) held: u64,
    /// The token under its verifier; none if the version that was sent last is bad.
    good: Option<([u8; 32], Arc<StaticToken>)>,
}

impl TenantRecord {
    /// A version of one of its keys was sent.
    pub(super) fn put_key(&mut self, uid: KeyUid, revision: u64, spec: Option<KeySpec>) {
        let before = self.keys.remove(&uid);
        let gauge = before.map_or_else(Arc::default, |key| key.gauge);
        let good = spec.map(|spec| {
            let mut key = Key::new(uid, spec.slug, spec.servers, Arc::clone(&gauge));
            key.scopes = spec.scopes;
            key.disabled = spec.disabled;
            key.expires = spec.expires;
            GoodKey {
                sha256: spec.sha256,
                previous: spec.previous,
                key: Arc::new(key),
            }
        });
        let record = KeyRecord {
            gauge,
            held: revision,
            good,
        };
        self.keys.insert(uid, record);
    }

    /// A version of one of its static tokens was sent.
    pub(super) fn put_token(
        &mut self,
        (tenant, uid): (TenantUid, StaticTokenUid),
        revision: u64,
        spec: Option<TokenSpec>,
    ) {
        let before = self.tokens.remove(&uid);
        let gauge = before.map_or_else(Arc::default, |token| token.gauge);
        let good = spec.map(|spec| {
            let authority = uid.uuid();
            let principal = authn::principal(
                tenant,
                authn::Kind::Static,
                authority.as_bytes(),
                &spec.subject,
            );
            let token = StaticToken {
                uid,
                slug: spec.slug,
                server: spec.server,
                kind: spec.kind,
                subject: spec.subject,
                principal,
                roles: spec.roles,
                passthrough: spec.passthrough,
                has_headers: spec.has_headers,
                disabled: spec.disabled,
                expires: spec.expires,
                gauge: Arc::clone(&gauge),
            };
            (spec.verifier, Arc::new(token))
        });
        let record = TokenRecord {
            gauge,
            held: revision,
            good,
        };
        self.tokens.insert(uid, record);
    }

    /// Whether nothing of it is left.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_none()
            && self.policy.is_none()
            && self.servers.is_empty()
            && self.keys.is_empty()
            && self.tokens.is_empty()
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
        let keys = || self.keys.values().filter_map(|key| key.good.as_ref());
        for good in keys() {
            tenant = tenant.with_key(good.sha256, Arc::clone(&good.key));
        }
        // Afterwards, because a secret in force counts before one that is on its way out.
        for good in keys() {
            if let Some((sha256, until)) = good.previous {
                tenant = tenant.with_previous_secret(sha256, Arc::clone(&good.key), until);
            }
        }
        for (verifier, token) in self.tokens.values().filter_map(|token| token.good.as_ref()) {
            tenant = tenant.with_static_token(*verifier, Arc::clone(token));
        }
        if let Some(policy) = &self.policy {
            // One that cannot be read limits keys, too: it might name any of them.
            let (revision, policy) = match &policy.good {
                Some((revision, policy)) => (*revision, Arc::clone(policy)),
                None => (0, Arc::new(Policy::unreadable())),
            };
            tenant = tenant.with_policy(policy, revision);
        }
        if let Some(secrets) = secrets {
            tenant = tenant.with_secrets(Arc::clone(secrets));
        }
        Some(Arc::new(tenant))
    }
}
