//! Identity providers: where a tenant's users sign in. Our secret there is sealed.

use proto::{id::IdentityProviderUid, name::Slug};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OneTenant, StoreError, Tx, changed,
    head::{from_column, to_column},
};

/// An identity provider as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its identity.
    pub uid: IdentityProviderUid,
    /// The last segment of its name.
    pub slug: String,
    /// What its button says.
    pub display_name: String,
    /// Its issuer; never changes.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// Our secret there, sealed; `None` for a public client.
    pub secret_sealed: Option<Vec<u8>>,
    /// What is asked for besides `openid`; empty means the defaults.
    pub scopes: Vec<String>,
    /// The claim that lists groups; empty means none.
    pub groups_claim: String,
    /// What groups give.
    pub group_roles: Vec<GroupRoles>,
    /// The claim that becomes the login of new users; empty means a verified e-mail address, else the
    /// subject.
    pub login_claim: String,
    /// Whether who is not known becomes a user.
    pub create_users: bool,
    /// Domains of which users must have a verified e-mail address; empty means no such condition.
    pub email_domains: Vec<String>,
    /// Whether nobody signs in there.
    pub disabled: bool,
    /// Grows with every change.
    pub etag: u64,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What a group gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRoles {
    /// As the claim names it.
    pub group: String,
    /// Its roles.
    pub roles: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    identity_provider_id: Uuid,
    slug: String,
    display_name: String,
    issuer: String,
    client_id: String,
    secret_sealed: Option<Vec<u8>>,
    scopes: Vec<String>,
    groups_claim: String,
    group_roles: Value,
    login_claim: String,
    create_users: bool,
    email_domains: Vec<String>,
    disabled: bool,
    etag: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for IdentityProvider {
    fn from(row: Row) -> Self {
        Self {
            uid: IdentityProviderUid::from_uuid(row.identity_provider_id),
            slug: row.slug,
            display_name: row.display_name,
            issuer: row.issuer,
            client_id: row.client_id,
            secret_sealed: row.secret_sealed,
            scopes: row.scopes,
            groups_claim: row.groups_claim,
            // What is not understood gives nothing.
            group_roles: serde_json::from_value(row.group_roles).unwrap_or_default(),
            login_claim: row.login_claim,
            create_users: row.create_users,
            email_domains: row.email_domains,
            disabled: row.disabled,
            etag: from_column(row.etag),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Tx<OneTenant> {
    /// The identity provider with this slug.
    pub async fn identity_provider(
        &mut self,
        slug: &Slug,
    ) -> Result<Option<IdentityProvider>, StoreError> {
        let row: Option<Row> =
            sqlx::query_as("SELECT * FROM identity_providers WHERE tenant_id = $1 AND slug = $2")
                .bind(self.scope.tenant.uid.uuid())
                .bind(slug.as_str())
                .fetch_optional(&mut *self.sql)
                .await?;
        Ok(row.map(IdentityProvider::from))
    }

    /// The identity provider with this slug, which nobody else changes or removes meanwhile.
    pub async fn lock_identity_provider(
        &mut self,
        slug: &Slug,
    ) -> Result<Option<IdentityProvider>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT * FROM identity_providers WHERE tenant_id = $1 AND slug = $2 FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(IdentityProvider::from))
    }

    /// The identity provider as it is set, which nobody changes or removes until this transaction ends.
    pub async fn share_identity_provider(
        &mut self,
        provider: IdentityProviderUid,
    ) -> Result<Option<IdentityProvider>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT * FROM identity_providers
             WHERE tenant_id = $1 AND identity_provider_id = $2 FOR SHARE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(IdentityProvider::from))
    }

    /// A page of the tenant's identity providers, in the order of their slugs, that come after this
    /// one.
    pub async fn identity_providers(
        &mut self,
        after: &str,
        limit: i64,
    ) -> Result<Vec<IdentityProvider>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM identity_providers
             WHERE tenant_id = $1 AND slug > $2 COLLATE \"C\"
             ORDER BY slug COLLATE \"C\"
             LIMIT $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(IdentityProvider::from).collect())
    }

    /// The last name segments of the providers that are offered, and what their buttons say.
    pub async fn offered_identity_providers(
        &mut self,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let offered = sqlx::query_as(
            "SELECT slug, CASE display_name WHEN '' THEN slug ELSE display_name END
             FROM identity_providers
             WHERE tenant_id = $1 AND NOT disabled
             ORDER BY slug COLLATE \"C\"",
        )
        .bind(self.scope.tenant.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(offered)
    }

    /// Stores a new identity provider.
    pub async fn insert_identity_provider(
        &mut self,
        provider: &IdentityProvider,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO identity_providers (
                 tenant_id, identity_provider_id, slug, display_name, issuer, client_id,
                 secret_sealed, scopes, groups_claim, group_roles, login_claim, create_users,
                 email_domains, disabled, created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uid.uuid())
        .bind(&provider.slug)
        .bind(&provider.display_name)
        .bind(&provider.issuer)
        .bind(&provider.client_id)
        .bind(&provider.secret_sealed)
        .bind(&provider.scopes)
        .bind(&provider.groups_claim)
        .bind(sqlx::types::Json(&provider.group_roles))
        .bind(&provider.login_claim)
        .bind(provider.create_users)
        .bind(&provider.email_domains)
        .bind(provider.disabled)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("identity_providers", 1, done.rows_affected())
    }

    /// Stores a locked identity provider's new values under their etag, which is the caller's to set,
    /// as is the time of the change.
    pub async fn update_identity_provider(
        &mut self,
        provider: &IdentityProvider,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE identity_providers
             SET display_name = $3, client_id = $4, secret_sealed = $5, scopes = $6,
                 groups_claim = $7, group_roles = $8, login_claim = $9, create_users = $10,
                 email_domains = $11, disabled = $12, etag = $13, updated_at = $14
             WHERE tenant_id = $1 AND identity_provider_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uid.uuid())
        .bind(&provider.display_name)
        .bind(&provider.client_id)
        .bind(&provider.secret_sealed)
        .bind(&provider.scopes)
        .bind(&provider.groups_claim)
        .bind(sqlx::types::Json(&provider.group_roles))
        .bind(&provider.login_claim)
        .bind(provider.create_users)
        .bind(&provider.email_domains)
        .bind(provider.disabled)
        .bind(to_column(provider.etag))
        .bind(provider.updated_at)
        .execute(&mut *self.sql)
        .await?;
        changed("identity_providers", 1, done.rows_affected())
    }

    /// Removes a locked identity provider; who it knows stays a user.
    pub async fn delete_identity_provider(
        &mut self,
        provider: IdentityProviderUid,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "DELETE FROM identity_providers WHERE tenant_id = $1 AND identity_provider_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uuid())
        .execute(&mut *self.sql)
        .await?;
        changed("identity_providers", 1, done.rows_affected())
    }
}
