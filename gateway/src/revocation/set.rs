//! The set of what is revoked: exact, and read without waiting. It only grows, until what is in it
//! expires. A writer copies the shards it changes, so it takes many at once.

use std::{
    array,
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use proto::{
    id::TenantUid,
    revocation::ShortHash,
    sync::v1::{Revocation, RevocationKind},
};

use super::Unreadable;

/// What is revoked.
pub(super) struct Set {
    shards: [ArcSwap<Shard>; SHARDS],
    /// How many of each kind there are: what nothing is revoked of is not hashed.
    kinds: [AtomicUsize; KINDS],
    /// Writers, one after the other.
    writing: Mutex<()>,
}

type Shard = HashMap<Key, Until>;

/// Tenant, kind and id mixed into the width of one of them. The id is the head of a SHA-256, so two
/// that meet are as unlikely as two ids with one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u128);

/// How far a revocation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Until {
    /// What was issued later is good, in microseconds since 1970; `u64::MAX` means that nothing is.
    issued: u64,
    /// When it can be forgotten, in seconds since 1970.
    expires: u32,
    kind: u8,
}

/// One revocation as the set takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Revoked {
    key: Key,
    until: Until,
}

impl Revoked {
    /// As it came over a feed.
    pub(super) fn read(revocation: &Revocation) -> Result<Self, Unreadable> {
        let read = || {
            let kind = RevocationKind::try_from(revocation.kind).ok();
            let kind = kind.filter(|kind| *kind != RevocationKind::Unspecified)?;
            let tenant = TenantUid::from_uuid(revocation.tenant_uid.parse().ok()?);
            let expires = SystemTime::try_from(revocation.expire_time?).ok()?;
            let issued = match revocation.issued_until {
                Some(until) => micros(SystemTime::try_from(until).ok()?),
                None => u64::MAX,
            };
            Some(Self {
                key: Key::of(tenant, kind, ShortHash::read(&revocation.id)?),
                until: Until {
                    issued,
                    expires: seconds(expires + SKEW),
                    kind: number(kind),
                },
            })
        };
        read().ok_or(Unreadable {
            sequence: revocation.sequence,
        })
    }
}

impl Default for Set {
    fn default() -> Self {
        Self {
            shards: array::from_fn(|_| ArcSwap::default()),
            kinds: array::from_fn(|_| AtomicUsize::new(0)),
            writing: Mutex::default(),
        }
    }
}

impl Set {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        let count = |kind: &AtomicUsize| kind.load(Ordering::Acquire);
        self.kinds.iter().map(count).sum()
    }

    /// Whether this is revoked for what was issued at `issued`.
    pub(super) fn holds(
        &self,
        tenant: TenantUid,
        kind: RevocationKind,
        issued: Option<SystemTime>,
        id: impl FnOnce() -> ShortHash,
    ) -> bool {
        if self.kinds[usize::from(number(kind))].load(Ordering::Acquire) == 0 {
            return false;
        }
        let key = Key::of(tenant, kind, id());
        let issued = issued.map_or(u64::MAX, micros);
        let shard = self.shards[key.shard()].load();
        shard.get(&key).is_some_and(|until| issued <= until.issued)
    }

    /// Adds them. What is there already reaches as far as both.
    pub(super) fn add(&self, mut revoked: Vec<Revoked>) {
        revoked.sort_unstable_by_key(|one| one.key.shard());
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for of_shard in revoked.chunk_by(|one, other| one.key.shard() == other.key.shard()) {
            let slot = &self.shards[of_shard[0].key.shard()];
            let mut shard = Shard::clone(&slot.load());
            let mut added = [0; KINDS];
            for Revoked { key, until } in of_shard {
                shard
                    .entry(*key)
                    .and_modify(|held| *held = held.and(*until))
                    .or_insert_with(|| {
                        added[usize::from(until.kind)] += 1;
                        *until
                    });
            }
            slot.store(Arc::new(shard));
            // Last: whoever reads a count finds what is counted.
            for (kind, added) in self.kinds.iter().zip(added) {
                kind.fetch_add(added, Ordering::Release);
            }
        }
    }

    /// Forgets what has expired.
    pub(super) fn prune(&self, now: SystemTime) {
        let now = seconds(now);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in &self.shards {
            let held = slot.load();
            if held.values().all(|until| until.expires > now) {
                continue;
            }
            let mut gone = [0; KINDS];
            let mut kept = Shard::with_capacity(held.len());
            for (key, until) in held.iter() {
                if until.expires > now {
                    kept.insert(*key, *until);
                } else {
                    gone[usize::from(until.kind)] += 1;
                }
            }
            slot.store(Arc::new(kept));
            for (kind, gone) in self.kinds.iter().zip(gone) {
                kind.fetch_sub(gone, Ordering::Release);
            }
        }
    }
}

impl Key {
    fn of(tenant: TenantUid, kind: RevocationKind, id: ShortHash) -> Self {
        let tenant = tenant.uuid().as_u128();
        let kind = u128::from(number(kind)) << 64;
        Self(u128::from_be_bytes(*id.bytes()) ^ tenant ^ kind)
    }

    fn shard(self) -> usize {
        usize::from(self.0.to_be_bytes()[15])
    }
}

impl Until {
    fn and(self, other: Self) -> Self {
        Self {
            issued: self.issued.max(other.issued),
            expires: self.expires.max(other.expires),
            kind: self.kind,
        }
    }
}

fn number(kind: RevocationKind) -> u8 {
    match kind {
        RevocationKind::Unspecified => 0,
        RevocationKind::Token => 1,
        RevocationKind::Grant => 2,
        RevocationKind::Key => 3,
        RevocationKind::User => 4,
        RevocationKind::Client => 5,
        RevocationKind::Tenant => 6,
        RevocationKind::SigningKey => 7,
    }
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX - 1)
}

fn seconds(time: SystemTime) -> u32 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

const SHARDS: usize = 256;
const KINDS: usize = 8;
/// A node's clock may be ahead of the controllers' by this much.
const SKEW: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests;
