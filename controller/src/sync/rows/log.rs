//! The change log: the newest revision, and which resources each revision changed.

use proto::{
    id::{KeyUid, ServerUid, StaticTokenUid, TenantUid},
    name::StreamName,
};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::sync::state::Cursor;

/// One line of the change log.
#[derive(Debug, Clone, FromRow)]
pub struct ChangeRow {
    /// Which revision.
    pub revision: i64,
    /// `tenant`, `server`, `key`, `static_token`, `policy`, `defaults`.
    pub kind: String,
    /// The tenant's uid.
    pub tenant_id: Uuid,
    /// The resource's uid.
    pub resource_id: Uuid,
}

impl ChangeRow {
    /// The changed resource's name; `None` for a kind that this program does not know.
    pub fn name(&self) -> Option<StreamName> {
        let tenant = TenantUid::from_uuid(self.tenant_id);
        match self.kind.as_str() {
            "tenant" => Some(StreamName::Tenant(tenant)),
            "server" => Some(StreamName::Server(
                tenant,
                ServerUid::from_uuid(self.resource_id),
            )),
            "policy" => Some(StreamName::Policy(tenant)),
            "defaults" => Some(StreamName::Defaults),
            "key" => Some(StreamName::Key(tenant, KeyUid::from_uuid(self.resource_id))),
            "static_token" => Some(StreamName::StaticToken(
                tenant,
                StaticTokenUid::from_uuid(self.resource_id),
            )),
            _ => None,
        }
    }
}

/// The newest committed revision; `None` in a database that was never booted.
pub async fn head(sql: &mut PgConnection) -> Result<Option<Cursor>, sqlx::Error> {
    let row: Option<(i64, i64)> = sqlx::query_as("SELECT epoch, revision FROM config_head")
        .fetch_optional(sql)
        .await?;
    Ok(row.map(|(epoch, revision)| Cursor {
        epoch: epoch.cast_unsigned(),
        revision: revision.cast_unsigned(),
    }))
}

/// The change log after `after`, oldest first.
pub async fn changes_after(
    sql: &mut PgConnection,
    after: Cursor,
) -> Result<Vec<ChangeRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT revision, kind, tenant_id, resource_id
         FROM change_log
         WHERE epoch = $1 AND revision > $2
         ORDER BY revision, ordinal",
    )
    .bind(after.epoch.cast_signed())
    .bind(after.revision.cast_signed())
    .fetch_all(sql)
    .await
}

/// The newest `limit` lines of the change log of an epoch, oldest first. The oldest revision among
/// them may be incomplete.
pub async fn latest_changes(
    sql: &mut PgConnection,
    epoch: u64,
    limit: usize,
) -> Result<Vec<ChangeRow>, sqlx::Error> {
    let mut rows: Vec<ChangeRow> = sqlx::query_as(
        "SELECT revision, kind, tenant_id, resource_id
         FROM change_log
         WHERE epoch = $1
         ORDER BY revision DESC, ordinal DESC
         LIMIT $2",
    )
    .bind(epoch.cast_signed())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(sql)
    .await?;
    rows.reverse();
    Ok(rows)
}
