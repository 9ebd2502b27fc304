//! How callers prove who they are: a tenant's own choice, and the shared secrets of JWT issuers that
//! its authenticators and its servers' name. No method returns a secret.

use proto::access::v1::Authenticators;
use serde_json::Value;
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, change::Op, changed, document};

impl Tx<OneTenant> {
    /// The tenant's authenticators; `None` when none were set.
    pub async fn authenticators(&mut self) -> Result<Option<Authenticators>, StoreError> {
        let stored: Option<Value> =
            sqlx::query_scalar("SELECT authenticators FROM tenants WHERE tenant_id = $1")
                .bind(self.scope.tenant.uid.uuid())
                .fetch_one(&mut *self.sql)
                .await?;
        Ok(document::authenticators(stored))
    }

    /// Stores the locked tenant's authenticators.
    pub async fn set_authenticators(
        &mut self,
        authenticators: Option<&Authenticators>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE tenants SET authenticators = $2 WHERE tenant_id = $1")
            .bind(self.scope.tenant.uid.uuid())
            .bind(authenticators.map(document::to_json))
            .execute(&mut *self.sql)
            .await?;
        changed("tenants", 1, done.rows_affected())?;
        self.touch_tenant(Op::Upsert);
        Ok(())
    }

    /// Stores the sealed secret of an issuer. The tenant is locked: what nodes hold of it changes.
    pub async fn insert_jwt_secret(
        &mut self,
        secret: Uuid,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO jwt_secrets (tenant_id, secret_id, sealed, created_at)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(secret)
        .bind(sealed)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("jwt_secrets", 1, done.rows_affected())?;
        self.touch_tenant(Op::Upsert);
        Ok(())
    }

    /// Removes secrets that nothing names any more. The tenant is locked.
    pub async fn delete_jwt_secrets(&mut self, secrets: &[Uuid]) -> Result<(), StoreError> {
        if secrets.is_empty() {
            return Ok(());
        }
        sqlx::query("DELETE FROM jwt_secrets WHERE tenant_id = $1 AND secret_id = ANY ($2)")
            .bind(self.scope.tenant.uid.uuid())
            .bind(secrets)
            .execute(&mut *self.sql)
            .await?;
        self.touch_tenant(Op::Upsert);
        Ok(())
    }
}
