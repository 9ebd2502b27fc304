//! What users agreed to when they were asked, as far as the grants made then still count.

use proto::id::{ClientUid, GrantUid, UserUid};
use time::OffsetDateTime;

use super::{OneTenant, StoreError, Tx, changed};

/// What a user agreed to.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Consent {
    /// The MCP URLs.
    pub resources: Vec<String>,
    /// The scopes.
    pub scopes: Vec<String>,
    /// The hash of the client's redirect URIs at that time.
    #[sqlx(rename = "redirects_sha256")]
    pub redirects: Vec<u8>,
    /// When the user was asked.
    #[sqlx(rename = "consented_at")]
    pub at: OffsetDateTime,
}

impl Tx<OneTenant> {
    /// What the user agreed to for this client at this place, not longer ago than this.
    pub async fn consents(
        &mut self,
        user: UserUid,
        client: ClientUid,
        redirect_origin: &str,
        since: OffsetDateTime,
    ) -> Result<Vec<Consent>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT resources, scopes, redirects_sha256, consented_at
             FROM grants
             WHERE tenant_id = $1
               AND user_id = $2
               AND client_uid = $3
               AND redirect_origin = $4
               AND consented_at > $5
               AND redirects_sha256 IS NOT NULL
               AND revoked_at IS NULL
               AND idle_expires_at > $6
               AND expires_at > $6
             ORDER BY consented_at DESC
             LIMIT 100",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user.uuid())
        .bind(client.uuid())
        .bind(redirect_origin)
        .bind(since)
        .bind(self.time)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows)
    }

    /// Notes on a new grant when its user was asked, and where its client sent people then.
    pub async fn note_consent(
        &mut self,
        grant: GrantUid,
        at: OffsetDateTime,
        redirects_sha256: &[u8; 32],
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE grants SET consented_at = $3, redirects_sha256 = $4
             WHERE tenant_id = $1 AND grant_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .bind(at)
        .bind(redirects_sha256.as_slice())
        .execute(&mut *self.sql)
        .await?;
        changed("grants", 1, done.rows_affected())
    }
}
