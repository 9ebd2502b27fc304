//! What is revoked, at one moment: immutable, and shared by all that carry it. A new log shares
//! everything unchanged with the one before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use proto::sync::v1;
use tokio::sync::{Notify, watch};

/// The newest log, and whether it is the newest that there is. Clones share it.
#[derive(Clone)]
pub struct Logs {
    newest: watch::Receiver<Option<Arc<Log>>>,
    shared: Arc<Shared>,
}

/// What the feed and the holders of its logs share.
pub(super) struct Shared {
    start: Instant,
    /// When the last look at the database that succeeded began: milliseconds from `start`, plus 1.
    looked: AtomicU64,
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
    /// revocation that another controller writes, and must not say that there is none.
    pub fn vouched(&self) -> bool {
        self.shared.age().is_some_and(|age| age <= VOUCHED)
    }

    /// Something was revoked: the feed looks at once.
    pub fn nudge(&self) {
        self.shared.wake.notify_one();
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            looked: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    pub(super) fn looked(&self, at: Instant) {
        let since = at.saturating_duration_since(self.start).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX - 1) + 1;
        self.looked.store(since, Ordering::Release);
    }

    fn age(&self) -> Option<Duration> {
        let looked = self.looked.load(Ordering::Acquire).checked_sub(1)?;
        let looked = self.start + Duration::from_millis(looked);
        Some(looked.elapsed())
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

/// Five missed polls.
const VOUCHED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
