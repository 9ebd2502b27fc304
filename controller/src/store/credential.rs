//! Sealed values. They are written here and read only by the leases; no method returns one.

use proto::id::ServerUid;

use super::{OneTenant, StoreError, Tx, changed, head::to_column};
use crate::vault::SealedCredential;

impl Tx<OneTenant> {
    /// Stores the sealed value of a server's credential in place of the one before.
    pub async fn put_credential(
        &mut self,
        credential: &SealedCredential,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO credentials (tenant_id, server_id, generation, origin, sealed, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (tenant_id, server_id) DO UPDATE
             SET generation = excluded.generation,
                 origin = excluded.origin,
                 sealed = excluded.sealed,
                 created_at = excluded.created_at
             WHERE credentials.generation < excluded.generation",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(credential.server.uuid())
        .bind(to_column(credential.generation))
        .bind(&credential.origin)
        .bind(&credential.sealed)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("credentials", 1, done.rows_affected())
    }

    /// Removes the sealed value of a server's credential, if there is one.
    pub async fn remove_credential(&mut self, server: ServerUid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM credentials WHERE tenant_id = $1 AND server_id = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(server.uuid())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }
}
