//! How a tenant's authorization server behaves, as its operators said.

use proto::access::v1::OauthSettings;
use serde_json::Value;

use super::{OneTenant, StoreError, Tx, change::Op, changed, document};

impl Tx<OneTenant> {
    /// The tenant's settings; `None` when none were set.
    pub async fn oauth_settings(&mut self) -> Result<Option<OauthSettings>, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        let stored: Option<Value> =
            sqlx::query_scalar("SELECT oauth FROM tenants WHERE tenant_id = $1")
                .bind(tenant)
                .fetch_one(&mut *self.sql)
                .await?;
        stored
            .map(document::from_json)
            .transpose()
            .map_err(|_| StoreError::Inconsistent {
                table: "tenants",
                column: "oauth",
                row: tenant,
            })
    }

    /// Stores the locked tenant's settings.
    pub async fn set_oauth_settings(
        &mut self,
        settings: Option<&OauthSettings>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE tenants SET oauth = $2 WHERE tenant_id = $1")
            .bind(self.scope.tenant.uid.uuid())
            .bind(settings.map(document::to_json))
            .execute(&mut *self.sql)
            .await?;
        changed("tenants", 1, done.rows_affected())?;
        self.touch_tenant(Op::Upsert);
        Ok(())
    }
}
