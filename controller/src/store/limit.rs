//! How many calls per time: a tenant's own limits, and those of the installation.

use proto::{access::v1::RateLimits, id::TenantUid};
use serde_json::Value;
use uuid::Uuid;

use super::{
    OneTenant, Platform, StoreError, Tx,
    change::{Kind, Op, Touched},
    changed, document,
};

impl Tx<OneTenant> {
    /// The tenant's own limits; `None` where those of the installation hold.
    pub async fn tenant_limits(&mut self) -> Result<Option<RateLimits>, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        let stored: Option<Value> =
            sqlx::query_scalar("SELECT limits FROM tenants WHERE tenant_id = $1")
                .bind(tenant)
                .fetch_one(&mut *self.sql)
                .await?;
        stored
            .map(|stored| read(stored, "tenants", tenant))
            .transpose()
    }

    /// Stores a locked tenant's own limits, or takes them away.
    pub async fn set_tenant_limits(
        &mut self,
        limits: Option<&RateLimits>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE tenants SET limits = $2 WHERE tenant_id = $1")
            .bind(self.scope.tenant.uid.uuid())
            .bind(limits.map(document::to_json))
            .execute(&mut *self.sql)
            .await?;
        changed("tenants", 1, done.rows_affected())?;
        self.touch_own_tenant();
        Ok(())
    }
}

impl<S> Tx<S> {
    /// The limits of tenants that have none of their own.
    pub async fn default_limits(&mut self) -> Result<RateLimits, StoreError> {
        let stored: Option<Value> = sqlx::query_scalar("SELECT limits FROM defaults")
            .fetch_optional(&mut *self.sql)
            .await?;
        let stored = stored.map(|stored| read(stored, "defaults", Uuid::nil()));
        Ok(stored.transpose()?.unwrap_or_default())
    }
}

impl Tx<Platform> {
    /// Replaces the limits of tenants that have none of their own.
    pub async fn set_default_limits(&mut self, limits: &RateLimits) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO defaults (limits, updated_at) VALUES ($1, $2)
             ON CONFLICT (singleton) DO UPDATE SET limits = excluded.limits",
        )
        .bind(document::to_json(limits))
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("defaults", 1, done.rows_affected())?;
        self.touch(Touched {
            kind: Kind::Defaults,
            tenant: TenantUid::from_uuid(Uuid::nil()),
            id: Uuid::nil(),
            op: Op::Upsert,
            name: "defaults".to_owned(),
        });
        Ok(())
    }
}

fn read(stored: Value, table: &'static str, row: Uuid) -> Result<RateLimits, StoreError> {
    document::from_json(stored).map_err(|_| StoreError::Inconsistent {
        table,
        column: "limits",
        row,
    })
}
