//! Static tokens: the keyed hash of each value, the server it opens, and the headers that calls with
//! it carry, whose values are sealed. No method returns a hash.

use proto::{
    id::{ServerUid, StaticTokenUid},
    name::Slug,
};
use serde_json::Value;
use time::OffsetDateTime;
use token::fixed::TokenType;
use uuid::Uuid;

pub use self::header::{Headers, Name};
use super::{
    OneTenant, StoreError, Tx,
    change::{Committed, Kind, Op, Touched},
    changed,
    head::{from_column, to_column},
    server::Server,
};

/// The headers that calls carry.
mod header;

/// A static token as stored, without its hash and the values of its headers.
#[derive(Debug, Clone)]
pub struct StaticToken {
    /// Its identity.
    pub uid: StaticTokenUid,
    /// The last segment of its name.
    pub slug: String,
    /// The server that it opens.
    pub server: ServerUid,
    /// That server's slug.
    pub server_slug: String,
    /// Where that server is.
    pub server_origin: String,
    /// What people call it.
    pub display_name: String,
    /// The header it comes in. `None` for a row that holds what we never write.
    pub kind: Option<TokenType>,
    /// Who calls with it; empty means the token's own name.
    pub subject: String,
    /// The roles that it gives.
    pub roles: Vec<String>,
    /// Whether its header goes on to the server.
    pub passthrough: bool,
    /// Whether it is refused for now.
    pub disabled: bool,
    /// The headers that calls with it carry.
    pub headers: Headers,
    /// When it stops working.
    pub expires_at: Option<OffsetDateTime>,
    /// The revision that last changed it.
    pub revision: u64,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What a value is recognised by.
pub struct Verifier {
    /// Under which pepper.
    pub pepper_id: String,
    /// The keyed hash.
    pub hash: [u8; 32],
}

#[derive(sqlx::FromRow)]
struct Row {
    static_token_id: Uuid,
    slug: String,
    server_id: Uuid,
    server_slug: String,
    server_origin: String,
    display_name: String,
    r#type: String,
    subject: String,
    roles: Vec<String>,
    passthrough: bool,
    disabled: bool,
    headers: Value,
    headers_origin: String,
    headers_generation: i64,
    expires_at: Option<OffsetDateTime>,
    revision: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for StaticToken {
    fn from(row: Row) -> Self {
        Self {
            uid: StaticTokenUid::from_uuid(row.static_token_id),
            slug: row.slug,
            server: ServerUid::from_uuid(row.server_id),
            server_slug: row.server_slug,
            server_origin: row.server_origin,
            display_name: row.display_name,
            kind: of_column(&row.r#type),
            subject: row.subject,
            roles: row.roles,
            passthrough: row.passthrough,
            disabled: row.disabled,
            headers: Headers {
                // A row that holds what we never write must not hide the tenant's others.
                names: serde_json::from_value(row.headers).unwrap_or_default(),
                origin: row.headers_origin,
                generation: from_column(row.headers_generation),
            },
            expires_at: row.expires_at,
            revision: from_column(row.revision),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl StaticToken {
    /// The token as it reads after a commit that touched it.
    pub fn after(mut self, committed: Committed) -> Self {
        self.revision = committed.revision;
        self.updated_at = committed.time;
        self
    }

    /// Whether its server moved after its headers were set.
    pub fn is_detached(&self) -> bool {
        !self.headers.names.is_empty() && self.headers.origin != self.server_origin
    }

    /// Whether calls with it carry headers, as soon as it is accepted.
    pub fn carries_headers(&self) -> bool {
        !self.disabled && self.headers.names.iter().any(|name| name.passthrough)
    }
}

impl Tx<OneTenant> {
    /// The static token with this slug.
    pub async fn static_token(&mut self, slug: &Slug) -> Result<Option<StaticToken>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT t.static_token_id, t.slug, t.server_id, s.slug AS server_slug,
                    s.origin AS server_origin, t.display_name, t.type, t.subject, t.roles,
                    t.passthrough, t.disabled, t.headers, t.headers_origin, t.headers_generation,
                    t.expires_at, t.revision, t.created_at, t.updated_at
             FROM static_tokens t
             JOIN servers s USING (tenant_id, server_id)
             WHERE t.tenant_id = $1 AND t.slug = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(StaticToken::from))
    }

    /// The static token with this slug and its server, which nobody else changes or removes
    /// meanwhile. The server is locked first, as everywhere.
    pub async fn lock_static_token(
        &mut self,
        slug: &Slug,
    ) -> Result<Option<(StaticToken, Server)>, StoreError> {
        let Some(token) = self.static_token(slug).await? else {
            return Ok(None);
        };
        let server: Option<Slug> = token.server_slug.parse().ok();
        let Some(server) = server else {
            return Ok(None);
        };
        let Some(server) = self.lock_server(&server).await? else {
            return Ok(None);
        };
        let locked = sqlx::query(
            "SELECT FROM static_tokens
             WHERE tenant_id = $1 AND slug = $2 AND server_id = $3 FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .bind(server.uid.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        if locked.is_none() {
            return Ok(None);
        }
        let token = self.static_token(slug).await?;
        Ok(token.map(|token| (token, server)))
    }

    /// A page of the tenant's static tokens, in the order of their slugs, that come after this one.
    pub async fn static_tokens(
        &mut self,
        after: &str,
        limit: i64,
    ) -> Result<Vec<StaticToken>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT t.static_token_id, t.slug, t.server_id, s.slug AS server_slug,
                    s.origin AS server_origin, t.display_name, t.type, t.subject, t.roles,
                    t.passthrough, t.disabled, t.headers, t.headers_origin, t.headers_generation,
                    t.expires_at, t.revision, t.created_at, t.updated_at
             FROM static_tokens t
             JOIN servers s USING (tenant_id, server_id)
             WHERE t.tenant_id = $1 AND t.slug > $2 COLLATE \"C\"
             ORDER BY t.slug COLLATE \"C\"
             LIMIT $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(StaticToken::from).collect())
    }

    /// Stores a new static token; its headers are put apart.
    pub async fn insert_static_token(
        &mut self,
        token: &StaticToken,
        verifier: &Verifier,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO static_tokens (
                 tenant_id, static_token_id, server_id, slug, display_name, type, pepper_id, verifier,
                 subject, roles, passthrough, disabled, expires_at, created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(token.uid.uuid())
        .bind(token.server.uuid())
        .bind(&token.slug)
        .bind(&token.display_name)
        .bind(token.kind.map(column))
        .bind(&verifier.pepper_id)
        .bind(verifier.hash.as_slice())
        .bind(&token.subject)
        .bind(&token.roles)
        .bind(token.passthrough)
        .bind(token.disabled)
        .bind(token.expires_at)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("static_tokens", 1, done.rows_affected())?;
        self.touch_static_token(token.uid.uuid(), &token.slug, Op::Upsert);
        Ok(())
    }

    /// Stores a locked static token's new values, but not its headers.
    pub async fn update_static_token(&mut self, token: &StaticToken) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE static_tokens
             SET display_name = $3,
                 subject = $4,
                 roles = $5,
                 passthrough = $6,
                 disabled = $7
             WHERE tenant_id = $1 AND static_token_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(token.uid.uuid())
        .bind(&token.display_name)
        .bind(&token.subject)
        .bind(&token.roles)
        .bind(token.passthrough)
        .bind(token.disabled)
        .execute(&mut *self.sql)
        .await?;
        changed("static_tokens", 1, done.rows_affected())?;
        self.touch_static_token(token.uid.uuid(), &token.slug, Op::Upsert);
        Ok(())
    }

    /// Removes a locked static token.
    pub async fn delete_static_token(&mut self, token: &StaticToken) -> Result<(), StoreError> {
        let done =
            sqlx::query("DELETE FROM static_tokens WHERE tenant_id = $1 AND static_token_id = $2")
                .bind(self.scope.tenant.uid.uuid())
                .bind(token.uid.uuid())
                .execute(&mut *self.sql)
                .await?;
        changed("static_tokens", 1, done.rows_affected())?;
        self.touch_static_token(token.uid.uuid(), &token.slug, Op::Delete);
        Ok(())
    }

    /// Removes the static tokens of a locked server.
    pub(super) async fn delete_tokens_of(&mut self, server: &Server) -> Result<(), StoreError> {
        let gone: Vec<(Uuid, String)> = sqlx::query_as(
            "DELETE FROM static_tokens
             WHERE tenant_id = $1 AND server_id = $2
             RETURNING static_token_id, slug",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(server.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        for (id, slug) in gone {
            self.touch_static_token(id, &slug, Op::Delete);
        }
        Ok(())
    }

    /// Switches pass-through off for all static tokens of a locked server.
    pub async fn stop_passing_tokens_on(&mut self, server: &Server) -> Result<(), StoreError> {
        let changed: Vec<(Uuid, String)> = sqlx::query_as(
            "UPDATE static_tokens SET passthrough = false
             WHERE tenant_id = $1 AND server_id = $2 AND passthrough
             RETURNING static_token_id, slug",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(server.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        for (id, slug) in changed {
            self.touch_static_token(id, &slug, Op::Upsert);
        }
        Ok(())
    }

    fn touch_static_token(&mut self, id: Uuid, slug: &str, op: Op) {
        let tenant = &self.scope.tenant;
        self.touch(Touched {
            kind: Kind::StaticToken,
            tenant: tenant.uid,
            id,
            op,
            name: format!("{}/staticTokens/{slug}", tenant.name()),
        });
    }
}

fn column(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Bearer => "bearer",
        TokenType::ApiKey => "api_key",
        TokenType::XApiKey => "x_api_key",
        TokenType::Basic => "basic",
    }
}

fn of_column(text: &str) -> Option<TokenType> {
    use TokenType::{ApiKey, Basic, Bearer, XApiKey};
    let mut kinds = [Bearer, ApiKey, XApiKey, Basic].into_iter();
    kinds.find(|&kind| column(kind) == text)
}
