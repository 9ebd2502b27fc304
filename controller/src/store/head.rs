//! The revision row: which revision is the newest, in which epoch.

use sqlx::{Postgres, Transaction};

use super::{Platform, StoreError, Tx};

/// Where the history of config stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Changes when the database was restored or failed over.
    pub epoch: u64,
    /// The newest revision.
    pub revision: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    epoch: i64,
    revision: i64,
}

impl From<Row> for Head {
    fn from(row: Row) -> Self {
        Self {
            epoch: from_column(row.epoch),
            revision: from_column(row.revision),
        }
    }
}

impl Tx<Platform> {
    /// Where the history of config stands.
    pub async fn head(&mut self) -> Result<Head, StoreError> {
        let row: Row = sqlx::query_as("SELECT epoch, revision FROM config_head")
            .fetch_one(&mut *self.sql)
            .await?;
        Ok(row.into())
    }
}

/// Takes the next revision. Whoever holds it is alone until its transaction ends.
pub(super) async fn advance(sql: &mut Transaction<'static, Postgres>) -> Result<Head, StoreError> {
    let row: Row =
        sqlx::query_as("UPDATE config_head SET revision = revision + 1 RETURNING epoch, revision")
            .fetch_one(&mut **sql)
            .await?;
    Ok(row.into())
}

/// A counter as Postgres holds it.
pub(super) fn to_column(counter: u64) -> i64 {
    i64::try_from(counter).expect("counters grow by one at a time")
}

/// A counter as we hold it. None of ours is ever negative; a hand-made one reads as 0.
pub(super) fn from_column(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}
