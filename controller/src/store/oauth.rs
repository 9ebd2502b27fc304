//! How a tenant's authorization server behaves, as its operators said.

use super::{OneTenant, StoreError, Tx, change::Op, changed, document};
use proto::access::v1::OauthSettings;

impl Tx<OneTenant> {
    /// The tenant's settings as this transaction found them; `None` when none were set.
    pub fn oauth_settings(&self) -> Result<Option<OauthSettings>, StoreError> {
        let stored = self.scope.oauth.clone();
        stored
            .map(document::from_json)
            .transpose()
            .map_err(|_| StoreError::Inconsistent {
                table: "tenants",
                column: "oauth",
                row: self.scope.tenant.uid.uuid(),
            })
    }

    /// Stores the locked tenant's settings.
    pub async fn set_oauth_settings(
        &mut self,
        settings: Option<&OauthSettings>,
    ) -> Result<(), StoreError> {
        let settings = settings.map(document::to_json);
        let done = sqlx::query("UPDATE tenants SET oauth = $2 WHERE tenant_id = $1")
            .bind(self.scope.tenant.uid.uuid())
            .bind(&settings)
            .execute(&mut *self.sql)
            .await?;
        changed("tenants", 1, done.rows_affected())?;
        self.scope.oauth = settings;
        self.touch_tenant(Op::Upsert);
        Ok(())
    }
}
