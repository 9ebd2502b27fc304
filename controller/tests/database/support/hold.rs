//! A transaction of the test's own that holds what the controller wants, so that a test decides who comes
//! first.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::Stack;

/// One transaction, with what it has locked.
pub(crate) struct Hold(PgConnection);

impl Hold {
    /// Begins one with this statement.
    pub(crate) async fn take(stack: &Stack, statement: &'static str) -> Self {
        let mut hold = Self(stack.postgres.connect("root", "aldgate").await);
        hold.run("BEGIN").await;
        hold.run(statement).await;
        hold
    }

    /// Returns once so many of the controllers' statements wait for a lock.
    pub(crate) async fn is_awaited(stack: &Stack, wanted: i64) {
        let mut sql = stack.postgres.connect("root", "aldgate").await;
        let start = Instant::now();
        loop {
            let found: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE wait_event_type = 'Lock' AND usename = 'aldgate_app'",
            )
            .fetch_one(&mut sql)
            .await
            .unwrap();
            if found == wanted {
                return;
            }
            let log = stack.log();
            assert!(start.elapsed() < Duration::from_secs(20), "{found}: {log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn run(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.0).await.unwrap();
    }

    /// Lets go, with nothing done.
    pub(crate) async fn release(mut self) {
        self.run("ROLLBACK").await;
    }

    /// Lets go of what it did.
    pub(crate) async fn commit(mut self) {
        self.run("COMMIT").await;
    }
}
