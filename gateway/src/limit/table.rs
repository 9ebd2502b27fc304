//! The keys that are in use on this node. Its size is bounded, whatever clients send: a tenant that
//! uses more keys than it may has the further ones counted together. A key is forgotten only when
//! nothing would be gained by it.

use std::{
    collections::{HashMap, hash_map},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    key::Key,
    lease::Held,
    rate::Limit,
    share::{Part, Share},
};

/// One key on this node.
#[derive(Debug)]
pub(super) struct Entry {
    /// Which.
    pub(super) key: Key,
    /// Its tokens.
    pub(super) held: Held,
    /// Its local bucket.
    pub(super) share: Share,
    /// Told whenever a request about the key has ended.
    pub(super) answered: Notify,
    /// Calls that wait for the answer.
    pub(super) waiting: AtomicUsize,
    /// What its tenant has in the table.
    pub(super) room: Arc<Room>,
    limit: Mutex<Limit>,
}

/// What one tenant takes up.
#[derive(Debug, Default)]
pub(super) struct Room {
    keys: AtomicUsize,
    asking: AtomicUsize,
}

/// How many keys there may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// In all.
    pub keys: usize,
    /// Of one tenant.
    pub per_tenant: usize,
    /// That a tenant always may have, even when the table is full.
    pub reserved: usize,
    /// Of one tenant, that Redis is being asked about at a time.
    pub asking: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            keys: 200_000,
            per_tenant: 20_000,
            reserved: 100,
            asking: 256,
        }
    }
}

/// All keys.
#[derive(Debug)]
pub(super) struct Table {
    shards: Vec<Mutex<HashMap<Key, Arc<Entry>>>>,
    hasher: RandomState,
    rooms: Mutex<HashMap<Uuid, Arc<Room>>>,
    count: AtomicUsize,
    bounds: Bounds,
}

impl Table {
    /// An empty table.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            rooms: Mutex::default(),
            count: AtomicUsize::new(0),
            bounds,
        }
    }

    /// The key's entry, or the one that the tenant's surplus keys share.
    pub(super) fn entry(&self, key: Key, limit: &Limit) -> Arc<Entry> {
        if let Some(entry) = self.shard(&key).get(&key) {
            return Arc::clone(entry);
        }
        let room = Arc::clone(locked(&self.rooms).entry(key.tenant).or_default());
        let key = if self.admits(&room) { key } else { key.rest() };
        match self.shard(&key).entry(key) {
            hash_map::Entry::Occupied(entry) => Arc::clone(entry.get()),
            hash_map::Entry::Vacant(place) => {
                room.keys.fetch_add(1, Ordering::Relaxed);
                self.count.fetch_add(1, Ordering::Relaxed);
                Arc::clone(place.insert(Arc::new(Entry {
                    key,
                    held: Held::default(),
                    share: Share::default(),
                    answered: Notify::new(),
                    waiting: AtomicUsize::new(0),
                    room,
                    limit: Mutex::new(*limit),
                })))
            }
        }
    }

    fn admits(&self, room: &Room) -> bool {
        let own = room.keys.load(Ordering::Relaxed);
        let all = self.count.load(Ordering::Relaxed);
        own < self.bounds.reserved || (own < self.bounds.per_tenant && all < self.bounds.keys)
    }

    /// Reserves a place among the tenant's questions to Redis, if there is one.
    pub(super) fn may_ask(&self, entry: &Entry) -> bool {
        let asking = &entry.room.asking;
        let reserved = asking.fetch_add(1, Ordering::Relaxed) < self.bounds.asking;
        if !reserved {
            asking.fetch_sub(1, Ordering::Relaxed);
        }
        reserved
    }

    /// Forgets keys of one part of the table that nobody uses: none of their tokens is here, and
    /// their local bucket is as full as a new one.
    pub(super) fn evict(&self, shard: usize, local: Part, now: u64) {
        let mut keys = locked(&self.shards[shard % SHARDS]);
        keys.retain(|_, entry| {
            // Only the table can make a second owner out of one, and it is locked.
            let unused = Arc::strong_count(entry) == 1
                && entry.held.is_idle(now)
                && entry.share.is_full(local, now);
            if unused {
                entry.room.keys.fetch_sub(1, Ordering::Relaxed);
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            !unused
        });
        drop(keys);
        if shard.is_multiple_of(SHARDS) {
            locked(&self.rooms).retain(|_, room| Arc::strong_count(room) > 1);
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, Arc<Entry>>> {
        let hash = self.hasher.hash_one(key);
        let shard = usize::try_from(hash % SHARDS as u64).expect("fewer than 65,536 shards");
        locked(&self.shards[shard])
    }
}

impl Entry {
    /// The limit that was last asked with.
    pub(super) fn limit(&self) -> Limit {
        *locked(&self.limit)
    }

    /// The limit to ask with.
    pub(super) fn set_limit(&self, limit: &Limit) {
        *locked(&self.limit) = *limit;
    }

    /// Takes a place among the tenant's questions to Redis, whether there is one or not.
    pub(super) fn must_ask(&self) {
        self.room.asking.fetch_add(1, Ordering::Relaxed);
    }

    /// A request about the key has ended, or was not made. Releases what [`Table::may_ask`] reserved.
    pub(super) fn asked(&self) {
        self.room.asking.fetch_sub(1, Ordering::Relaxed);
        self.answered.notify_waiters();
    }
}

/// Nothing behind these locks can be left half done by a panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parts of the table, each with a lock of its own.
pub(super) const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::rate::Dimension;

    const LIMIT: Limit = Limit {
        tokens: 1,
        per_ms: 1_000,
        burst: 4,
    };

    const HALF: Part = Part::of_permille(500).unwrap();

    /// An attacker who invents names grows nothing, and others still get places.
    #[test]
    fn surplus_keys_of_a_tenant_are_counted_together() {
        let table = Table::new(Bounds {
            keys: 6,
            per_tenant: 4,
            reserved: 1,
            ..Bounds::default()
        });
        for subject in 0..100 {
            table.entry(key(1, subject), &LIMIT);
        }
        assert_eq!(table.len(), 5);
        let rest = table.entry(key(1, 77), &LIMIT);
        assert_eq!(rest.key, key(1, 77).rest());
        assert_eq!(table.entry(key(1, 2), &LIMIT).key, key(1, 2));
        assert_eq!(table.entry(key(2, 1), &LIMIT).key, key(2, 1));
        // The table is full: a newcomer still has its reserved place.
        assert_eq!(table.entry(key(3, 1), &LIMIT).key, key(3, 1));
        assert_eq!(table.entry(key(3, 2), &LIMIT).key, key(3, 2).rest());
    }

    #[test]
    fn a_key_is_forgotten_only_when_its_local_bucket_is_full_again() {
        let table = Table::new(Bounds::default());
        let entry = table.entry(key(1, 1), &LIMIT);
        entry.share.take(&LIMIT, HALF, 1_000).unwrap();
        drop(entry);
        evict_all(&table, 2_999);
        assert_eq!(table.len(), 1);
        evict_all(&table, 3_000);
        assert_eq!(table.len(), 0);
        assert!(locked(&table.rooms).is_empty());
    }

    fn evict_all(table: &Table, now: u64) {
        for shard in (0..SHARDS).rev() {
            table.evict(shard, HALF, now);
        }
    }

    fn key(tenant: u128, subject: u128) -> Key {
        Key {
            dimension: Dimension::Tool,
            tenant: Uuid::from_u128(tenant),
            subject,
        }
    }
}
