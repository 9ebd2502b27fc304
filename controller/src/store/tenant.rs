//! Tenants and their origins.

use proto::id::TenantUid;
use sqlx::{Postgres, Transaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OneTenant, Platform, Sought, StoreError, Tx,
    change::{Committed, Kind, Op, Touched},
    changed,
    head::from_column,
};
use crate::vault::WrappedTenantKey;

/// A tenant as stored.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its identity.
    pub uid: TenantUid,
    /// The last segment of its name.
    pub slug: String,
    /// What people call it.
    pub display_name: String,
    /// Its origins, the canonical one first.
    pub origins: Vec<String>,
    /// Web origins, besides its own, whose pages may call it.
    pub allowed_origins: Vec<String>,
    /// The revision that last changed it.
    pub revision: u64,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// Why origins could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum OriginsError {
    /// Another tenant has the origin at this position.
    #[error("another tenant has the origin at position {0}")]
    Taken(usize),
    /// Any other failure.
    #[error("the origins could not be stored")]
    Store(#[source] StoreError),
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    slug: String,
    display_name: String,
    origins: Vec<String>,
    allowed_origins: Vec<String>,
    revision: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Entered {
    #[sqlx(flatten)]
    tenant: Row,
    oauth: Option<serde_json::Value>,
}

impl From<Row> for Tenant {
    fn from(row: Row) -> Self {
        Self {
            uid: TenantUid::from_uuid(row.tenant_id),
            slug: row.slug,
            display_name: row.display_name,
            origins: row.origins,
            allowed_origins: row.allowed_origins,
            revision: from_column(row.revision),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Tenant {
    /// Where its MCP URLs live.
    pub fn canonical_origin(&self) -> &str {
        self.origins.first().map_or("", String::as_str)
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("tenants/{}", self.slug)
    }

    /// The tenant as it reads after a commit that touched it.
    pub fn after(mut self, committed: Committed) -> Self {
        self.revision = committed.revision;
        self.updated_at = committed.time;
        self
    }

    fn touched(&self, op: Op) -> Touched {
        Touched {
            kind: Kind::Tenant,
            tenant: self.uid,
            id: self.uid.uuid(),
            op,
            name: self.name(),
        }
    }
}

impl Tx<Platform> {
    /// A page of all tenants, in the order of their slugs, that come after this one.
    pub async fn tenants(&mut self, after: &str, limit: i64) -> Result<Vec<Tenant>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT t.tenant_id,
                    t.slug,
                    t.display_name,
                    ARRAY(
                        SELECT o.origin
                        FROM tenant_origins o
                        WHERE o.tenant_id = t.tenant_id
                        ORDER BY o.position
                    ) AS origins,
                    t.allowed_origins,
                    t.revision,
                    t.created_at,
                    t.updated_at
             FROM tenants t
             WHERE t.slug > $1 COLLATE \"C\"
             ORDER BY t.slug COLLATE \"C\"
             LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(Tenant::from).collect())
    }

    /// Stores a new tenant with its first key.
    pub async fn insert_tenant(
        &mut self,
        tenant: &Tenant,
        key: &WrappedTenantKey,
    ) -> Result<(), OriginsError> {
        let done = sqlx::query(
            "INSERT INTO tenants (
                 tenant_id, slug, display_name, allowed_origins, created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(tenant.uid.uuid())
        .bind(&tenant.slug)
        .bind(&tenant.display_name)
        .bind(&tenant.allowed_origins)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await
        .map_err(|error| OriginsError::Store(error.into()))?;
        changed("tenants", 1, done.rows_affected()).map_err(OriginsError::Store)?;
        self.insert_origins(tenant).await?;
        self.insert_tenant_key(key)
            .await
            .map_err(OriginsError::Store)?;
        self.touch(tenant.touched(Op::Upsert));
        Ok(())
    }
}

impl Tx<OneTenant> {
    /// Reads the tenant again and keeps others from changing or removing it meanwhile.
    pub async fn lock_tenant(&mut self) -> Result<Option<Tenant>, StoreError> {
        let uid = self.scope.tenant.uid.uuid();
        let locked = sqlx::query("SELECT FROM tenants WHERE tenant_id = $1 FOR UPDATE")
            .bind(uid)
            .fetch_optional(&mut *self.sql)
            .await?;
        if locked.is_none() {
            return Ok(None);
        }
        let again = enter(&mut self.sql, Sought::Uid(self.scope.tenant.uid)).await?;
        let Some(again) = again else { return Ok(None) };
        self.scope = again;
        Ok(Some(self.scope.tenant.clone()))
    }

    pub(super) fn touch_tenant(&mut self, op: Op) {
        let touched = self.scope.tenant.touched(op);
        self.touch(touched);
    }

    /// Stores a locked tenant's new values.
    pub async fn update_tenant(&mut self, tenant: &Tenant) -> Result<(), OriginsError> {
        let done = sqlx::query(
            "UPDATE tenants
             SET display_name = $2,
                 allowed_origins = $3
             WHERE tenant_id = $1",
        )
        .bind(tenant.uid.uuid())
        .bind(&tenant.display_name)
        .bind(&tenant.allowed_origins)
        .execute(&mut *self.sql)
        .await
        .map_err(|error| OriginsError::Store(error.into()))?;
        changed("tenants", 1, done.rows_affected()).map_err(OriginsError::Store)?;
        sqlx::query("DELETE FROM tenant_origins WHERE tenant_id = $1")
            .bind(tenant.uid.uuid())
            .execute(&mut *self.sql)
            .await
            .map_err(|error| OriginsError::Store(error.into()))?;
        self.insert_origins(tenant).await?;
        self.touch(tenant.touched(Op::Upsert));
        Ok(())
    }

    /// Notes that something of the tenant itself has changed.
    pub(super) fn touch_own_tenant(&mut self) {
        let touched = self.scope.tenant.touched(Op::Upsert);
        self.touch(touched);
    }

    /// Removes a locked tenant with all it owns.
    pub async fn delete_tenant(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        self.delete_policy().await?;
        for (kind, collection, statement) in OWNED {
            let rows: Vec<(Uuid, String)> = sqlx::query_as(statement)
                .bind(tenant.uid.uuid())
                .fetch_all(&mut *self.sql)
                .await?;
            for (id, slug) in rows {
                self.touch(Touched {
                    kind,
                    tenant: tenant.uid,
                    id,
                    op: Op::Delete,
                    name: format!("{}/{collection}/{slug}", tenant.name()),
                });
            }
        }
        let done = sqlx::query("DELETE FROM tenants WHERE tenant_id = $1")
            .bind(tenant.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        changed("tenants", 1, done.rows_affected())?;
        self.touch(tenant.touched(Op::Delete));
        Ok(())
    }
}

impl<S> Tx<S> {
    /// One by one, so that the one that is taken can be named.
    async fn insert_origins(&mut self, tenant: &Tenant) -> Result<(), OriginsError> {
        for (position, origin) in tenant.origins.iter().enumerate() {
            let done = sqlx::query(
                "INSERT INTO tenant_origins (tenant_id, position, origin, created_at)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(tenant.uid.uuid())
            .bind(i32::try_from(position).expect("at most 17 origins"))
            .bind(origin)
            .bind(self.time)
            .execute(&mut *self.sql)
            .await
            .map_err(|error| match StoreError::from(error) {
                StoreError::Duplicate { .. } => OriginsError::Taken(position),
                other => OriginsError::Store(other),
            })?;
            changed("tenant_origins", 1, done.rows_affected()).map_err(OriginsError::Store)?;
        }
        Ok(())
    }
}

/// Finds a tenant that the transaction's scope shows, and narrows that scope to it in the same
/// statement: what is asked of every request is asked in one round trip.
pub(super) async fn enter(
    sql: &mut Transaction<'static, Postgres>,
    sought: Sought<'_>,
) -> Result<Option<OneTenant>, sqlx::Error> {
    let (slug, origin, uid) = match sought {
        Sought::Slug(slug) => (Some(slug.as_str()), None, None),
        Sought::Origin(origin) => (None, Some(origin), None),
        Sought::Uid(uid) => (None, None, Some(uid.uuid())),
    };
    // The row is whole before anything reads the columns that narrow the scope.
    let row: Option<Entered> = sqlx::query_as(
        "WITH found AS MATERIALIZED (
             SELECT t.tenant_id,
                    t.slug,
                    t.display_name,
                    ARRAY(
                        SELECT o.origin
                        FROM tenant_origins o
                        WHERE o.tenant_id = t.tenant_id
                        ORDER BY o.position
                    ) AS origins,
                    t.allowed_origins,
                    t.revision,
                    t.created_at,
                    t.updated_at,
                    t.oauth
             FROM tenants t
             WHERE t.tenant_id = COALESCE(
                 $3,
                 (SELECT tenant_id FROM tenants WHERE slug = $1),
                 (SELECT tenant_id FROM tenant_origins WHERE origin = $2)
             )
         )
         SELECT found.*,
                set_config('aldgate.tenant', found.tenant_id::text, true),
                set_config('aldgate.platform', '', true)
         FROM found",
    )
    .bind(slug)
    .bind(origin)
    .bind(uid)
    .fetch_optional(&mut **sql)
    .await?;
    Ok(row.map(|row| OneTenant {
        tenant: row.tenant.into(),
        oauth: row.oauth,
    }))
}

/// What goes with a tenant and is known to gateways. The locked tenant row keeps others from adding.
const OWNED: [(Kind, &str, &str); 3] = [
    (
        Kind::StaticToken,
        "staticTokens",
        "SELECT static_token_id, slug FROM static_tokens WHERE tenant_id = $1 ORDER BY static_token_id",
    ),
    (
        Kind::Key,
        "keys",
        "SELECT key_id, slug FROM api_keys WHERE tenant_id = $1 ORDER BY key_id",
    ),
    (
        Kind::Server,
        "servers",
        "SELECT server_id, slug FROM servers WHERE tenant_id = $1 ORDER BY server_id",
    ),
];
