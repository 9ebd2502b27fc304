//! Whether a call may go ahead: one token of every limit that counts it. While tokens are left,
//! deciding is a few atomic steps; without any, a call waits a moment for Redis and then takes from
//! the node's local share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use secrecy::SecretString;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    keeper::Keeper,
    key::Subject,
    lease::{Mark, Taken, Terms},
    meters::Meters,
    rate::{Dimension, Limit, Limits},
    share::Part,
    table::{Bounds, Entry, Table},
};

/// What is read at start.
#[derive(Debug, Clone)]
pub struct RateSettings {
    /// Where Redis is; none: the local share is all there is.
    pub redis: Option<SecretString>,
    /// The longest that a call waits for tokens from Redis.
    pub lease_wait: Duration,
    /// The longest that Redis may take to answer.
    pub redis_deadline: Duration,
    /// What a node admits without Redis, of each limit.
    pub local: Part,
    /// How long leases live.
    pub terms: Terms,
    /// How many keys there may be.
    pub bounds: Bounds,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            redis: None,
            lease_wait: Duration::from_millis(10),
            redis_deadline: Duration::from_millis(50),
            local: Part::of_permille(500).expect("a half is a part"),
            terms: Terms::default(),
            bounds: Bounds::default(),
        }
    }
}

/// Counts calls against limits; all cores share one.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

pub(super) struct Inner {
    pub(super) table: Table,
    pub(super) settings: RateSettings,
    pub(super) meters: Meters,
    /// Whether Redis answers.
    pub(super) up: AtomicBool,
    /// When the node's clock of milliseconds began.
    epoch: Instant,
    asks: mpsc::Sender<Arc<Entry>>,
}

/// A limit has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// Which limit.
    pub dimension: Dimension,
    /// How long until it may have room.
    pub retry_after: Duration,
}

/// Where a token came from.
enum Origin {
    Lease(Mark),
    Share,
}

impl Limiter {
    /// A limiter and what must run beside it for as long as it is used.
    pub fn new(settings: RateSettings) -> (Self, Keeper) {
        let (asks, asked) = mpsc::channel(QUEUE);
        let inner = Arc::new(Inner {
            table: Table::new(settings.bounds),
            meters: Meters::new(),
            up: AtomicBool::new(false),
            epoch: Instant::now(),
            asks,
            settings,
        });
        (Self(Arc::clone(&inner)), Keeper::new(inner, asked))
    }

