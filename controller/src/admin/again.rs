//! Changes that begin again. An operator who revokes something is not told to try later because a
//! client refreshed in the same moment.

use crate::{error::Error, store::StoreError};

/// Makes a change, and again where the database gave its transaction up for another one. Nothing of it
/// was committed then, and what it waited for goes on meanwhile.
pub(super) async fn again<T, F>(mut change: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..TIMES {
        match change().await {
            Err(Error::Store(StoreError::Collision(_))) => {
                tracing::warn!(
                    "a change waited for another one that waited for it; it begins again"
                );
            }
            done => return done,
        }
    }
    change().await
}

const TIMES: usize = 5;
