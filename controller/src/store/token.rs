//! Tokens of the admin API: the hash of each secret, whose it is and what it may do.

use proto::id::{TenantUid, TokenUid};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Platform, Reach, Store, StoreError, Tx, changed, set_scope};

/// What a token may do within its reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Read.
    Viewer,
}

/// A token as stored, without its hash.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its identity.
    pub uid: TokenUid,
    /// What people call it.
    pub display_name: String,
    /// The slug of the tenant that it is confined to.
    pub tenant: Option<String>,
    /// Whose rows it reaches.
    pub reach: Reach,
    /// What it may do there.
    pub role: Role,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Row {
    token_id: Uuid,
    display_name: String,
    confined_to: Option<Uuid>,
    tenant: Option<String>,
    role: String,
    created_at: OffsetDateTime,
}

impl TryFrom<Row> for Token {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            uid: TokenUid::from_uuid(row.token_id),
            display_name: row.display_name,
            tenant: row.tenant,
            reach: match row.confined_to {
                Some(tenant) => Reach::Tenant(TenantUid::from_uuid(tenant)),
                None => Reach::Platform,
            },
            role: Role::from_column(&row.role).ok_or(StoreError::Inconsistent {
                table: "admin_tokens",
                column: "role",
                row: row.token_id,
            })?,
            created_at: row.created_at,
        })
    }
}

impl Role {
    fn from_column(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Admin),
            "viewer" => Some(Self::Viewer),
            _ => None,
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }
}

impl Store {
    /// The token whose secret has this hash.
    pub async fn token_by_hash(&self, sha256: &[u8; 32]) -> Result<Option<Token>, StoreError> {
        let mut sql = self.pool.begin().await?;
        set_scope(&mut sql, None).await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT a.token_id, a.display_name, a.confined_to, t.slug AS tenant, a.role, a.created_at
             FROM admin_tokens a
             LEFT JOIN tenants t ON t.tenant_id = a.confined_to
             WHERE a.sha256 = $1",
        )
        .bind(sha256.as_slice())
        .fetch_optional(&mut *sql)
        .await?;
        row.map(Token::try_from).transpose()
    }
}

impl Tx<Platform> {
    /// A page of all tokens, oldest first, that come after this one.
    pub async fn tokens(
        &mut self,
        after: Option<TokenUid>,
        limit: i64,
    ) -> Result<Vec<Token>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT a.token_id, a.display_name, a.confined_to, t.slug AS tenant, a.role, a.created_at
             FROM admin_tokens a
             LEFT JOIN tenants t ON t.tenant_id = a.confined_to
             WHERE a.token_id > $1
             ORDER BY a.token_id
             LIMIT $2",
        )
        .bind(after.map_or(Uuid::nil(), TokenUid::uuid))
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        rows.into_iter().map(Token::try_from).collect()
    }

    /// Whether there is any token.
    pub async fn has_tokens(&mut self) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar("SELECT EXISTS (SELECT FROM admin_tokens)")
            .fetch_one(&mut *self.sql)
            .await?;
        Ok(found)
    }

    /// The uid of the tenant with this slug.
    pub async fn tenant_uid(&mut self, slug: &str) -> Result<Option<TenantUid>, StoreError> {
        let found: Option<Uuid> =
            sqlx::query_scalar("SELECT tenant_id FROM tenants WHERE slug = $1 FOR KEY SHARE")
                .bind(slug)
                .fetch_optional(&mut *self.sql)
                .await?;
        Ok(found.map(TenantUid::from_uuid))
    }

    /// Stores a new token.
    pub async fn insert_token(
        &mut self,
        token: &Token,
        sha256: &[u8; 32],
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO admin_tokens (token_id, confined_to, display_name, role, sha256, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(token.uid.uuid())
        .bind(match token.reach {
            Reach::Platform => None,
            Reach::Tenant(tenant) => Some(tenant.uuid()),
        })
        .bind(&token.display_name)
        .bind(token.role.column())
        .bind(sha256.as_slice())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("admin_tokens", 1, done.rows_affected())
    }

    /// The token with this id, which nobody else removes meanwhile.
    pub async fn lock_token(&mut self, uid: TokenUid) -> Result<Option<Token>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT a.token_id, a.display_name, a.confined_to, t.slug AS tenant, a.role, a.created_at
             FROM admin_tokens a
             LEFT JOIN tenants t ON t.tenant_id = a.confined_to
             WHERE a.token_id = $1
             FOR UPDATE OF a",
        )
        .bind(uid.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        row.map(Token::try_from).transpose()
    }

    /// Removes a locked token.
    pub async fn delete_token(&mut self, uid: TokenUid) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM admin_tokens WHERE token_id = $1")
            .bind(uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        changed("admin_tokens", 1, done.rows_affected())
    }
}
