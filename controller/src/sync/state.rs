//! Config at one revision, complete and immutable: what nodes are told, and the sealed values that
//! leases are made from. A new revision is a new `State` that shares everything unchanged.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use proto::{
    digest::SetDigest,
    id::{ServerUid, TenantUid},
    name::StreamName,
    sync::v1,
};
use tokio::sync::watch;

use super::{
    history::{Change, History},
    rows::{CredentialRow, JwtSecretRow, TenantKeyRow, TokenHeadersRow},
};

/// The newest state; `None` until the feed has read the database once.
pub type States = watch::Receiver<Option<Arc<State>>>;

/// A point in the history of config. Revisions compare only inside one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Changes on restore, on failover with loss, or by operator reset.
    pub epoch: u64,
    /// Every committed change is exactly one more.
    pub revision: u64,
}

impl From<v1::Cursor> for Cursor {
    fn from(cursor: v1::Cursor) -> Self {
        Self {
            epoch: cursor.epoch,
            revision: cursor.revision,
        }
    }
}

impl From<Cursor> for v1::Cursor {
    fn from(cursor: Cursor) -> Self {
        Self {
            epoch: cursor.epoch,
            revision: cursor.revision,
        }
    }
}

/// One resource as the stream and the leases need it.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Its name on the stream.
    pub name: StreamName,
    /// The last segment of the name that people use.
    pub slug: String,
    /// What nodes are told.
    pub upsert: v1::Upsert,
    /// What leases are made from.
    pub sealed: Sealed,
}

/// The sealed part of a resource. Never sent as it is.
#[derive(Debug, PartialEq)]
pub enum Sealed {
    /// A resource without secrets.
    Nothing,
    /// What a tenant's nodes check credentials with.
    Tenant(TenantSealed),
    /// How a server is called, and its sealed credential.
    Access(ServerAccess),
}

/// A tenant's wrapped keys and the secrets sealed under them.
#[derive(Debug, Default, PartialEq)]
pub struct TenantSealed {
    /// Its wrapped keys, oldest first.
    pub keys: Vec<TenantKeyRow>,
    /// The secrets of its JWT issuers.
    pub jwt_secrets: Vec<JwtSecretRow>,
}

/// How a server is called, as its row says.
#[derive(Debug, PartialEq)]
pub struct ServerAccess {
    /// The server.
    pub server: ServerUid,
    /// The MCP endpoint.
    pub url: String,
    /// How its credential is presented.
    pub scheme: v1::AuthScheme,
    /// The header of scheme `api_key`.
    pub header: String,
    /// Whether calls carry its credential, whoever calls.
    pub presents: bool,
    /// The generation of the lease that goes with this version; 0 when it needs none.
    pub generation: u64,
    /// Which of its credentials is the present one.
    pub auth_generation: u64,
    /// Its credential is wanted, but the origin changed after it was set.
    pub detached: bool,
    /// The credential's row.
    pub credential: Option<CredentialRow>,
    /// What calls with certain static tokens carry besides.
    pub token_headers: Vec<TokenHeadersRow>,
}

/// Config at one revision.
#[derive(Debug)]
pub struct State {
    cursor: Cursor,
    // Cloned for each revision: one pointer per resource. A persistent map would make that cheaper
    // at some ten thousand resources.
    entries: BTreeMap<StreamName, Arc<Entry>>,
    digest: SetDigest,
    history: History,
}

impl State {
    /// The state made of everything that was read at `cursor`.
    pub fn new(cursor: Cursor, entries: impl IntoIterator<Item = Entry>, history: History) -> Self {
        let entries: BTreeMap<_, _> = entries
            .into_iter()
            .map(|entry| (entry.name, Arc::new(entry)))
            .collect();
        let mut digest = SetDigest::default();
        for entry in entries.values() {
            digest.add(&entry.upsert.name, entry.upsert.revision);
        }
        Self {
            cursor,
            entries,
            digest,
            history,
        }
    }

    /// The state after `changes`, which follow this state without a hole. `entries` are the changed
    /// resources that still exist; the other changed ones are gone.
    pub fn advance(&self, changes: Vec<Change>, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut next = Self {
            cursor: self.cursor,
            entries: self.entries.clone(),
            digest: self.digest,
            history: self.history.clone(),
        };
        let mut gone: BTreeSet<_> = changes
            .iter()
            .flat_map(|c| c.names.iter().copied())
            .collect();
        for entry in entries {
            gone.remove(&entry.name);
            next.put(entry);
        }
        for name in gone {
            next.take(name);
        }
        for change in changes {
            next.cursor.revision = change.revision;
            next.history.push(change);
        }
        next
    }