    /// Takes a token of every limit, or none of any. The narrowest limits come first, so that who is
    /// over a limit of their own takes nothing from others.
    pub async fn take(&self, subject: &Subject<'_>, limits: &Limits) -> Result<(), Denied> {
        if limits.is_empty() {
            return Ok(());
        }
        let mut now = self.0.now();
        let mut taken: [Option<(Arc<Entry>, Origin)>; Dimension::ALL.len()] = [const { None }; 5];
        for dimension in NARROW_FIRST {
            let Some((limit, key)) = limits.get(dimension).zip(subject.key(dimension)) else {
                continue;
            };
            let entry = self.0.table.entry(key, limit);
            let outcome = if let Some(outcome) = self.0.take_held(&entry, limit, now) {
                outcome
            } else {
                let outcome = self.0.take_more(&entry, limit).await;
                now = self.0.now();
                outcome
            };
            match outcome {
                Ok(origin) => taken[dimension as usize] = Some((entry, origin)),
                Err(wait_ms) => {
                    for (entry, origin) in taken.into_iter().flatten() {
                        self.0.put_back(&entry, &origin);
                    }
                    self.0.meters.denied[dimension as usize].increment(1);
                    return Err(Denied {
                        dimension,
                        retry_after: Duration::from_millis(wait_ms),
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether Redis answers.
    pub fn is_connected(&self) -> bool {
        self.0.up.load(Ordering::Acquire)
    }

    /// How many keys are in use.
    pub fn keys(&self) -> usize {
        self.0.table.len()
    }
}

impl Inner {
    /// Milliseconds since the start, from 1.
    pub(super) fn now(&self) -> u64 {
        let passed = self.epoch.elapsed().as_millis();
        u64::try_from(passed).expect("no process runs for so long") + 1
    }

    /// Takes one of the tokens that are here, or says how many milliseconds to wait for some. None: it
    /// is not known whether there are any.
    fn take_held(
        &self,
        entry: &Arc<Entry>,
        limit: &Limit,
        now: u64,
    ) -> Option<Result<Origin, u64>> {
        match entry.held.take(now) {
            Taken::Token { mark, low } => {
                if low {
                    self.ask(entry, limit);
                }
                Some(Ok(Origin::Lease(mark)))
            }
            Taken::Denied { wait_ms } => Some(Err(wait_ms)),
            Taken::Empty => None,
        }
    }

    /// Asks Redis, if it answers, and waits for what it says, but not long; then takes of the share.
    async fn take_more(&self, entry: &Arc<Entry>, limit: &Limit) -> Result<Origin, u64> {
        let _waiting = Waiting::new(entry);
        let deadline = Instant::now() + self.settings.lease_wait;
        while self.up.load(Ordering::Acquire) {
            let mut answered = std::pin::pin!(entry.answered.notified());
            // From here on no answer is missed.
            answered.as_mut().enable();
            if !self.ask(entry, limit) && !entry.held.is_asking() {
                // An answer came in between, or there is no room to ask.
                match entry.held.take(self.now()) {
                    Taken::Token { mark, .. } => return Ok(Origin::Lease(mark)),
                    Taken::Denied { wait_ms } => return Err(wait_ms),
                    Taken::Empty => break,
                }
            }
            let in_time = timeout_at(deadline, answered).await.is_ok();
            match entry.held.take(self.now()) {
                Taken::Token { mark, .. } => return Ok(Origin::Lease(mark)),
                Taken::Denied { wait_ms } => return Err(wait_ms),
                Taken::Empty if in_time => {}
                Taken::Empty => break,
            }
        }
        self.take_share(entry, limit)
    }

    /// Puts the key on the list of those that Redis is asked about. False: somebody else did, or it
    /// is not to be asked now.
    fn ask(&self, entry: &Arc<Entry>, limit: &Limit) -> bool {
        if !self.up.load(Ordering::Acquire) || !entry.held.claim(self.now()) {
            return false;
        }
        if !self.table.may_ask(entry) {
            entry.held.fail();
            return false;
        }
        entry.set_limit(limit);
        let queued = self.asks.try_send(Arc::clone(entry)).is_ok();
        if !queued {
            entry.held.fail();
            entry.asked();
        }
        queued
    }

    fn take_share(&self, entry: &Entry, limit: &Limit) -> Result<Origin, u64> {
        let taken = entry.share.take(limit, self.settings.local, self.now());
        self.meters.local.increment(1);
        taken.map(|()| Origin::Share)
    }

    fn put_back(&self, entry: &Entry, origin: &Origin) {
        match origin {
            Origin::Lease(mark) => entry.held.put_back(*mark),
            Origin::Share => entry.share.put_back(self.settings.local),
        }
    }
}

/// A call that waits for tokens of a key, so that as many are asked for.
struct Waiting<'a>(&'a Entry);

impl<'a> Waiting<'a> {
    fn new(entry: &'a Entry) -> Self {
        entry.waiting.fetch_add(1, Ordering::Relaxed);
        Self(entry)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

const NARROW_FIRST: [Dimension; 5] = [
    Dimension::Principal,
    Dimension::Client,
    Dimension::Tool,
    Dimension::Server,
    Dimension::Tenant,
];

/// Keys that wait to be asked about; beyond, calls take from the local share at once.
const QUEUE: usize = 4_096;
