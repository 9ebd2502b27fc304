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
    epoch::{Doubts, Seen},
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

/// What a look at the database gave.
enum Looked {
    /// There is nothing to read: it is not whole.
    Absent,
    /// Nothing is new.
    Same,
    /// The next log.
    Next(Log),
    /// What was read before is gone.
    Back(Seen),
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
    pub fn new(pool: PgPool, doubts: Doubts) -> (Self, Logs) {
        let (logs, newest) = watch::channel(None);
        let shared = Arc::new(Shared::new(doubts));
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
            () = listen(&self.pool, "revocations", &self.shared.wake, self.shared.doubts()) => {}
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
        match read.await.map_err(|_| ReadError::Deadline)?? {
            Looked::Absent => {}
            Looked::Same => self.shared.looked(began),
            Looked::Next(log) => {
                #[expect(clippy::cast_precision_loss, reason = "a gauge")]
                metrics::gauge!("aldgate_revocation_head").set(log.head as f64);
                self.logs.send_replace(Some(Arc::new(log)));
                self.shared.looked(began);
            }
            Looked::Back(seen) => {
                if self.shared.note_back() {
                    metrics::counter!("aldgate_config_alarms_total").increment(1);
                    tracing::error!(
                        epoch = seen.epoch,
                        "revocations went back; nothing is vouched for until there is a new epoch"
                    );
                }
                self.shared.doubts().raise(seen);
            }
        }
        Ok(())
    }

    /// What there is, from one snapshot of the database.
    async fn read(&self, last: Option<&Log>) -> Result<Looked, sqlx::Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut tx = self.pool.begin_with(begin).await?;
        let head: Option<Head> = sqlx::query_as(
            "SELECT c.epoch, r.sequence, r.base FROM config_head c CROSS JOIN revocation_head r",
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(head) = head else {
            return Ok(Looked::Absent);
        };
        let number = i64::cast_unsigned;
        let (epoch, base) = (number(head.epoch), number(head.base));
        let sequence = number(head.sequence);
        let looked = match last {
            Some(last) if last.epoch > epoch || last.epoch == epoch && last.head > sequence => {
                Looked::Back(Seen {
                    epoch: last.epoch,
                    revision: 0,
                    revocation: last.head,
                })
            }
            Some(last) if (last.epoch, last.head, last.base) == (epoch, sequence, base) => {
                Looked::Same
            }
            Some(last) if last.epoch == epoch => {
                next(last, base, sequence, rows(&mut tx, last.head).await?)
            }
            Some(_) | None => {
                let all = rows(&mut tx, 1).await?;
                Looked::Next(Log::new(epoch, base, sequence, all))
            }
        };
        tx.commit().await?;
        Ok(looked)
    }

    fn sweep(&self) {
        let newest = self.logs.borrow().clone();
        let swept = newest.and_then(|log| log.swept(SystemTime::now()));
        if let Some(swept) = swept {
            self.logs.send_replace(Some(Arc::new(swept)));
        }
    }
}

/// The log after `last`, whose own last revocation is the first of these, if it has not expired.
fn next(last: &Log, base: u64, head: u64, mut rows: Vec<Revocation>) -> Looked {
    let again = rows.first().filter(|one| one.sequence == last.head);
    if !last.agrees(again, SystemTime::now()) {
        return Looked::Back(Seen::other(last.epoch));
    }
    rows.retain(|one| one.sequence > last.head);
    Looked::Next(last.advance(base, head, rows))
}

/// Those from this number on.
async fn rows(sql: &mut PgConnection, from: u64) -> Result<Vec<Revocation>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT tenant_id, sequence, kind, id_sha256, issued_until, expires_at
         FROM revocations
         WHERE sequence >= $1
         ORDER BY sequence",
    )
    .bind(from.cast_signed())
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
