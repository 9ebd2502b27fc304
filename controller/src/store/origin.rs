//! The installation is no upstream of itself (HN-19): no server is where a tenant is. Either side is
//! looked up among all tenants' rows, whatever the transaction's scope, which stands again
//! afterwards; what is told names no tenant and no server.

use std::collections::HashSet;

use super::{Scope, StoreError, Tx, set_scope};

impl<S: Scope> Tx<S> {
    /// Keeps others from moving a tenant or a server until this transaction ends, so that no two put
    /// both in one place because neither sees the other's rows. To be called before anything else is
    /// locked, again at will.
    ///
    /// A lock of its own: the revision row keeps others out too, but it is locked last in every
    /// change, so whoever took it first could wait for a row whose holder waits for it. And a
    /// statement of its own: the next one sees all that was committed before.
    pub async fn lock_origins(&mut self) -> Result<(), StoreError> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }

    /// Whether a tenant has one of these origins, in the text that tenants' origins are stored as.
    /// Locks origins: the answer holds until the transaction ends.
    pub async fn serves_any(&mut self, origins: &[String]) -> Result<bool, StoreError> {
        self.lock_origins().await?;
        set_scope(&mut self.sql, None).await?;
        let found = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM tenant_origins WHERE origin = ANY ($1))",
        )
        .bind(origins)
        .fetch_one(&mut *self.sql)
        .await?;
        set_scope(&mut self.sql, self.scope.tenant()).await?;
        Ok(found)
    }

    /// Those of these origins, in the text that servers' origins are stored as, where a server is.
    /// Locks origins: the answer holds until the transaction ends.
    pub async fn called_among(
        &mut self,
        origins: &[String],
    ) -> Result<HashSet<String>, StoreError> {
        self.lock_origins().await?;
        set_scope(&mut self.sql, None).await?;
        let found: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT origin FROM servers WHERE origin = ANY ($1)")
                .bind(origins)
                .fetch_all(&mut *self.sql)
                .await?;
        set_scope(&mut self.sql, self.scope.tenant()).await?;
        Ok(found.into_iter().collect())
    }
}

/// Any number but the one that controllers boot under.
const LOCK: i64 = 0x6f72_6967_696e;
