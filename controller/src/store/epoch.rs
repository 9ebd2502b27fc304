//! The epoch: in which history the numbers of config and revocations count. They only grow, so a
//! database that does not have what was committed has gone back: then numbers may come again with
//! another meaning, and a new epoch begins. Epochs are times, so that they never come again.

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{PgPool, Postgres, Transaction};

use super::{
    Author, StoreError, changed,
    head::{from_column, to_column},
};

/// Which database cluster this is, and which of its timelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Cluster {
    system_identifier: i64,
    timeline: i32,
}

/// What was committed once; 0 where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// In which epoch.
    pub epoch: u64,
    /// A revision of config.
    pub revision: u64,
    /// The number of a revocation.
    pub revocation: u64,
}

/// Why a new epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Another database answers, or another timeline of it.
    Elsewhere,
    /// What was committed is not there.
    WentBack,
}

/// A new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Its number.
    pub epoch: u64,
    /// Why it began.
    pub why: Why,
}

/// Where the database stands.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct Stand {
    epoch: i64,
    revision: i64,
    #[sqlx(flatten)]
    cluster: Cluster,
    #[sqlx(default)]
    sequence: i64,
}

impl Seen {
    /// Something that is not what is there now, whatever its number.
    pub fn other(epoch: u64) -> Self {
        Self {
            epoch,
            revision: 0,
            revocation: u64::MAX,
        }
    }

    /// What either says.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self.epoch.cmp(&other.epoch) {
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Equal => Self {
                epoch: self.epoch,
                revision: self.revision.max(other.revision),
                revocation: self.revocation.max(other.revocation),
            },
        }
    }
}

impl super::Store {
    /// Begins a new epoch if the database is another one than before, or does not have what was `seen`
    /// in it. Of several controllers that find so, one does it.
    pub async fn keep_epoch(&self, seen: Seen) -> Result<Option<Begun>, StoreError> {
        let cluster = cluster(&self.pool).await?;
        let mut tx = self.platform(Author::task("epoch.keep")).await?;
        let stand: Stand = sqlx::query_as(
            "SELECT c.epoch, c.revision, c.system_identifier, c.timeline, r.sequence
             FROM config_head c CROSS JOIN revocation_head r",
        )
        .fetch_one(&mut *tx.sql)
        .await?;
        if judge(&stand, cluster, seen).is_none() {
            return Ok(None);
        }
        // Who holds both rows is alone and sees all that was committed. In the order of all writers.
        let sequence = sqlx::query_scalar("SELECT sequence FROM revocation_head FOR UPDATE")
            .fetch_one(&mut *tx.sql)
            .await?;
        let stand: Stand = sqlx::query_as(
            "SELECT epoch, revision, system_identifier, timeline FROM config_head FOR UPDATE",
        )
        .fetch_one(&mut *tx.sql)
        .await?;
        let stand = Stand { sequence, ..stand };
        let Some(why) = judge(&stand, cluster, seen) else {
            return Ok(None);
        };
        let cluster = cluster.unwrap_or(stand.cluster);
        let now = self.clock.now();
        let epoch = begin(&mut tx.sql, cluster, now, seen.epoch).await?;
        tx.sql.commit().await?;
        Ok(Some(Begun { epoch, why }))
    }
}

