//! The keys of issuers that publish them: fetched in the background, kept over config changes and
//! outages, and fetched again when a token names one that is not known. Requests read a pointer; only
//! a token with an unknown key waits, and no caller can cause more than one fetch in 30 s (TK-06).

/// One fetch.
mod fetch;

/// When to fetch.
mod schedule;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use egress::{Dialer, Endpoint, fetch::FetchError as Exchange};
use metrics::counter;
use proto::id::TenantUid;
use runtime::shutdown::Tasks;
use token::jwt::KeySet;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    fetch::{FetchError, Fetched, fetch},
    schedule::{Asked, Schedule},
};

/// All sources of keys, one per tenant and address.
pub(super) struct Registry {
    dialer: Dialer,
    sources: Mutex<Sources>,
    wanted: mpsc::Sender<Arc<Remote>>,
    /// The other end, until [`Registry::run`] takes it.
    wishes: Mutex<Option<mpsc::Receiver<Arc<Remote>>>>,
    slots: Arc<Semaphore>,
}

/// No tenant has an empty map.
type Sources = HashMap<TenantUid, HashMap<Endpoint, Arc<Remote>>>;

/// The keys at one address, as one tenant sees them.
#[derive(Debug)]
pub(super) struct Remote {
    tenant: TenantUid,
    endpoint: Endpoint,
    keys: ArcSwapOption<KeySet>,
    schedule: Mutex<Schedule>,
    /// Changes when a fetch has ended, well or not.
    ended: watch::Sender<()>,
}

impl Registry {
    pub(super) fn new(dialer: Dialer) -> Self {
        let (wanted, wishes) = mpsc::channel(WISHES);
        Self {
            dialer,
            sources: Mutex::default(),
            wanted,
            wishes: Mutex::new(Some(wishes)),
            slots: Arc::new(Semaphore::new(SLOTS)),
        }
    }

    /// The keys at this address. They are being fetched if they are new. `None` if the tenant or the
    /// node has too many already.
    pub(super) fn remote(&self, tenant: TenantUid, endpoint: &Endpoint) -> Option<Arc<Remote>> {
        let mut sources = locked(&self.sources);
        let of_tenant = sources.get(&tenant);
        if let Some(known) = of_tenant.and_then(|own| own.get(endpoint)) {
            return Some(Arc::clone(known));
        }
        if of_tenant.map_or(sources.len() >= TENANTS, |own| own.len() >= SOURCES) {
            drop(sources);
            tracing::warn!(%tenant, "too many JWK set addresses; one is not used");
            return None;
        }
        let remote = Arc::new(Remote::new(tenant, endpoint.clone()));
        let of_tenant = sources.entry(tenant).or_default();
        of_tenant.insert(endpoint.clone(), Arc::clone(&remote));
        drop(sources);
        self.ask(&remote, Schedule::ask_due);
        Some(remote)
    }

