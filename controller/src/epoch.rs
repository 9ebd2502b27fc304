//! Whether the database still is what it was, while controllers run. Whoever finds that something
//! committed is gone, or has to connect anew, raises a doubt; until it is settled nobody vouches that
//! all revocations are known. One task settles them, by a look under lock, and begins a new epoch where
//! they were right: then nodes take everything anew and forget nothing that is revoked.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub use crate::store::epoch::Seen;
use crate::store::{
    Store, StoreError,
    epoch::{Begun, Why},
};

/// Doubts about the database. Clones share them.
#[derive(Clone, Default)]
pub struct Doubts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    raised: AtomicU64,
    /// So many of them were looked into.
    settled: AtomicU64,
    seen: Mutex<Seen>,
    wake: Notify,
}

impl Doubts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// This was committed and is not there.
    pub fn raise(&self, seen: Seen) {
        let mut all = self.seen();
        *all = all.and(seen);
        self.0.raised.fetch_add(1, Ordering::AcqRel);
        drop(all);
        self.0.wake.notify_one();
    }

    /// A connection was made anew: it may lead to another database.
    pub fn reconnected(&self) {
        self.raise(Seen::default());
    }

    /// Whether one is not settled yet.
    pub fn any(&self) -> bool {
        let settled = self.0.settled.load(Ordering::Acquire);
        self.0.raised.load(Ordering::Acquire) != settled
    }

    fn all(&self) -> (u64, Seen) {
        let seen = self.seen();
        (self.0.raised.load(Ordering::Acquire), *seen)
    }

    fn settle(&self, raised: u64) {
        let mut seen = self.seen();
        self.0.settled.store(raised, Ordering::Release);
        if !self.any() {
            *seen = Seen::default();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The epoch could not be looked into.
#[derive(Debug, thiserror::Error)]
enum SettleError {
    #[error("the store cannot tell")]
    Store(#[from] StoreError),
    #[error("looking took longer than {} s", DEADLINE.as_secs())]
    Deadline,
}

/// Settles doubts until `soft` is cancelled, and looks by itself now and then: after a failover it can
/// take a while until a database says on which timeline it is.
pub async fn keep(doubts: Doubts, store: Store, soft: CancellationToken) {
    let mut broken = false;
    loop {
        let woken = timeout(EVERY, doubts.0.wake.notified());
        if soft.run_until_cancelled(woken).await.is_none() {
            return;
        }
        let (raised, seen) = doubts.all();
        let settling = timeout(DEADLINE, store.keep_epoch(seen));
        let settled = match settling.await {
            Ok(settled) => settled.map_err(SettleError::from),
            Err(_) => Err(SettleError::Deadline),
        };
        let pause = match settled {
            Ok(begun) => {
                broken = false;
                doubts.settle(raised);
                begun.map(note)
            }
            Err(error) => {
                if !std::mem::replace(&mut broken, true) {
                    let error = &error as &dyn Error;
                    tracing::warn!(error, "whether the database went back cannot be told");
                }
                doubts.0.wake.notify_one();
                Some(PAUSE)
            }
        };
        if let Some(pause) = pause
            && soft.run_until_cancelled(sleep(pause)).await.is_none()
        {
            return;
        }
    }
}

/// Says it, and how long there is none after it.
fn note(begun: Begun) -> Duration {
    metrics::counter!("aldgate_config_alarms_total").increment(1);
    let epoch = begun.epoch;
    match begun.why {
        Why::Elsewhere => {
            tracing::error!(epoch, "the database failed over; a new epoch begins");
        }
        Why::WentBack => {
            tracing::error!(
                epoch,
                "the database went back; a new epoch begins, and what was changed or revoked since is missing"
            );
        }
    }
    REST
}

/// How often the database is asked which it is.
const EVERY: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);
/// Every epoch sends all config to all nodes.
const REST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// A doubt that is raised while another is looked into stays open.
    #[test]
    fn a_doubt_is_open_until_it_was_looked_into() {
        let doubts = Doubts::new();
        assert!(!doubts.any());
        doubts.reconnected();
        let (raised, seen) = doubts.all();
        assert_eq!(seen, Seen::default());
        doubts.raise(Seen::other(7));
        doubts.settle(raised);
        assert!(doubts.any());
        let (raised, seen) = doubts.all();
        assert_eq!(seen, Seen::other(7));
        doubts.settle(raised);
        assert!(!doubts.any());
        assert_eq!(doubts.all().1, Seen::default());
    }
}
