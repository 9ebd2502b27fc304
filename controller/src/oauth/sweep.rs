//! The task that removes what has expired: codes, logins, sessions, and grants that ended long ago.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    error::chain,
    store::{Author, Store, StoreError, sweep::Dust},
};

/// Sweeps until `soft` is cancelled, at first when a controller starts: one that starts again and again
/// sweeps too. Every controller does it; two never wait for each other.
pub(crate) async fn keep(store: Store, soft: CancellationToken) {
    loop {
        for dust in Dust::ALL {
            // One that fails must not keep the others.
            if let Err(error) = sweep(&store, dust).await {
                let error = chain(&error);
                tracing::warn!(error, ?dust, "what has expired cannot be removed");
            }
        }
        let pause = soft.run_until_cancelled(tokio::time::sleep(EVERY));
        if pause.await.is_none() {
            return;
        }
    }
}

async fn sweep(store: &Store, dust: Dust) -> Result<(), StoreError> {
    for _ in 0..ROUNDS {
        let mut tx = store.platform(Author::task("oauth.sweep")).await?;
        let removed = tx.sweep(dust, BATCH).await?;
        tx.commit_unrecorded().await?;
        if removed < BATCH.unsigned_abs() {
            break;
        }
    }
    Ok(())
}

const EVERY: Duration = Duration::from_mins(1);
/// Short transactions, and an end to each look.
const BATCH: i64 = 1000;
const ROUNDS: usize = 20;
