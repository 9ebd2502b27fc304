//! What operators do with clients.

use proto::{id::ClientUid, name::Slug};

use super::{Client, Row};
use crate::store::{OneTenant, StoreError, Tx, changed, head::to_column};

impl Tx<OneTenant> {
    /// The client with this slug.
    pub async fn client(&mut self, slug: &Slug) -> Result<Option<Client>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT client_uid, slug, client_id, registration, display_name, metadata, roles, trust,
                    granted_at, last_used_at, etag, created_at, updated_at
             FROM oauth_clients
             WHERE tenant_id = $1 AND slug = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        row.map(Client::try_from).transpose()
    }

    /// The client with this slug, which nobody else changes or removes meanwhile.
    pub async fn lock_client(&mut self, slug: &Slug) -> Result<Option<Client>, StoreError> {
        let locked =
            sqlx::query("SELECT FROM oauth_clients WHERE tenant_id = $1 AND slug = $2 FOR UPDATE")
                .bind(self.scope.tenant.uid.uuid())
                .bind(slug.as_str())
                .fetch_optional(&mut *self.sql)
                .await?;
        match locked {
            Some(_) => self.client(slug).await,
            None => Ok(None),
        }
    }

    /// A page of the tenant's clients, in the order of their slugs, that come after this one.
    pub async fn clients(&mut self, after: &str, limit: i64) -> Result<Vec<Client>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT client_uid, slug, client_id, registration, display_name, metadata, roles, trust,
                    granted_at, last_used_at, etag, created_at, updated_at
             FROM oauth_clients
             WHERE tenant_id = $1 AND slug > $2 COLLATE \"C\"
             ORDER BY slug COLLATE \"C\"
             LIMIT $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        rows.into_iter().map(Client::try_from).collect()
    }

    /// Stores a client that an operator registers.
    pub async fn insert_client(
        &mut self,
        client: &Client,
        secret: Option<&[u8; 32]>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO oauth_clients (
                 tenant_id, client_uid, slug, client_id, registration, display_name, metadata,
                 secret_sha256, roles, trust, created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uid.uuid())
        .bind(&client.slug)
        .bind(&client.client_id)
        .bind(client.registration.column())
        .bind(&client.display_name)
        .bind(client.metadata.column())
        .bind(secret.map(<[u8; 32]>::as_slice))
        .bind(&client.roles)
        .bind(client.trust.column())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("oauth_clients", 1, done.rows_affected())
    }

    /// Stores a locked client's new values under their etag; that and the time of the change are the
    /// caller's to set.
    pub async fn update_client(&mut self, client: &Client) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE oauth_clients
             SET display_name = $3, metadata = $4, roles = $5, trust = $6, etag = $7, updated_at = $8
             WHERE tenant_id = $1 AND client_uid = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uid.uuid())
        .bind(&client.display_name)
        .bind(client.metadata.column())
        .bind(&client.roles)
        .bind(client.trust.column())
        .bind(to_column(client.etag))
        .bind(client.updated_at)
        .execute(&mut *self.sql)
        .await?;
        changed("oauth_clients", 1, done.rows_affected())
    }

    /// Replaces a locked client's secret.
    pub async fn put_client_secret(
        &mut self,
        client: ClientUid,
        secret: &[u8; 32],
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE oauth_clients SET secret_sha256 = $3
             WHERE tenant_id = $1 AND client_uid = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uuid())
        .bind(secret.as_slice())
        .execute(&mut *self.sql)
        .await?;
        changed("oauth_clients", 1, done.rows_affected())
    }

    /// Removes a locked client with all that was granted to it.
    pub async fn delete_client(&mut self, client: ClientUid) -> Result<(), StoreError> {
        let done =
            sqlx::query("DELETE FROM oauth_clients WHERE tenant_id = $1 AND client_uid = $2")
                .bind(self.scope.tenant.uid.uuid())
                .bind(client.uuid())
                .execute(&mut *self.sql)
                .await?;
        changed("oauth_clients", 1, done.rows_affected())
    }
}
