//! Registered MCP servers, with what is known of their credentials.

use std::time::Duration;

use proto::{access::v1::Authenticators, id::ServerUid, name::Slug};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OneTenant, StoreError, Tx,
    change::{Committed, Kind, Op, Touched},
    changed, document,
    head::{from_column, to_column},
};
use crate::vault::AuthScheme;

/// A server as stored.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its identity.
    pub uid: ServerUid,
    /// The last segment of its name.
    pub slug: String,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// The MCP endpoint.
    pub url: String,
    /// Where that is: scheme, host and port as [`egress::Origin`] displays them.
    pub origin: String,
    /// How long a `tools/call` may take to its first byte; `None` means the default.
    pub timeout: Option<Duration>,
    /// MCP tool definitions given by hand, as JSON.
    pub tool_list: Option<String>,
    /// What is known of its credential.
    pub auth: Auth,
    /// How callers prove who they are; `None` means as the tenant says.
    pub authenticators: Option<Authenticators>,
    /// Which credential calls carry.
    pub egress: EgressMode,
    /// Grows by one with every change of what calls carry, and never goes back.
    pub lease_generation: u64,
    /// The revision that last changed it.
    pub revision: u64,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What is known of a server's credential; its value is elsewhere, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// How it is presented. `None` for a row that holds what we never write: it must not hide the
    /// tenant's other servers.
    pub scheme: Option<AuthScheme>,
    /// The header that carries it.
    pub header: String,
    /// Grows by one each time it is set, removed or detached, and never goes back.
    pub generation: u64,
    /// Whether the server's origin changed after it was set.
    pub detached: bool,
    /// Tells two values apart.
    pub fingerprint: String,
    /// When it was last set, removed or detached.
    pub updated_at: Option<OffsetDateTime>,
}

/// Which credential calls to a server carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressMode {
    /// The stored one.
    Shared,
    /// The caller's own, where that may be forwarded.
    Passthrough,
    /// None.
    None,
}

