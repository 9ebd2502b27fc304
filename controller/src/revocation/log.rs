//! What is revoked, at one moment: immutable, and shared by all that carry it. A new log shares
//! everything unchanged with the one before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use proto::sync::v1;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use crate::epoch::Doubts;

/// The newest log, and whether it is the newest that there is. Clones share it.
#[derive(Clone)]
pub struct Logs {
    newest: watch::Receiver<Option<Arc<Log>>>,
    shared: Arc<Shared>,
}

/// What the feed and the holders of its logs share.
pub(super) struct Shared {
    start: Instant,
    /// When the last look at the database that succeeded began: microseconds from `start`, plus 1.
    looked: watch::Sender<u64>,
    /// Whether the database has less than the newest log, or something else.
    back: AtomicBool,
    doubts: Doubts,
    pub(super) wake: Notify,
}

/// The revocations that have not expired.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// The epoch of config in which they are numbered.
    pub epoch: u64,
    /// Every revocation numbered lower has expired.
    pub base: u64,
    /// The number of the last.
    pub head: u64,
    /// In their order; none is empty.
    chunks: Vec<Arc<[v1::Revocation]>>,
}

impl Logs {
    pub(super) fn new(newest: watch::Receiver<Option<Arc<Log>>>, shared: Arc<Shared>) -> Self {
        Self { newest, shared }
    }

    /// The newest log; `None` until the database was read once.
    pub fn newest(&self) -> Option<Arc<Log>> {
        self.newest.borrow().clone()
    }

    /// The same, and `changed` waits for the next.
    pub fn take(&mut self) -> Option<Arc<Log>> {
        self.newest.borrow_and_update().clone()
    }

    /// Waits for another log; `Err` when none comes any more.
    pub async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        self.newest.changed().await
    }

    /// Whether the newest log is what the database said a moment ago. Who cannot ask it knows of no
    /// revocation that another controller writes, and must not say that there is none; nor must who
    /// asks a database that may be another one than before.
    pub fn vouched(&self) -> bool {
        let lately = self.shared.age().is_some_and(|age| age <= VOUCHED);
        lately && !self.went_back() && !self.shared.doubts.any()
    }

    /// Whether the database has less than the newest log: then numbers come again with another meaning,
    /// and what anybody says of them is worth nothing until there is a new epoch.
    pub fn went_back(&self) -> bool {
        self.shared.back.load(Ordering::Acquire)
    }

    /// Whether a position of this epoch is one that there is.
    pub fn reaches(&self, epoch: u64, position: u64) -> bool {
        let newest = self.newest.borrow();
        let there = |log: &Arc<Log>| log.epoch == epoch && position <= log.head;
        !self.went_back() && newest.as_ref().is_some_and(there)
    }

    /// The newest log as of a look at the database that began at `since` or later; `None` if none
    /// succeeds within this time.
    pub async fn looked_since(&self, since: Instant, within: Duration) -> Option<Arc<Log>> {
        let (since, mut looked) = (self.shared.micros(since), self.shared.looked.subscribe());
        let looked = timeout(within, looked.wait_for(|at| *at >= since)).await;
        looked.ok()?.ok()?;
        self.newest()
    }

    /// Something was revoked: the feed looks at once.
    pub fn nudge(&self) {
        self.shared.wake.notify_one();
    }
}

impl Shared {
    pub(super) fn new(doubts: Doubts) -> Self {
        Self {
            start: Instant::now(),
            looked: watch::Sender::new(0),
            back: AtomicBool::new(false),
            doubts,
            wake: Notify::new(),
        }
    }

    /// The newest log is what the database said at this moment.
    pub(super) fn looked(&self, at: Instant) {
        self.back.store(false, Ordering::Release);
        self.looked.send_replace(self.micros(at));
    }

    /// The database has less than the newest log, or something else; whether that is news.
    pub(super) fn note_back(&self) -> bool {
        !self.back.swap(true, Ordering::AcqRel)
    }

    pub(super) fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    fn age(&self) -> Option<Duration> {
        let looked = self.looked.borrow().checked_sub(1)?;
        let looked = self.start + Duration::from_micros(looked);
        Some(looked.elapsed())
    }

    /// At least 1, so that 0 can mean never.
    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }
}

impl Log {
    /// All revocations there are, in their order.
    pub fn new(epoch: u64, base: u64, head: u64, all: Vec<v1::Revocation>) -> Self {
        let none = Self {
            epoch,
            base,
            head: 0,
            chunks: Vec::new(),
        };
        none.advance(base, head, all)
    }

    /// The log after these further revocations.
    #[must_use]
    pub fn advance(&self, base: u64, head: u64, more: Vec<v1::Revocation>) -> Self {
        let mut chunks = self.chunks.clone();
        let old = |chunk: &Arc<[v1::Revocation]>| last(chunk) < base;
        let gone = chunks.partition_point(old);
        chunks.drain(..gone);
        // A short last chunk takes the next ones in, so that chunks stay few.
        let mut tail: Vec<v1::Revocation> = Vec::new();
        if !more.is_empty() && chunks.last().is_some_and(|chunk| chunk.len() < CHUNK) {
            tail = chunks.pop().map_or_else(Vec::new, |chunk| chunk.to_vec());
        }
        tail.extend(more);
        chunks.extend(tail.chunks(CHUNK).map(Arc::from));
        Self {
            epoch: self.epoch,
            base,
            head,
            chunks,
        }
    }

    /// The log without what has expired; `None` when nothing has.
    pub fn swept(&self, now: SystemTime) -> Option<Self> {
        let live = |one: &v1::Revocation| is_live(one, now);
        if self.chunks.iter().all(|chunk| chunk.iter().all(live)) {
            return None;
        }
        let kept = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let kept = kept.filter(|one| live(one)).cloned().collect();
        Some(Self::new(self.epoch, self.base, self.head, kept))
    }

    /// Whether the database, which has this revocation with the number of our last one, has what we
    /// have. It may have removed it when it expired.
    pub(super) fn agrees(&self, found: Option<&v1::Revocation>, now: SystemTime) -> bool {
        let newest = self.chunks.last().and_then(|chunk| chunk.last());
        let held = newest.filter(|held| held.sequence == self.head);
        match (held, found) {
            (None, _) => true,
            (Some(held), Some(found)) => held == found,
            (Some(held), None) => !is_live(held, now + SKEW),
        }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Those after `position`, the first `most` of them.
    pub fn batch(&self, position: u64, most: usize) -> v1::RevocationBatch {
        let first = self.chunks.partition_point(|chunk| last(chunk) <= position);
        let later = self.chunks[first..].iter().flat_map(|chunk| chunk.iter());
        let mut later = later.filter(|one| one.sequence > position).peekable();
        let mut revocations = Vec::new();
        while revocations.len() < most
            && let Some(one) = later.next()
        {
            revocations.push(one.clone());
        }
        let head = match (later.peek(), revocations.last()) {
            (Some(_), Some(last)) => last.sequence,
            _ => self.head,
        };
        v1::RevocationBatch {
            epoch: self.epoch,
            base: self.base,
            revocations,
            head,
        }
    }
}

fn last(chunk: &Arc<[v1::Revocation]>) -> u64 {
    chunk.last().map_or(0, |one| one.sequence)
}

fn is_live(one: &v1::Revocation, now: SystemTime) -> bool {
    let end = one.expire_time.map(SystemTime::try_from);
    end.is_none_or(|end| end.is_ok_and(|end| end > now))
}

const CHUNK: usize = 1024;

/// Clocks of controllers may differ by this.
const SKEW: Duration = Duration::from_mins(5);

/// Five missed polls.
const VOUCHED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