    /// Where it stands.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The digest of all its resources, as it travels.
    pub fn digest(&self) -> v1::Digest {
        v1::Digest {
            at: Some(self.cursor.into()),
            count: self.digest.count(),
            sum: self.digest.sum().to_vec().into(),
        }
    }

    /// Whether a node that stands where this state stands holds something else. A digest taken at
    /// another cursor says nothing.
    pub fn contradicts(&self, digest: &v1::Digest) -> bool {
        let ours = self.digest();
        digest.at == ours.at && *digest != ours
    }

    /// Which resources the latest revisions changed.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// One resource.
    pub fn entry(&self, name: StreamName) -> Option<&Arc<Entry>> {
        self.entries.get(&name)
    }

    /// All resources in the order of their names, from after `after` on.
    pub fn entries(&self, after: Option<StreamName>) -> impl Iterator<Item = &Arc<Entry>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.entries
            .range((start, Bound::Unbounded))
            .map(|(_, entry)| entry)
    }

    /// A tenant's wrapped keys; empty when there is no such tenant.
    pub fn tenant_keys(&self, tenant: TenantUid) -> &[TenantKeyRow] {
        match self.entry(StreamName::Tenant(tenant)).map(|e| &e.sealed) {
            Some(Sealed::Tenant(sealed)) => &sealed.keys,
            Some(Sealed::Nothing | Sealed::Access(_)) | None => &[],
        }
    }

    /// The name that people use for a resource on the stream, `tenants/{slug}/servers/{slug}`. What
    /// is gone or was never there keeps the name it has on the stream.
    pub fn display_name(&self, name: &str) -> String {
        let shown = || {
            let name: StreamName = name.parse().ok()?;
            let entry = self.entry(name)?;
            let tenant = self.entry(StreamName::Tenant(name.tenant()))?;
            Some(match name {
                StreamName::Tenant(_) => format!("tenants/{}", tenant.slug),
                StreamName::Server(..) => format!("tenants/{}/servers/{}", tenant.slug, entry.slug),
                StreamName::Key(..) => format!("tenants/{}/keys/{}", tenant.slug, entry.slug),
                StreamName::StaticToken(..) => {
                    format!("tenants/{}/staticTokens/{}", tenant.slug, entry.slug)
                }
                StreamName::Policy(_) => format!("tenants/{}/policy", tenant.slug),
                StreamName::Defaults => entry.slug.clone(),
            })
        };
        shown().unwrap_or_else(|| name.to_owned())
    }

    /// What changed after `from`; `None` when the history does not reach back so far.
    pub fn delta(&self, from: u64) -> Option<v1::Delta> {
        // Newest first: the first mention of a name carries the revision that counts.
        let mut changed = BTreeMap::new();
        for change in self.history.since(from)? {
            for &name in change.names.iter() {
                changed.entry(name).or_insert(change.revision);
            }
        }
        let mut delta = v1::Delta {
            from,
            to: self.cursor.revision,
            ..v1::Delta::default()
        };
        for (name, revision) in changed {
            match self.entries.get(&name) {
                Some(entry) => delta.upserts.push(entry.upsert.clone()),
                None => delta.tombstones.push(tombstone(name, revision)),
            }
        }
        Some(delta)
    }

    fn put(&mut self, entry: Entry) {
        self.digest.add(&entry.upsert.name, entry.upsert.revision);
        let old = self.entries.insert(entry.name, Arc::new(entry));
        self.forget(old);
    }

    fn take(&mut self, name: StreamName) {
        let old = self.entries.remove(&name);
        self.forget(old);
    }

    fn forget(&mut self, old: Option<Arc<Entry>>) {
        if let Some(old) = old {
            self.digest.remove(&old.upsert.name, old.upsert.revision);
        }
    }
}

fn tombstone(name: StreamName, revision: u64) -> v1::Tombstone {
    v1::Tombstone {
        name: name.to_string(),
        kind: kind(name).into(),
        revision,
        tenant: name.tenant().to_string(),
    }
}

/// Which kind of resource has such a name.
pub fn kind(name: StreamName) -> v1::Kind {
    match name {
        StreamName::Tenant(_) => v1::Kind::Tenant,
        StreamName::Server(..) => v1::Kind::Server,
        StreamName::Key(..) => v1::Kind::Key,
        StreamName::StaticToken(..) => v1::Kind::StaticToken,
        StreamName::Policy(_) => v1::Kind::Policy,
        StreamName::Defaults => v1::Kind::Defaults,
    }
}

#[cfg(test)]
mod tests;
