//! Removes revocations that have expired, one controller at a time, and raises the base below which
//! nobody need know of any.

use std::{error::Error, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Prunes now and then, each time until nothing is left to be, until `soft` is cancelled.
pub async fn prune(store: Store, soft: CancellationToken) {
    let mut broken = false;
    loop {
        let pruned = soft.run_until_cancelled(timeout(DEADLINE, store.prune_revocations()));
        match pruned.await {
            None => return,
            Some(Ok(Ok(more))) => {
                broken = false;
                if more {
                    continue;
                }
            }
            Some(Ok(Err(error))) => {
                if !std::mem::replace(&mut broken, true) {
                    let error = &error as &dyn Error;
                    tracing::warn!(error, "expired revocations cannot be removed");
                }
            }
            Some(Err(_)) => tracing::warn!("removing expired revocations takes too long"),
        }
        if soft.run_until_cancelled(sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

const EVERY: Duration = Duration::from_mins(1);
const DEADLINE: Duration = Duration::from_secs(10);
