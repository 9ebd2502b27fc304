//! Follows the database as the feed of config does: woken by `NOTIFY`, with a poll as the net. It
//! publishes each new log and never writes.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use proto::sync::v1::Revocation;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::log::{Log, Logs, Shared};
use crate::{
    notification::{POLL, listen},
    store::revocation::of_column,
};

/// The one reader of revocations in a controller.
pub struct Feed {
    pool: PgPool,
    logs: watch::Sender<Option<Arc<Log>>>,
    shared: Arc<Shared>,
}

/// The database could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("a statement failed")]
    Sql(#[from] sqlx::Error),
    #[error("reading took longer than {} s", READ_DEADLINE.as_secs())]
    Deadline,
}

/// Where revocations stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
struct Head {
    epoch: i64,
    sequence: i64,
    base: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    sequence: i64,
    kind: String,
    id_sha256: Vec<u8>,
    issued_until: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
}

impl Feed {
    /// A feed on this pool, whose connections have the role `aldgate_feed`; it needs two of them.
    pub fn new(pool: PgPool) -> (Self, Logs) {
        let (logs, newest) = watch::channel(None);
        let shared = Arc::new(Shared::new());
        let feed = Self {
            pool,
            logs,
            shared: Arc::clone(&shared),
        };
        (feed, Logs::new(newest, shared))
    }

    /// Publishes logs until `soft` is cancelled. A database that does not answer leaves the newest log
    /// as it is, and unvouched.
    pub async fn run(self, soft: CancellationToken) {
        tokio::select! {
            () = soft.cancelled() => {}
            () = listen(&self.pool, "revocations", &self.shared.wake) => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&self) {
        let mut broken = false;
        let mut swept = Instant::now();
        loop {
            match self.look().await {
                Ok(()) => {
                    if std::mem::take(&mut broken) {
                        tracing::info!("revocations can be read again");
                    }
                }
                Err(error) => {
                    metrics::counter!("aldgate_revocation_read_failures_total").increment(1);
                    if !std::mem::replace(&mut broken, true) {
                        tracing::warn!(error = &error as &dyn Error, "revocations cannot be read");
                    }
                }
            }
            if swept.elapsed() > SWEEP_EVERY {
                swept = Instant::now();
                self.sweep();
            }
            // A notification or the poll, whichever comes first.
            let _ = timeout(POLL, self.shared.wake.notified()).await;
        }
    }

    async fn look(&self) -> Result<(), ReadError> {
        let began = Instant::now();
        let last = self.logs.borrow().clone();
        let read = timeout(READ_DEADLINE, self.read(last.as_deref()));
        let log = read.await.map_err(|_| ReadError::Deadline)??;
        self.shared.looked(began);
        if let Some(log) = log {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!("aldgate_revocation_head").set(log.head as f64);
            self.logs.send_replace(Some(Arc::new(log)));
        }
        Ok(())
    }

    /// The next log, from one snapshot of the database; `None` when nothing is new.
    async fn read(&self, last: Option<&Log>) -> Result<Option<Log>, sqlx::Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut tx = self.pool.begin_with(begin).await?;
        let head: Option<Head> = sqlx::query_as(
            "SELECT c.epoch, r.sequence, r.base FROM config_head c CROSS JOIN revocation_head r",
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(head) = head else {
            return Ok(None);
        };
        let number = i64::cast_unsigned;
        let (epoch, base) = (number(head.epoch), number(head.base));
        let sequence = number(head.sequence);
        let log = match last.filter(|last| last.epoch == epoch) {
            Some(last) if (last.head, last.base) == (sequence, base) => None,
            Some(last) if last.head > sequence => {
                metrics::counter!("aldgate_config_alarms_total").increment(1);
                tracing::error!(
                    last = last.head,
                    head = sequence,
                    epoch,
                    "the head of revocations went back; they stay as they are"
                );
                None
            }
            Some(last) => {
                let more = rows(&mut tx, last.head).await?;
                Some(last.advance(base, sequence, more))
            }
            None => Some(Log::new(epoch, base, sequence, rows(&mut tx, 0).await?)),
        };
        tx.commit().await?;
        Ok(log)
    }

    fn sweep(&self) {
        let newest = self.logs.borrow().clone();
        let swept = newest.and_then(|log| log.swept(SystemTime::now()));
        if let Some(swept) = swept {
            self.logs.send_replace(Some(Arc::new(swept)));
        }
    }
}

async fn rows(sql: &mut PgConnection, after: u64) -> Result<Vec<Revocation>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT tenant_id, sequence, kind, id_sha256, issued_until, expires_at
         FROM revocations
         WHERE sequence > $1
         ORDER BY sequence",
    )
    .bind(after.cast_signed())
    .fetch_all(sql)
    .await?;
    Ok(rows.into_iter().map(revocation).collect())
}

fn revocation(row: Row) -> Revocation {
    Revocation {
        sequence: row.sequence.cast_unsigned(),
        tenant_uid: row.tenant_id.to_string(),
        kind: of_column(&row.kind).into(),
        id: row.id_sha256.into(),
        issued_until: row.issued_until.map(|time| SystemTime::from(time).into()),
        expire_time: Some(SystemTime::from(row.expires_at).into()),
    }
}

const READ_DEADLINE: Duration = Duration::from_secs(30);
const SWEEP_EVERY: Duration = Duration::from_mins(10);
