//! What the feed reads from the database, as the rows stand: nothing is checked here, so that a
//! malformed row travels on and is refused by the nodes as the one resource that it is.

use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// The change log.
mod log;

/// Which rows to read.
mod which;

pub use log::{ChangeRow, changes_after, head, latest_changes};
pub use which::Which;

/// A tenant with its origins.
#[derive(Debug, Clone, FromRow)]
pub struct TenantRow {
    /// Its uid.
    pub tenant_id: Uuid,
    /// Last segment of its name.
    pub slug: String,
    /// What people call it.
    pub display_name: String,
    /// The revision that last changed it.
    pub revision: i64,
    /// How its authorization server behaves, as proto JSON.
    pub oauth: Option<Value>,
    /// How many calls per time, as proto JSON.
    pub limits: Option<Value>,
    /// Web origins whose pages may call its URLs. Elements can be NULL for all the schema knows.
    pub allowed_origins: Vec<Option<String>>,
    /// The origin at position 0.
    pub canonical_origin: Option<String>,
    /// The other origins in their order.
    pub alias_origins: Vec<String>,
    /// How its callers prove who they are, as proto JSON.
    pub authenticators: Option<Value>,
}

/// One of a tenant's wrapped keys.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TenantKeyRow {
    /// Whose key it is.
    pub tenant_id: Uuid,
    /// Which key.
    pub key_id: Uuid,
    /// Grows with each rotation.
    pub version: i32,
    /// The key-encryption key that wraps it.
    pub kek_id: String,
    /// The wrapped bytes.
    pub wrapped: Vec<u8>,
}

/// The public half of one of the keys that a tenant's authorization server signs with.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SigningKeyRow {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Names the key.
    pub kid: String,
    /// The point's first coordinate.
    pub x: Vec<u8>,
    /// The other.
    pub y: Vec<u8>,
}

/// The sealed secret of one of a tenant's JWT issuers.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct JwtSecretRow {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Which.
    pub secret_id: Uuid,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

/// A server with its sealed credential.
#[derive(Debug, Clone, FromRow)]
pub struct ServerRow {
    /// The tenant's uid.
    pub tenant_id: Uuid,
    /// Its uid.
    pub server_id: Uuid,
    /// Last segment of its name.
    pub slug: String,
    /// The MCP endpoint.
    pub url: String,
    /// How long a call may take to its first byte.
    pub timeout_ms: Option<i64>,
    /// `none`, `bearer`, `api_key`.
    pub auth_scheme: String,
    /// The header of scheme `api_key`.
    pub auth_header: String,
    /// Grows with every change of the credential.
    pub auth_generation: i64,
    /// The origin changed after the credential was set.
    pub auth_detached: bool,
    /// How its callers prove who they are, as proto JSON.
    pub authenticators: Option<Value>,
    /// `shared`, `passthrough`, `none`.
    pub egress_mode: String,
    /// Grows with every change of what calls carry.
    pub lease_generation: i64,
    /// Tool definitions given by hand, as JSON.
    pub tool_list: Option<String>,
    /// The revision that last changed it.
    pub revision: i64,
    /// The generation in the credential's row.
    pub credential_generation: Option<i64>,
    /// The origin in the credential's row.
    pub credential_origin: Option<String>,
    /// The sealed value.
    pub credential_sealed: Option<Vec<u8>>,
}

/// The row of a server's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Which of the server's credentials.
    pub generation: i64,
    /// The only origin it may be sent to.
    pub origin: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

/// An API key with the servers it opens.
#[derive(Debug, Clone, FromRow)]
pub struct KeyRow {
    /// The tenant's uid.
    pub tenant_id: Uuid,
    /// Its uid.
    pub key_id: Uuid,
    /// Last segment of its name.
    pub slug: String,
    /// Hash of the secret.
    pub sha256: Vec<u8>,
    /// Whether it opens every server of the tenant.
    pub all_servers: bool,
    /// A disabled key is refused.
    pub disabled: bool,
    /// Unix seconds. Not a timestamp, because `infinity` is one for Postgres and none for Rust.
    pub expires_at: Option<f64>,
    /// What it may do at the servers it opens.
    pub scopes: Vec<Option<String>>,
    /// Hash of the secret before.
    pub previous_sha256: Option<Vec<u8>>,
    /// Until when that one works, in Unix seconds.
    pub previous_expires_at: Option<f64>,
    /// The revision that last changed it.
    pub revision: i64,
    /// The uids of the servers it opens.
    pub server_ids: Vec<Uuid>,
}

