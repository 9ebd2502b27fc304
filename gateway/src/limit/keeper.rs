//! What runs beside the cores: it asks Redis for them, many keys at a time, renews leases or gives
//! them back, forgets keys that nobody uses, and finds out whether Redis answers.

use std::{
    collections::VecDeque,
    error::Error as _,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    bucket::{Answer, Ask},
    lease::Purpose,
    limiter::Inner,
    rate::Limit,
    redis::{Link, LinkError, Question},
    table::{Entry, SHARDS},
};

/// The limiter's other half.
pub struct Keeper {
    inner: Arc<Inner>,
    asked: mpsc::Receiver<Arc<Entry>>,
    /// Leases by the time at which they are to be looked at, the earliest first.
    due: VecDeque<(u64, Arc<Entry>)>,
    /// The part of the table that is swept next.
    part: usize,
    probe_at: Instant,
    /// Whether the log says that Redis is away.
    told: bool,
}

impl Keeper {
    pub(super) fn new(inner: Arc<Inner>, asked: mpsc::Receiver<Arc<Entry>>) -> Self {
        Self {
            inner,
            asked,
            due: VecDeque::new(),
            part: 0,
            probe_at: Instant::now(),
            told: false,
        }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut link = self.link();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tick.tick() => self.tick(link.as_mut()).await,
                count = self.asked.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    let purposes = batch.drain(..).map(more).collect();
                    self.ask(link.as_mut(), purposes).await;
                }
            }
        }
        self.give_back(link.as_mut()).await;
    }

    fn link(&self) -> Option<Link> {
        let settings = &self.inner.settings;
        let Some(url) = &settings.redis else {
            tracing::warn!("ALDGATE_REDIS_URL is not set: every node counts for itself");
            return None;
        };
        let link = Link::new(url, settings.redis_deadline);
        link.inspect_err(|error| tracing::error!(%error, "every node counts for itself"))
            .ok()
    }

    async fn tick(&mut self, link: Option<&mut Link>) {
        let now = self.inner.now();
        self.part = (self.part + 1) % SHARDS;
        let local = self.inner.settings.local;
        self.inner.table.evict(self.part, local, now);
        let keys = u32::try_from(self.inner.table.len()).unwrap_or(u32::MAX);
        self.inner.meters.keys.set(f64::from(keys));
        match link {
            Some(link) if self.inner.up.load(Ordering::Acquire) => {
                let renewals = self.renewals(now);
                self.ask(Some(link), renewals).await;
            }
            Some(link) if Instant::now() >= self.probe_at => self.probe(link).await,
            _ => self.forget(now),
        }
    }

    /// Leases whose time has come, at most a batch.
    fn renewals(&mut self, now: u64) -> Vec<(Arc<Entry>, Purpose)> {
        let mut renewals = Vec::new();
        while renewals.len() < BATCH
            && let Some((_, entry)) = self.due.pop_front_if(|(due, _)| *due <= now)
        {
            let Some(purpose) = entry.held.due(now) else {
                continue;
            };
            if entry.held.claim_any() {
                entry.must_ask();
                renewals.push((entry, purpose));
            }
        }
        renewals
    }

    /// Without Redis, leases end by themselves.
    fn forget(&mut self, now: u64) {
        while let Some((_, entry)) = self.due.pop_front_if(|(due, _)| *due <= now) {
            if entry.held.tokens(now) > 0 {
                self.look_again(now + LATER_MS, entry);
            } else if entry.held.claim_any() {
                entry.held.begin(now, entry.limit(), Purpose::GiveBack);
                entry.held.fail();
            }
        }
    }

    /// Asks about all of these in one round trip.
    async fn ask(&mut self, link: Option<&mut Link>, wanted: Vec<(Arc<Entry>, Purpose)>) {
        if wanted.is_empty() {
            return;
        }
        let sent = self.inner.now();
        let answers = match link {
            Some(link) if self.inner.up.load(Ordering::Acquire) => {
                let question = |(entry, purpose): &(Arc<Entry>, Purpose)| Question {
                    name: entry.key.name(),
                    ask: entry.held.begin(sent, entry.limit(), *purpose),
                };
                let questions: Vec<_> = wanted.iter().map(question).collect();
                link.ask(&questions, self.central_life()).await
            }
            _ => Err(LinkError::Away),
        };
        match answers {
            Ok(answers) => {
                for ((entry, purpose), answer) in wanted.into_iter().zip(answers) {
                    self.finish(sent, entry, purpose, answer);
                }
            }
            Err(error) => {
                let now = self.inner.now();
                self.inner.meters.failed.increment(wanted.len() as u64);
                self.lose(&error);
                for (entry, _) in wanted {
                    entry.held.fail();
                    entry.asked();
                    self.look_again(now + LATER_MS, entry);
                }
            }
        }
    }

    fn finish(&mut self, sent: u64, entry: Arc<Entry>, purpose: Purpose, answer: Answer) {
        let inner = &self.inner;
        let now = inner.now();
        let due = entry.held.finish(sent, now, &inner.settings.terms, answer);
        if answer.granted > 0 {
            inner.meters.granted.increment(1);
        } else if purpose != Purpose::GiveBack {
            inner.meters.refused.increment(1);
        }
        entry.asked();
        self.look_again(due.unwrap_or(now + LATER_MS), entry);
    }

    /// Remembers to see to a key's leases. The list is in order because a lease's half comes later
    /// than every other time in it; what is out of order by a little is seen to a little late.
    fn look_again(&mut self, at: u64, entry: Arc<Entry>) {
        if entry.held.has_leases() {
            self.due.push_back((at, entry));
        }
    }

    /// Asks about nothing, to see whether Redis answers, runs the script and can write.
    async fn probe(&mut self, link: &mut Link) {
        let nothing = Question {
            name: PROBE.to_owned(),
            ask: Ask {
                limit: Limit {
                    tokens: 1,
                    per_ms: 1_000,
                    burst: 1,
                },
                closes: Vec::new(),
                opens: 0,
                need: 0,
            },
        };
        match link.ask(&[nothing], self.central_life()).await {
            Ok(_) => {
                self.inner.meters.redis_up.set(1.0);
                self.inner.up.store(true, Ordering::Release);
                tracing::info!("redis answers: limits are shared");
            }
            Err(error) => {
                self.lose(&error);
                self.probe_at = Instant::now() + PROBE_EVERY;
            }
        }
    }

    fn lose(&mut self, error: &LinkError) {
        self.inner.meters.redis_up.set(0.0);
        let was_up = self.inner.up.swap(false, Ordering::AcqRel);
        if was_up || !self.told {
            self.told = true;
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(%error, cause, "redis is away: limits hold by local shares");
        }
    }

    /// What other nodes can use is not left to expire.
    async fn give_back(&mut self, link: Option<&mut Link>) {
        let all = std::mem::take(&mut self.due).into_iter();
        let leases = all
            .filter(|(_, entry)| entry.held.claim_any())
            .map(|(_, entry)| {
                entry.must_ask();
                (entry, Purpose::GiveBack)
            })
            .collect();
        self.ask(link, leases).await;
        self.inner.up.store(false, Ordering::Release);
    }

    /// How long Redis counts a lease: longer than the node, whatever their clocks do.
    fn central_life(&self) -> u64 {
        let terms = &self.inner.settings.terms;
        terms.life_ms + terms.margin_ms
    }
}

/// A key that calls have asked for.
fn more(entry: Arc<Entry>) -> (Arc<Entry>, Purpose) {
    let waiting = entry.waiting.load(Ordering::Relaxed);
    let need = u32::try_from(waiting).unwrap_or(u32::MAX);
    (entry, Purpose::More(need))
}

/// Questions in one round trip.
const BATCH: usize = 256;
const TICK: Duration = Duration::from_millis(20);
const PROBE_EVERY: Duration = Duration::from_millis(100);
const LATER_MS: u64 = 1_000;
const PROBE: &str = "aldgate:limit:probe";
