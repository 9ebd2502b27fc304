//! Tenants' data keys, wrapped by the key-encryption key.

use proto::id::TenantUid;
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed};
use crate::vault::WrappedTenantKey;

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    key_id: Uuid,
    version: i32,
    kek_id: String,
    wrapped: Vec<u8>,
}

impl TryFrom<Row> for WrappedTenantKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: TenantUid::from_uuid(row.tenant_id),
            key_id: row.key_id,
            version: u32::try_from(row.version).map_err(|_| StoreError::Inconsistent {
                table: "tenant_keys",
                column: "version",
                row: row.key_id,
            })?,
            kek_id: row.kek_id,
            wrapped: row.wrapped,
        })
    }
}

impl Tx<OneTenant> {
    /// All the tenant's keys, oldest first.
    pub async fn tenant_keys(&mut self) -> Result<Vec<WrappedTenantKey>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT tenant_id, key_id, version, kek_id, wrapped
             FROM tenant_keys
             WHERE tenant_id = $1
             ORDER BY version",
        )
        .bind(self.scope.tenant.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        rows.into_iter().map(WrappedTenantKey::try_from).collect()
    }
}

impl<S> Tx<S> {
    /// Stores a tenant's next key.
    pub(super) async fn insert_tenant_key(
        &mut self,
        key: &WrappedTenantKey,
    ) -> Result<(), StoreError> {
        let version = i32::try_from(key.version).map_err(|_| StoreError::Inconsistent {
            table: "tenant_keys",
            column: "version",
            row: key.key_id,
        })?;
        let done = sqlx::query(
            "INSERT INTO tenant_keys (tenant_id, key_id, version, kek_id, wrapped, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.tenant.uuid())
        .bind(key.key_id)
        .bind(version)
        .bind(&key.kek_id)
        .bind(&key.wrapped)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("tenant_keys", 1, done.rows_affected())
    }
}