/// A tenant's policy.
#[derive(Debug, Clone, FromRow)]
pub struct PolicyRow {
    /// The tenant's uid.
    pub tenant_id: Uuid,
    /// What it says, as proto JSON.
    pub body: Value,
    /// The revision that last changed it.
    pub revision: i64,
}

/// A static token, without its headers.
#[derive(Debug, Clone, FromRow)]
pub struct StaticTokenRow {
    /// The tenant's uid.
    pub tenant_id: Uuid,
    /// Its uid.
    pub static_token_id: Uuid,
    /// Last segment of its name.
    pub slug: String,
    /// The uid of the server it opens.
    pub server_id: Uuid,
    /// `bearer`, `api_key`, `x_api_key`, `basic`.
    pub r#type: String,
    /// Which pepper.
    pub pepper_id: String,
    /// Keyed hash of the value.
    pub verifier: Vec<u8>,
    /// Who calls with it; empty means its own name.
    pub subject: String,
    /// The roles that it gives. Elements can be NULL for all the schema knows.
    pub roles: Vec<Option<String>>,
    /// Its header goes on to the server.
    pub passthrough: bool,
    /// A disabled token is refused.
    pub disabled: bool,
    /// Names and switches of its headers.
    pub headers: Value,
    /// When it stops working, in Unix seconds.
    pub expires_at: Option<f64>,
    /// The revision that last changed it.
    pub revision: i64,
}

/// What holds for tenants that say nothing else.
#[derive(Debug, Clone, FromRow)]
pub struct DefaultsRow {
    /// How many calls per time, as proto JSON.
    pub limits: Value,
    /// The revision that last changed it.
    pub revision: i64,
}

/// The sealed headers of a static token that is not disabled.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TokenHeadersRow {
    /// The tenant's uid.
    pub tenant_id: Uuid,
    /// The server's uid.
    pub server_id: Uuid,
    /// The token's uid.
    pub static_token_id: Uuid,
    /// Names and switches.
    pub headers: Value,
    /// The only origin they may be sent to.
    pub headers_origin: String,
    /// Which of the token's headers.
    pub headers_generation: i64,
    /// The sealed values.
    pub headers_sealed: Option<Vec<u8>>,
}

// The statements below are not kept prepared: a plan made for the parameters at hand uses the
// primary key for a few rows and reads everything in one go for all.

