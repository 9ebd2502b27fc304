//! The epoch: in which history the numbers of config and revocations count.

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{PgPool, Postgres, Transaction};

use super::{StoreError, changed};

/// Which database cluster this is, and which of its timelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Cluster {
    system_identifier: i64,
    timeline: i32,
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
        Err(error) if denied(&error) => {
            tracing::warn!(
                "the database does not tell its system identifier; a restore or failover cannot be noticed at boot"
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn denied(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42501")
}

/// Makes the revision row, or moves it to a new epoch: after a restore or a failover, revision
/// numbers may come again with another meaning. Epochs are times, so that they never come again.
pub(crate) async fn keep(
    sql: &mut Transaction<'static, Postgres>,
    cluster: Option<Cluster>,
    now: SystemTime,
) -> Result<(), StoreError> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
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
        (Some(_), Some(_)) => {
            tracing::warn!("the database was restored or failed over; config moves to a new epoch");
            "UPDATE config_head
             SET epoch = greatest(epoch + 1, $1), system_identifier = $2, timeline = $3"
        }
    };
    let cluster = cluster.unwrap_or(UNKNOWN);
    let done = sqlx::query(statement)
        .bind(i64::try_from(now).unwrap_or(1))
        .bind(cluster.system_identifier)
        .bind(cluster.timeline)
        .execute(&mut **sql)
        .await?;
    changed("config_head", 1, done.rows_affected())?;
    sqlx::query("SELECT pg_notify('config', '')")
        .execute(&mut **sql)
        .await?;
    Ok(())
}

/// Stored while the cluster could not be told.
const UNKNOWN: Cluster = Cluster {
    system_identifier: 0,
    timeline: 0,
};