/// Which cluster answers; `None` where the role may not ask, as on some managed services.
pub(crate) async fn cluster(app: &PgPool) -> Result<Option<Cluster>, StoreError> {
    let found = sqlx::query_as(
        "SELECT s.system_identifier, c.timeline_id AS timeline
         FROM pg_control_system() s, pg_control_checkpoint() c",
    )
    .fetch_one(app)
    .await;
    match found {
        Ok(cluster) => Ok(Some(cluster)),
        Err(error) if denied(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn denied(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42501")
}

/// Makes the revision row, or begins a new epoch after a restore or a failover.
pub(crate) async fn keep(
    sql: &mut Transaction<'static, Postgres>,
    cluster: Option<Cluster>,
    now: SystemTime,
) -> Result<(), StoreError> {
    let stored: Option<Cluster> =
        sqlx::query_as("SELECT system_identifier, timeline FROM config_head FOR UPDATE")
            .fetch_optional(&mut **sql)
            .await?;
    let statement = match (stored, cluster) {
        (None, _) => {
            "INSERT INTO config_head (epoch, revision, system_identifier, timeline)
             VALUES ($1, 0, $2, $3)"
        }
        (Some(_), None) => return Ok(()),
        (Some(stored), Some(cluster)) if stored == cluster => return Ok(()),
        (Some(UNKNOWN), Some(_)) => {
            "UPDATE config_head
             SET system_identifier = $2, timeline = $3
             WHERE $1::bigint IS NOT NULL"
        }
        (Some(_), Some(cluster)) => {
            tracing::warn!("the database was restored or failed over; config moves to a new epoch");
            begin(sql, cluster, now, 0).await?;
            return Ok(());
        }
    };
    let cluster = cluster.unwrap_or(UNKNOWN);
    let done = sqlx::query(statement)
        .bind(seconds(now))
        .bind(cluster.system_identifier)
        .bind(cluster.timeline)
        .execute(&mut **sql)
        .await?;
    changed("config_head", 1, done.rows_affected())?;
    notify(sql).await
}

/// Begins a new epoch, later than the one there is and than `after`; its number.
async fn begin(
    sql: &mut Transaction<'static, Postgres>,
    cluster: Cluster,
    now: SystemTime,
    after: u64,
) -> Result<u64, StoreError> {
    let epoch: i64 = sqlx::query_scalar(
        "UPDATE config_head
         SET epoch = greatest(epoch + 1, $1, $2), system_identifier = $3, timeline = $4
         RETURNING epoch",
    )
    .bind(seconds(now))
    .bind(to_column(after.saturating_add(1)))
    .bind(cluster.system_identifier)
    .bind(cluster.timeline)
    .fetch_one(&mut **sql)
    .await?;
    notify(sql).await?;
    Ok(from_column(epoch))
}

async fn notify(sql: &mut Transaction<'static, Postgres>) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_notify('config', ''), pg_notify('revocations', '')")
        .execute(&mut **sql)
        .await?;
    Ok(())
}

fn judge(stand: &Stand, cluster: Option<Cluster>, seen: Seen) -> Option<Why> {
    let elsewhere = |cluster| stand.cluster != UNKNOWN && stand.cluster != cluster;
    if cluster.is_some_and(elsewhere) {
        return Some(Why::Elsewhere);
    }
    let epoch = from_column(stand.epoch);
    let beyond = seen.revision > from_column(stand.revision)
        || seen.revocation > from_column(stand.sequence);
    (seen.epoch > epoch || seen.epoch == epoch && beyond).then_some(Why::WentBack)
}

fn seconds(now: SystemTime) -> i64 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(seconds.as_secs()).unwrap_or(1)
}

/// Stored while the cluster could not be told.
const UNKNOWN: Cluster = Cluster {
    system_identifier: 0,
    timeline: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_and_is_not_there_tells_of_another_history() {
        let here = Cluster {
            system_identifier: 1,
            timeline: 2,
        };
        let stand = Stand {
            epoch: 7,
            revision: 40,
            cluster: here,
            sequence: 9,
        };
        let seen = |epoch, revision, revocation| Seen {
            epoch,
            revision,
            revocation,
        };
        for (known, expected) in [
            (Seen::default(), None),
            (seen(7, 40, 9), None),
            (seen(6, 99, 99), None),
            (seen(7, 41, 0), Some(Why::WentBack)),
            (seen(7, 0, 10), Some(Why::WentBack)),
            (seen(8, 0, 0), Some(Why::WentBack)),
            (Seen::other(7), Some(Why::WentBack)),
            (Seen::other(6), None),
        ] {
            assert_eq!(judge(&stand, Some(here), known), expected, "{known:?}");
            assert_eq!(judge(&stand, None, known), expected, "{known:?}");
        }
        let promoted = Cluster {
            timeline: 3,
            ..here
        };
        let judged = judge(&stand, Some(promoted), Seen::default());
        assert_eq!(judged, Some(Why::Elsewhere));
        let unknown = Stand {
            cluster: UNKNOWN,
            ..stand
        };
        assert_eq!(judge(&unknown, Some(here), Seen::default()), None);
    }

    #[test]
    fn of_two_that_saw_something_the_newer_epoch_counts() {
        let seen = |epoch, revision, revocation| Seen {
            epoch,
            revision,
            revocation,
        };
        assert_eq!(seen(7, 4, 9).and(seen(7, 5, 1)), seen(7, 5, 9));
        assert_eq!(seen(7, 4, 9).and(seen(8, 1, 1)), seen(8, 1, 1));
        assert_eq!(seen(8, 1, 1).and(Seen::default()), seen(8, 1, 1));
    }
}
