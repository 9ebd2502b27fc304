//! What the ops port shows about config, and the log lines about what could not be applied.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::{counter, gauge};
use proto::sync::v1::Reject;
use tokio::time::Instant;

use super::replica::Replica;

/// The meters of one node.
#[derive(Debug, Clone)]
pub(super) struct Meters {
    start: Instant,
    /// Milliseconds from the start to the last sign of life; 0 before the first.
    confirmed: Arc<AtomicU64>,
    /// What was logged already.
    logged: HashSet<(String, u64, String)>,
}

/// How many refused resources are told apart for the log.
const LOGGED: usize = 1000;

impl Meters {
    /// Meters that have seen nothing.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            confirmed: Arc::default(),
            logged: HashSet::new(),
        }
    }

    /// A controller spoke to us: what we hold is as good as what it holds.
    pub(super) fn confirm(&self) {
        let millis = self.start.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX).max(1);
        self.confirmed.store(millis, Ordering::Relaxed);
    }

    /// Shows the age of config, whatever becomes of the streams.
    pub(super) async fn watch_age(self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let confirmed = self.confirmed.load(Ordering::Relaxed);
            if confirmed > 0 {
                let confirmed = Duration::from_millis(confirmed);
                let age = self.start.elapsed().saturating_sub(confirmed);
                gauge!("aldgate_config_age_seconds").set(age.as_secs_f64());
            }
        }
    }

    /// The replica has changed.
    pub(super) fn changed(&mut self, replica: &Replica) {
        set("aldgate_config_revision", replica.cursor().revision);
        set("aldgate_config_rejects", replica.rejects().len());
        set("aldgate_leases_pending", replica.waiting());
        self.log(replica.rejects());
    }

    fn log<'a>(&mut self, rejects: impl Iterator<Item = &'a Reject>) {
        let mut current = HashSet::new();
        for reject in rejects.take(LOGGED) {
            let Reject {
                resource,
                revision,
                serving_revision,
                reason,
                detail,
                ..
            } = reject;
            let entry = (resource.clone(), *revision, reason.clone());
            if !self.logged.contains(&entry) {
                tracing::warn!(
                    resource,
                    revision,
                    serving_revision,
                    reason,
                    detail,
                    "config of one resource cannot be used"
                );
            }
            current.insert(entry);
        }
        self.logged = current;
    }
}

/// A stream ended, for one of a few reasons.
pub(super) fn count_reconnect(reason: &'static str) {
    counter!("aldgate_config_reconnects_total", "reason" => reason).increment(1);
}

/// What we hold is not what the controller says it sent.
pub(super) fn count_divergence() {
    counter!("aldgate_config_divergences_total").increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
fn set(name: &'static str, value: impl TryInto<u64>) {
    let value = value.try_into().unwrap_or(u64::MAX);
    gauge!(name).set(value as f64);
}
