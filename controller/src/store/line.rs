//! Connections for statements that are a transaction of their own and that clients ask for all day. The
//! pool asks each connection that comes back whether it lives, which is half of what such a statement
//! costs; one from here is kept if its statement came to its end, and closed otherwise.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// A bounded number of connections. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    options: Arc<PgConnectOptions>,
    room: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection, for one statement.
pub(super) struct Line<'a> {
    pub(super) sql: PgConnection,
    lines: &'a Lines,
    _place: SemaphorePermit<'a>,
}

impl Lines {
    /// Connections like those of this pool, and apart from them.
    pub(super) fn beside(pool: &PgPool) -> Self {
        Self(Arc::new(Shared {
            options: pool.connect_options(),
            room: Semaphore::new(MOST),
            idle: Mutex::default(),
        }))
    }

    /// A connection that was kept, or a new one; `None` if there is none to be had.
    pub(super) async fn take(&self) -> Option<Line<'_>> {
        let place = timeout(PATIENCE, self.0.room.acquire()).await.ok()?.ok()?;
        let kept = self.idle().pop();
        let sql = if let Some(sql) = kept {
            sql
        } else {
            let connecting = PgConnection::connect_with(&self.0.options);
            timeout(PATIENCE, connecting).await.ok()?.ok()?
        };
        Some(Line {
            sql,
            lines: self,
            _place: place,
        })
    }

    /// Closes what is kept: where one connection has failed, the others are no better.
    pub(super) fn close(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line<'_> {
    /// Keeps it for others: its statement came to its end.
    pub(super) fn keep(self) {
        self.lines.idle().push(self.sql);
    }
}

/// As many as the pool has.
const MOST: usize = 16;
/// How long anybody waits for one.
const PATIENCE: Duration = Duration::from_secs(2);