    /// Fetches what is due and what is asked for, until told to stop.
    pub(super) async fn run(&self, tasks: Tasks, stop: CancellationToken) {
        let Some(mut wishes) = locked(&self.wishes).take() else {
            tracing::error!("keys are being fetched already");
            return;
        };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(remote) = wishes.recv() => self.start(remote, &tasks),
                now = tick.tick() => self.look(now, &tasks),
            }
        }
    }

    /// Starts what is due.
    pub(super) fn look(&self, now: Instant, tasks: &Tasks) {
        for remote in self.sweep(now) {
            self.start(remote, tasks);
        }
    }

    /// What is to be fetched now. Sources that no config names any more are dropped when they would
    /// be, and keys that nobody has confirmed for too long are forgotten.
    fn sweep(&self, now: Instant) -> Vec<Arc<Remote>> {
        let mut due = Vec::new();
        locked(&self.sources).retain(|_, own| {
            own.retain(|_, remote| {
                let due_now = remote.is_due(now);
                // The map holds one, and everything that names it another.
                if due_now && Arc::strong_count(remote) == 1 {
                    return false;
                }
                if due_now && locked(&remote.schedule).ask_due(now) == Asked::Start {
                    due.push(Arc::clone(remote));
                }
                true
            });
            !own.is_empty()
        });
        due
    }

    /// Hands a source to the task that fetches, if it may be fetched now.
    fn ask(&self, remote: &Arc<Remote>, ask: fn(&mut Schedule, Instant) -> Asked) -> Asked {
        let mut schedule = locked(&remote.schedule);
        let asked = ask(&mut schedule, Instant::now());
        if asked == Asked::Start && self.wanted.try_send(Arc::clone(remote)).is_err() {
            schedule.give_up();
            return Asked::TooSoon;
        }
        asked
    }

    /// How many sources there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        locked(&self.sources).values().map(HashMap::len).sum()
    }

    fn start(&self, remote: Arc<Remote>, tasks: &Tasks) {
        let (dialer, slots) = (self.dialer.clone(), Arc::clone(&self.slots));
        tasks.spawn("jwks", async move {
            let outcome = match slots.acquire().await {
                Ok(_slot) => fetch(&dialer, &remote.endpoint).await,
                Err(_) => Err(FetchError::Exchange(Exchange::Deadline)),
            };
            remote.take(outcome);
        });
    }
}

impl Remote {
    fn new(tenant: TenantUid, endpoint: Endpoint) -> Self {
        Self {
            tenant,
            endpoint,
            keys: ArcSwapOption::empty(),
            schedule: Mutex::new(Schedule::new(Instant::now())),
            ended: watch::Sender::new(()),
        }
    }

    /// The keys that count now; none if they were never fetched, or too long ago.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    /// Whether they are to be fetched. Forgets them if nobody has confirmed them for too long.
    fn is_due(&self, now: Instant) -> bool {
        let schedule = locked(&self.schedule);
        if schedule.is_stale(now) {
            self.keys.store(None);
        }
        schedule.is_due(now)
    }

    /// Has the keys fetched again, unless that was done lately, and waits for it a little.
    pub(super) async fn renew(self: &Arc<Self>, registry: &Registry) {
        let mut ended = self.ended.subscribe();
        match registry.ask(self, Schedule::ask_unknown) {
            // Whether it has ended in time shows in the keys.
            Asked::Start | Asked::Running => drop(timeout(PATIENCE, ended.changed()).await),
            Asked::TooSoon => {}
        }
    }

    /// Tells the end of each fetch.
    #[cfg(test)]
    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    /// Lets so much time pass for this source.
    #[cfg(test)]
    pub(super) fn pass(&self, time: Duration) {
        locked(&self.schedule).pass(time);
    }

    fn take(&self, outcome: Result<Fetched, FetchError>) {
        let now = Instant::now();
        let mut schedule = locked(&self.schedule);
        match outcome {
            Ok(fetched) => {
                counter!("aldgate_jwks_fetches_total", "outcome" => "fetched").increment(1);
                self.keys.store(Some(Arc::new(fetched.keys)));
                schedule.fetched(now, fetched.max_age);
            }
            Err(error) => {
                counter!("aldgate_jwks_fetches_total", "outcome" => error.label()).increment(1);
                let origin = &self.endpoint.origin;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(tenant = %self.tenant, %origin, error, "an issuer's keys cannot be fetched");
                schedule.failed(now);
            }
        }
        drop(schedule);
        self.ended.send_replace(());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many tenants have sources at most.
const TENANTS: usize = 16 * 1024;
/// How many one of them has.
const SOURCES: usize = 32;
/// How many fetches run at once.
const SLOTS: usize = 128;
/// How many wait to be started.
const WISHES: usize = 1024;
/// How often it is looked what is due.
const TICK: Duration = Duration::from_secs(5);
/// How long a request waits for keys.
const PATIENCE: Duration = Duration::from_secs(3);
