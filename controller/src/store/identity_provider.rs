//! Identity providers: where a tenant's users sign in.

use super::{OneTenant, StoreError, Tx};

impl Tx<OneTenant> {
    /// The last name segments of the providers that are offered, and what their buttons say.
    pub async fn offered_identity_providers(
        &mut self,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let offered = sqlx::query_as(
            "SELECT slug, CASE display_name WHEN '' THEN slug ELSE display_name END
             FROM identity_providers
             WHERE tenant_id = $1 AND NOT disabled
             ORDER BY slug COLLATE \"C\"",
        )
        .bind(self.scope.tenant.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(offered)
    }
}
