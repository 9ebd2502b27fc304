//! API keys: the hash of each secret, and which servers it opens.

use proto::{
    id::{KeyUid, ServerUid},
    name::Slug,
    sync::v1::RevocationKind,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OneTenant, StoreError, Tx,
    change::{Committed, Kind, Op, Touched},
    changed,
    head::from_column,
    revocation::{CONFIG_LIFE, Revoked, Until},
    server::Server,
};

/// A key as stored, without its hash.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its identity.
    pub uid: KeyUid,
    /// The last segment of its name.
    pub slug: String,
    /// What people call it.
    pub display_name: String,
    /// Whether it opens every server of the tenant.
    pub all_servers: bool,
    /// The servers it opens, by slug and in that order, if not all.
    pub servers: Vec<String>,
    /// Whether it is refused for now.
    pub disabled: bool,
    /// When it stops working.
    pub expires_at: Option<OffsetDateTime>,
    /// What it may do, `{server}:{action}`; none means everything.
    pub scopes: Vec<String>,
    /// Whether it was made together with its server.
    pub primary: bool,
    /// Until when the secret before the last rotation still works.
    pub previous_expires_at: Option<OffsetDateTime>,
    /// The revision that last changed it.
    pub revision: u64,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Row {
    key_id: Uuid,
    slug: String,
    display_name: String,
    all_servers: bool,
    servers: Vec<String>,
    disabled: bool,
    expires_at: Option<OffsetDateTime>,
    scopes: Vec<String>,
    is_primary: bool,
    previous_expires_at: Option<OffsetDateTime>,
    revision: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for Key {
    fn from(row: Row) -> Self {
        Self {
            uid: KeyUid::from_uuid(row.key_id),
            slug: row.slug,
            display_name: row.display_name,
            all_servers: row.all_servers,
            servers: row.servers,
            disabled: row.disabled,
            expires_at: row.expires_at,
            scopes: row.scopes,
            primary: row.is_primary,
            previous_expires_at: row.previous_expires_at,
            revision: from_column(row.revision),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Key {
    /// The key as it reads after a commit that touched it.
    pub fn after(mut self, committed: Committed) -> Self {
        self.revision = committed.revision;
        self.updated_at = committed.time;
        self
    }
}

impl Tx<OneTenant> {
    /// The key with this slug.
    pub async fn key(&mut self, slug: &Slug) -> Result<Option<Key>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT k.key_id, k.slug, k.display_name, k.all_servers,
                    ARRAY(
                        SELECT s.slug
                        FROM api_key_servers x
                        JOIN servers s USING (tenant_id, server_id)
                        WHERE x.tenant_id = k.tenant_id AND x.key_id = k.key_id
                        ORDER BY s.slug COLLATE \"C\"
                    ) AS servers,
                    k.disabled, k.expires_at, k.scopes, k.is_primary, k.previous_expires_at,
                    k.revision, k.created_at, k.updated_at
             FROM api_keys k
             WHERE k.tenant_id = $1 AND k.slug = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Key::from))
    }

    /// The key with this slug, which nobody else changes or removes meanwhile.
    pub async fn lock_key(&mut self, slug: &Slug) -> Result<Option<Key>, StoreError> {
        let locked =
            sqlx::query("SELECT FROM api_keys WHERE tenant_id = $1 AND slug = $2 FOR UPDATE")
                .bind(self.scope.tenant.uid.uuid())
                .bind(slug.as_str())
                .fetch_optional(&mut *self.sql)
                .await?;
        match locked {
            Some(_) => self.key(slug).await,
            None => Ok(None),
        }
    }

    /// A page of the tenant's keys, in the order of their slugs, that come after this one.
    pub async fn keys(&mut self, after: &str, limit: i64) -> Result<Vec<Key>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT k.key_id, k.slug, k.display_name, k.all_servers,
                    ARRAY(
                        SELECT s.slug
                        FROM api_key_servers x
                        JOIN servers s USING (tenant_id, server_id)
                        WHERE x.tenant_id = k.tenant_id AND x.key_id = k.key_id
                        ORDER BY s.slug COLLATE \"C\"
                    ) AS servers,
                    k.disabled, k.expires_at, k.scopes, k.is_primary, k.previous_expires_at,
                    k.revision, k.created_at, k.updated_at
             FROM api_keys k
             WHERE k.tenant_id = $1 AND k.slug > $2 COLLATE \"C\"
             ORDER BY k.slug COLLATE \"C\"
             LIMIT $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(Key::from).collect())
    }

    /// Stores a new key.
    pub async fn insert_key(
        &mut self,
        key: &Key,
        sha256: &[u8; 32],
        servers: &[ServerUid],
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO api_keys (
                 tenant_id, key_id, slug, display_name, sha256, all_servers, disabled, expires_at,
                 scopes, is_primary, created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(key.uid.uuid())
        .bind(&key.slug)
        .bind(&key.display_name)
        .bind(sha256.as_slice())
        .bind(key.all_servers)
        .bind(key.disabled)
        .bind(key.expires_at)
        .bind(&key.scopes)
        .bind(key.primary)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("api_keys", 1, done.rows_affected())?;
        self.open_servers(key, servers).await?;
        self.touch_key(key.uid.uuid(), &key.slug, Op::Upsert);
        Ok(())
    }

    /// Stores a locked key's new values; `servers` only if they are to be replaced.
    pub async fn update_key(
        &mut self,
        key: &Key,
        servers: Option<&[ServerUid]>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE api_keys
             SET display_name = $3,
                 all_servers = $4,
                 disabled = $5,
                 scopes = $6
             WHERE tenant_id = $1 AND key_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(key.uid.uuid())
        .bind(&key.display_name)
        .bind(key.all_servers)
        .bind(key.disabled)
        .bind(&key.scopes)
        .execute(&mut *self.sql)
        .await?;
        changed("api_keys", 1, done.rows_affected())?;
        if let Some(servers) = servers {
            sqlx::query("DELETE FROM api_key_servers WHERE tenant_id = $1 AND key_id = $2")
                .bind(self.scope.tenant.uid.uuid())
                .bind(key.uid.uuid())
                .execute(&mut *self.sql)
                .await?;
            self.open_servers(key, servers).await?;
        }
        self.touch_key(key.uid.uuid(), &key.slug, Op::Upsert);
        Ok(())
    }

    /// Gives a locked key a new secret. The one before works until `previous_expires_at`, if that
    /// is set; the one before that is gone.
    pub async fn rotate_key(&mut self, key: &Key, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE api_keys
             SET previous_sha256 = CASE WHEN $4::timestamptz IS NULL THEN NULL ELSE sha256 END,
                 previous_expires_at = $4,
                 sha256 = $3
             WHERE tenant_id = $1 AND key_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(key.uid.uuid())
        .bind(sha256.as_slice())
        .bind(key.previous_expires_at)
        .execute(&mut *self.sql)
        .await?;
        changed("api_keys", 1, done.rows_affected())?;
        self.touch_key(key.uid.uuid(), &key.slug, Op::Upsert);
        Ok(())
    }

    /// Removes a locked key.
    pub async fn delete_key(&mut self, key: &Key) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM api_keys WHERE tenant_id = $1 AND key_id = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(key.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        changed("api_keys", 1, done.rows_affected())?;
        self.touch_key(key.uid.uuid(), &key.slug, Op::Delete);
        Ok(())
    }

    /// Takes a server that is about to be removed from the keys that open it, and removes its primary
    /// key unless that opens other servers.
    pub(super) async fn leave_keys(&mut self, server: &Server) -> Result<(), StoreError> {
        let keys: Vec<(Uuid, String, bool)> = sqlx::query_as(
            "SELECT k.key_id, k.slug,
                    k.is_primary AND NOT k.all_servers AND NOT EXISTS (
                        SELECT FROM api_key_servers other
                        WHERE other.tenant_id = k.tenant_id AND other.key_id = k.key_id
                          AND other.server_id <> x.server_id
                    ) AS goes
             FROM api_key_servers x
             JOIN api_keys k USING (tenant_id, key_id)
             WHERE x.tenant_id = $1 AND x.server_id = $2
             ORDER BY k.key_id
             FOR UPDATE OF k",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(server.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        let going = keys.iter().filter(|(_, _, goes)| *goes);
        let going: Vec<Uuid> = going.map(|(id, _, _)| *id).collect();
        let done = sqlx::query("DELETE FROM api_keys WHERE tenant_id = $1 AND key_id = ANY ($2)")
            .bind(self.scope.tenant.uid.uuid())
            .bind(&going)
            .execute(&mut *self.sql)
            .await?;
        changed("api_keys", going.len() as u64, done.rows_affected())?;
        for (id, slug, goes) in keys {
            if goes {
                self.revoke(Revoked {
                    kind: RevocationKind::Key,
                    id: id.to_string(),
                    until: Until::Ever,
                    life: CONFIG_LIFE,
                });
            }
            let op = if goes { Op::Delete } else { Op::Upsert };
            self.touch_key(id, &slug, op);
        }
        Ok(())
    }

    async fn open_servers(&mut self, key: &Key, servers: &[ServerUid]) -> Result<(), StoreError> {
        let servers: Vec<Uuid> = servers.iter().map(|server| server.uuid()).collect();
        let done = sqlx::query(
            "INSERT INTO api_key_servers (tenant_id, key_id, server_id, created_at)
             SELECT $1, $2, server_id, $4 FROM unnest($3::uuid[]) AS opened (server_id)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(key.uid.uuid())
        .bind(&servers)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed(
            "api_key_servers",
            servers.len() as u64,
            done.rows_affected(),
        )
    }

    fn touch_key(&mut self, id: Uuid, slug: &str, op: Op) {
        let tenant = &self.scope.tenant;
        self.touch(Touched {
            kind: Kind::Key,
            tenant: tenant.uid,
            id,
            op,
            name: format!("{}/keys/{slug}", tenant.name()),
        });
    }
}