impl EgressMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Passthrough => "passthrough",
            Self::None => "none",
        }
    }

    /// The mode of a row. The database keeps others out.
    fn of_column(text: &str) -> Self {
        match text {
            "shared" => Self::Shared,
            "passthrough" => Self::Passthrough,
            _ => Self::None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    server_id: Uuid,
    slug: String,
    display_name: String,
    description: String,
    url: String,
    origin: String,
    timeout_ms: Option<i64>,
    tool_list: Option<String>,
    auth_scheme: String,
    auth_header: String,
    auth_generation: i64,
    auth_detached: bool,
    auth_fingerprint: String,
    auth_updated_at: Option<OffsetDateTime>,
    authenticators: Option<Value>,
    egress_mode: String,
    lease_generation: i64,
    revision: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for Server {
    fn from(row: Row) -> Self {
        Self {
            uid: ServerUid::from_uuid(row.server_id),
            slug: row.slug,
            display_name: row.display_name,
            description: row.description,
            url: row.url,
            origin: row.origin,
            timeout: row
                .timeout_ms
                .map(|millis| Duration::from_millis(from_column(millis))),
            tool_list: row.tool_list,
            auth: Auth {
                scheme: row.auth_scheme.parse().ok(),
                header: row.auth_header,
                generation: from_column(row.auth_generation),
                detached: row.auth_detached,
                fingerprint: row.auth_fingerprint,
                updated_at: row.auth_updated_at,
            },
            authenticators: document::authenticators(row.authenticators),
            egress: EgressMode::of_column(&row.egress_mode),
            lease_generation: from_column(row.lease_generation),
            revision: from_column(row.revision),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Auth {
    /// No credential, and none before.
    pub fn none() -> Self {
        Self {
            scheme: Some(AuthScheme::None),
            header: String::new(),
            generation: 0,
            detached: false,
            fingerprint: String::new(),
            updated_at: None,
        }
    }
}

impl Server {
    /// The server as it reads after a commit that touched it.
    pub fn after(mut self, committed: Committed) -> Self {
        self.revision = committed.revision;
        self.updated_at = committed.time;
        self
    }
}

impl Tx<OneTenant> {
    /// The server with this slug.
    pub async fn server(&mut self, slug: &Slug) -> Result<Option<Server>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT server_id, slug, display_name, description, url, origin, timeout_ms,
                    tool_list, auth_scheme, auth_header, auth_generation, auth_detached, auth_fingerprint,
                    auth_updated_at, authenticators, egress_mode, lease_generation, revision,
                    created_at, updated_at
             FROM servers
             WHERE tenant_id = $1 AND slug = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Server::from))
    }

    /// The server with this slug, which nobody else changes or removes meanwhile.
    pub async fn lock_server(&mut self, slug: &Slug) -> Result<Option<Server>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT server_id, slug, display_name, description, url, origin, timeout_ms,
                    tool_list, auth_scheme, auth_header, auth_generation, auth_detached, auth_fingerprint,
                    auth_updated_at, authenticators, egress_mode, lease_generation, revision,
                    created_at, updated_at
             FROM servers
             WHERE tenant_id = $1 AND slug = $2
             FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Server::from))
    }

    /// A page of the tenant's servers, in the order of their slugs, that come after this one. It
    /// ends with the row that makes it larger than `bytes`, so that no list fills the memory.
    pub async fn servers(
        &mut self,
        after: &str,
        limit: i64,
        bytes: usize,
    ) -> Result<Vec<Server>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT server_id, slug, display_name, description, url, origin, timeout_ms,
                    tool_list, auth_scheme, auth_header, auth_generation, auth_detached, auth_fingerprint,
                    auth_updated_at, authenticators, egress_mode, lease_generation, revision,
                    created_at, updated_at
             FROM (
                 SELECT page.*,
                        sum(
                            coalesce(octet_length(tool_list), 0)
                            + coalesce(octet_length(authenticators::text), 0)
                        ) OVER (
                            ORDER BY slug COLLATE \"C\"
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                        ) AS bytes_before
                 FROM (
                     SELECT *
                     FROM servers
                     WHERE tenant_id = $1 AND slug > $2 COLLATE \"C\"
                     ORDER BY slug COLLATE \"C\"
                     LIMIT $3
                 ) page
             ) weighed
             WHERE coalesce(bytes_before, 0) <= $4
             ORDER BY slug COLLATE \"C\"",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(after)
        .bind(limit)
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(Server::from).collect())
    }

    /// Stores a new server.
    pub async fn insert_server(&mut self, server: &Server) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO servers (
                 tenant_id, server_id, slug, display_name, description, url, origin, timeout_ms, tool_list,
                 auth_scheme, auth_header, auth_generation, auth_detached, auth_fingerprint,
                 auth_updated_at, authenticators, egress_mode, lease_generation, created_at,
                 updated_at
             ) VALUES (
                 $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                 $19
             )",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(server.uid.uuid())
        .bind(&server.slug)
        .bind(&server.display_name)
        .bind(&server.description)
        .bind(&server.url)
        .bind(&server.origin)
        .bind(timeout_column(server))
        .bind(&server.tool_list)
        .bind(scheme_column(server)?)
        .bind(&server.auth.header)
        .bind(to_column(server.auth.generation))
        .bind(server.auth.detached)
        .bind(&server.auth.fingerprint)
        .bind(server.auth.updated_at)
        .bind(server.authenticators.as_ref().map(document::to_json))
        .bind(server.egress.as_str())
        .bind(to_column(server.lease_generation))
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("servers", 1, done.rows_affected())?;
        self.touch_server(server, Op::Upsert);
        Ok(())
    }

    /// Stores a locked server's new values, but not its authenticators: see
    /// [`Self::set_server_authenticators`]. Generations cannot go back.
    pub async fn update_server(&mut self, server: &Server) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE servers
             SET display_name = $3,
                 description = $4,
                 url = $5,
                 origin = $6,
                 timeout_ms = $7,
                 tool_list = $8,
                 auth_scheme = $9,
                 auth_header = $10,
                 auth_generation = $11,
                 auth_detached = $12,
                 auth_fingerprint = $13,
                 auth_updated_at = $14,
                 egress_mode = $15,
                 lease_generation = $16
             WHERE tenant_id = $1 AND server_id = $2
               AND auth_generation <= $11 AND lease_generation <= $16",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(server.uid.uuid())
        .bind(&server.display_name)
        .bind(&server.description)
        .bind(&server.url)
        .bind(&server.origin)
        .bind(timeout_column(server))
        .bind(&server.tool_list)
        .bind(scheme_column(server)?)
        .bind(&server.auth.header)
        .bind(to_column(server.auth.generation))
        .bind(server.auth.detached)
        .bind(&server.auth.fingerprint)
        .bind(server.auth.updated_at)
        .bind(server.egress.as_str())
        .bind(to_column(server.lease_generation))
        .execute(&mut *self.sql)
        .await?;
        changed("servers", 1, done.rows_affected())?;
        self.touch_server(server, Op::Upsert);
        Ok(())
    }

    /// Stores a locked server's authenticators.
    pub async fn set_server_authenticators(&mut self, server: &Server) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE servers SET authenticators = $3 WHERE tenant_id = $1 AND server_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(server.uid.uuid())
        .bind(server.authenticators.as_ref().map(document::to_json))
        .execute(&mut *self.sql)
        .await?;
        changed("servers", 1, done.rows_affected())?;
        self.touch_server(server, Op::Upsert);
        Ok(())
    }

    /// Removes a locked server with its credential and its static tokens, also from the keys that
    /// open it. Its primary key goes with it, unless that opens other servers by now.
    pub async fn delete_server(&mut self, server: &Server) -> Result<(), StoreError> {
        self.leave_keys(server).await?;
        self.delete_tokens_of(server).await?;
        let done = sqlx::query("DELETE FROM servers WHERE tenant_id = $1 AND server_id = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(server.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        changed("servers", 1, done.rows_affected())?;
        self.touch_server(server, Op::Delete);
        Ok(())
    }

    /// Which of these servers exist, each with its slug. They cannot be removed until this
    /// transaction ends.
    pub async fn hold_servers(
        &mut self,
        slugs: &[Slug],
    ) -> Result<Vec<(ServerUid, String)>, StoreError> {
        let slugs: Vec<&str> = slugs.iter().map(Slug::as_str).collect();
        let rows: Vec<(Uuid, String)> = sqlx::query_as(
            "SELECT server_id, slug
             FROM servers
             WHERE tenant_id = $1 AND slug = ANY ($2)
             ORDER BY server_id
             FOR KEY SHARE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(&slugs)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(id, slug)| (ServerUid::from_uuid(id), slug))
            .collect())
    }

    pub(super) fn touch_server(&mut self, server: &Server, op: Op) {
        let tenant = &self.scope.tenant;
        self.touch(Touched {
            kind: Kind::Server,
            tenant: tenant.uid,
            id: server.uid.uuid(),
            op,
            name: format!("{}/servers/{}", tenant.name(), server.slug),
        });
    }
}

fn timeout_column(server: &Server) -> Option<i64> {
    server
        .timeout
        .map(|timeout| i64::try_from(timeout.as_millis()).expect("at most an hour"))
}

fn scheme_column(server: &Server) -> Result<&'static str, StoreError> {
    let scheme = server.auth.scheme.ok_or(StoreError::Inconsistent {
        table: "servers",
        column: "auth_scheme",
        row: server.uid.uuid(),
    })?;
    Ok(scheme.as_str())
}