/// Tenants with their origins.
pub async fn tenants(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<TenantRow>, sqlx::Error> {
    let wanted = which.tenants();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT t.tenant_id, t.slug, t.display_name, t.revision, t.oauth, t.limits, t.allowed_origins, t.authenticators,
                (SELECT o.origin FROM tenant_origins o
                 WHERE o.tenant_id = t.tenant_id AND o.position = 0) AS canonical_origin,
                ARRAY(SELECT o.origin FROM tenant_origins o
                      WHERE o.tenant_id = t.tenant_id AND o.position <> 0
                      ORDER BY o.position) AS alias_origins
         FROM tenants t
         WHERE $1::uuid[] IS NULL OR t.tenant_id = ANY ($1)",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .fetch_all(sql)
    .await
}

/// Tenants' policies.
pub async fn policies(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<PolicyRow>, sqlx::Error> {
    let wanted = which.policies();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT tenant_id, body, revision
         FROM policies
         WHERE $1::uuid[] IS NULL OR tenant_id = ANY ($1)",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .fetch_all(sql)
    .await
}

/// What holds for tenants that say nothing else; nothing while it was never set.
pub async fn defaults(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Option<DefaultsRow>, sqlx::Error> {
    if which.defaults().is_nothing() {
        return Ok(None);
    }
    sqlx::query_as("SELECT limits, revision FROM defaults")
        .persistent(false)
        .fetch_optional(sql)
        .await
}

/// Wrapped tenant keys, a tenant's oldest first.
pub async fn tenant_keys(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<TenantKeyRow>, sqlx::Error> {
    let wanted = which.tenants();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT tenant_id, key_id, version, kek_id, wrapped
         FROM tenant_keys
         WHERE $1::uuid[] IS NULL OR tenant_id = ANY ($1)
         ORDER BY tenant_id, version, key_id",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .fetch_all(sql)
    .await
}

/// The public keys that tokens of tenants' authorization servers may be signed with, a tenant's newest
/// first: announced, active and retiring ones.
pub async fn signing_keys(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<SigningKeyRow>, sqlx::Error> {
    let wanted = which.tenants();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT tenant_id, kid, x, y
         FROM signing_keys
         WHERE ($1::uuid[] IS NULL OR tenant_id = ANY ($1))
           AND NOT revoked
           AND (gone_at IS NULL OR gone_at > now())
         ORDER BY tenant_id, active_at DESC, kid",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .fetch_all(sql)
    .await
}

/// The sealed secrets of tenants' JWT issuers.
pub async fn jwt_secrets(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<JwtSecretRow>, sqlx::Error> {
    let wanted = which.tenants();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT tenant_id, secret_id, sealed
         FROM jwt_secrets
         WHERE $1::uuid[] IS NULL OR tenant_id = ANY ($1)
         ORDER BY tenant_id, secret_id",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .fetch_all(sql)
    .await
}

/// Servers with their sealed credentials.
pub async fn servers(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<ServerRow>, sqlx::Error> {
    let wanted = which.servers();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT s.tenant_id, s.server_id, s.slug, s.url, s.timeout_ms, s.auth_scheme,
                s.auth_header, s.auth_generation, s.auth_detached, s.authenticators,
                s.egress_mode, s.lease_generation, s.tool_list, s.revision,
                c.generation AS credential_generation,
                c.origin AS credential_origin,
                c.sealed AS credential_sealed
         FROM servers s
         LEFT JOIN credentials c USING (tenant_id, server_id)
         WHERE $1::uuid[] IS NULL OR (s.tenant_id = ANY ($1) AND s.server_id = ANY ($2))",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .bind(wanted.resources)
    .fetch_all(sql)
    .await
}

/// API keys with the servers they open.
pub async fn keys(sql: &mut PgConnection, which: Which<'_>) -> Result<Vec<KeyRow>, sqlx::Error> {
    let wanted = which.keys();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT k.tenant_id, k.key_id, k.slug, k.sha256, k.all_servers, k.disabled, k.revision,
                date_part('epoch', k.expires_at) AS expires_at,
                k.scopes, k.previous_sha256,
                date_part('epoch', k.previous_expires_at) AS previous_expires_at,
                ARRAY(SELECT s.server_id FROM api_key_servers s
                      WHERE s.tenant_id = k.tenant_id AND s.key_id = k.key_id
                      ORDER BY s.server_id) AS server_ids
         FROM api_keys k
         WHERE $1::uuid[] IS NULL OR (k.tenant_id = ANY ($1) AND k.key_id = ANY ($2))",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .bind(wanted.resources)
    .fetch_all(sql)
    .await
}

/// What calls to the wanted servers carry with certain static tokens.
pub async fn token_headers(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<TokenHeadersRow>, sqlx::Error> {
    let wanted = which.servers();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT t.tenant_id, t.server_id, t.static_token_id, t.headers, t.headers_origin,
                t.headers_generation, t.headers_sealed
         FROM static_tokens t
         WHERE NOT t.disabled
           AND t.headers <> '[]'
           AND ($1::uuid[] IS NULL OR (t.tenant_id = ANY ($1) AND t.server_id = ANY ($2)))
         ORDER BY t.tenant_id, t.server_id, t.static_token_id",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .bind(wanted.resources)
    .fetch_all(sql)
    .await
}

/// Static tokens.
pub async fn static_tokens(
    sql: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<StaticTokenRow>, sqlx::Error> {
    let wanted = which.static_tokens();
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT t.tenant_id, t.static_token_id, t.slug, t.server_id, t.type, t.pepper_id, t.verifier,
                t.subject, t.roles, t.passthrough, t.disabled, t.headers, t.revision,
                date_part('epoch', t.expires_at) AS expires_at
         FROM static_tokens t
         WHERE $1::uuid[] IS NULL OR (t.tenant_id = ANY ($1) AND t.static_token_id = ANY ($2))",
    )
    .persistent(false)
    .bind(wanted.tenants)
    .bind(wanted.resources)
    .fetch_all(sql)
    .await
}
