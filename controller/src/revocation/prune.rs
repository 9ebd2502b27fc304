//! Removes revocations that have expired, one controller at a time, and raises the base below which
//! nobody need know of any.

use std::{error::Error, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Prunes now and then until `soft` is cancelled.
pub async fn prune(store: Store, soft: CancellationToken) {
    let mut broken = false;
    loop {
        match timeout(DEADLINE, store.prune_revocations()).await {
            Ok(Ok(())) => broken = false,
            Ok(Err(error)) => {
                if !std::mem::replace(&mut broken, true) {
                    let error = &error as &dyn Error;
                    tracing::warn!(error, "expired revocations cannot be removed");
                }
            }
            Err(_) => tracing::warn!("removing expired revocations takes too long"),
        }
        if soft.run_until_cancelled(sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

const EVERY: Duration = Duration::from_mins(1);
const DEADLINE: Duration = Duration::from_secs(10);
