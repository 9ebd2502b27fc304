//! Committed revisions, read from the change log and the audit records. Nothing is written here.

use time::OffsetDateTime;

use super::{
    Platform, StoreError, Tx,
    head::{from_column, to_column},
};

/// One committed change.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its number.
    pub number: u64,
    /// The epoch that it was committed in.
    pub epoch: u64,
    /// When.
    pub time: OffsetDateTime,
    /// By whom.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What it changed, by name at that time.
    pub resources: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    revision: i64,
    epoch: i64,
    time: OffsetDateTime,
    actor: String,
    action: String,
    resources: Vec<String>,
}

impl From<Row> for Revision {
    fn from(row: Row) -> Self {
        Self {
            number: from_column(row.revision),
            epoch: from_column(row.epoch),
            time: row.time,
            actor: row.actor,
            action: row.action,
            resources: row.resources,
        }
    }
}

impl Tx<Platform> {
    /// The revision with this number.
    pub async fn revision(&mut self, number: u64) -> Result<Option<Revision>, StoreError> {
        let Some(before) = number.checked_add(1) else {
            return Ok(None);
        };
        let found = self.revisions(before, 1).await?;
        Ok(found.into_iter().find(|revision| revision.number == number))
    }

    /// A page of revisions, newest first, that come before this number.
    pub async fn revisions(
        &mut self,
        before: u64,
        limit: i64,
    ) -> Result<Vec<Revision>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT a.revision,
                    coalesce(max(c.epoch), 0) AS epoch,
                    a.time,
                    a.actor,
                    a.action,
                    coalesce(
                        array_agg(c.resource ORDER BY c.ordinal) FILTER (WHERE c.resource IS NOT NULL),
                        '{}'
                    ) AS resources
             FROM (
                 SELECT revision, time, actor, action
                 FROM audit_records
                 WHERE revision < $1
                 ORDER BY revision DESC
                 LIMIT $2
             ) a
             LEFT JOIN change_log c ON c.revision = a.revision
             GROUP BY a.revision, a.time, a.actor, a.action
             ORDER BY a.revision DESC",
        )
        .bind(if i64::try_from(before).is_ok() {
            to_column(before)
        } else {
            i64::MAX
        })
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(Revision::from).collect())
    }
}
