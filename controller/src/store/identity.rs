//! Who is who at an identity provider: linked by issuer and subject, and what the provider's groups
//! gave at the last sign-in.

use proto::id::{IdentityProviderUid, UserUid};
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed, identity_provider::GroupRoles};

/// A user at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider that last vouched for them.
    pub provider: IdentityProviderUid,
    /// Its issuer.
    pub issuer: String,
    /// The subject there.
    pub subject: String,
    /// Who that is here.
    pub user: UserUid,
    /// The roles that the provider's groups give.
    pub roles: Vec<String>,
    /// The provider's groups.
    pub groups: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    identity_provider_id: Uuid,
    issuer: String,
    subject: String,
    user_id: Uuid,
    roles: Vec<String>,
    groups: Vec<String>,
}

impl From<Row> for Identity {
    fn from(row: Row) -> Self {
        Self {
            provider: IdentityProviderUid::from_uuid(row.identity_provider_id),
            issuer: row.issuer,
            subject: row.subject,
            user: UserUid::from_uuid(row.user_id),
            roles: row.roles,
            groups: row.groups,
        }
    }
}

impl Tx<OneTenant> {
    /// Who this is here.
    pub async fn identity(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Identity>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT identity_provider_id, issuer, subject, user_id, roles, groups
             FROM identities
             WHERE tenant_id = $1 AND issuer = $2 AND subject = $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(issuer)
        .bind(subject)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Identity::from))
    }

    /// Links somebody there to a user here, who has just signed in.
    pub async fn insert_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO identities (
                 tenant_id, identity_provider_id, issuer, subject, user_id, roles, groups,
                 created_at, last_login_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(identity.provider.uuid())
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(identity.user.uuid())
        .bind(&identity.roles)
        .bind(&identity.groups)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("identities", 1, done.rows_affected())
    }

    /// Stores what an identity of a locked user has been given at this sign-in, and by which provider.
    pub async fn update_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE identities
             SET identity_provider_id = $4, roles = $5, groups = $6, last_login_at = $7
             WHERE tenant_id = $1 AND issuer = $2 AND subject = $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(identity.provider.uuid())
        .bind(&identity.roles)
        .bind(&identity.groups)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("identities", 1, done.rows_affected())
    }

    /// Gives everybody whom a provider vouched for last what their groups there give now; those who
    /// lost something. The provider and its users are
    /// locked.
    pub async fn regrant_identities(
        &mut self,
        provider: IdentityProviderUid,
        given: &[GroupRoles],
    ) -> Result<Vec<UserUid>, StoreError> {
        let users: Vec<Uuid> = sqlx::query_scalar(
            "WITH given AS (
                 SELECT line->>'group' AS name, role
                 FROM jsonb_array_elements($3::jsonb) AS line,
                      jsonb_array_elements_text(line->'roles') AS role
             ), now AS MATERIALIZED (
                 SELECT i.issuer, i.subject, i.roles AS before,
                        ARRAY(SELECT DISTINCT given.role COLLATE \"C\" FROM given
                              WHERE given.name = ANY (i.groups)
                              ORDER BY 1) AS roles
                 FROM identities i
                 WHERE i.tenant_id = $1 AND i.identity_provider_id = $2
                 FOR UPDATE OF i
             ), changed AS (
                 UPDATE identities i
                 SET roles = now.roles
                 FROM now
                 WHERE i.tenant_id = $1
                   AND i.issuer = now.issuer
                   AND i.subject = now.subject
                   AND i.roles <> now.roles
                 RETURNING i.user_id, now.before, i.roles
             )
             SELECT DISTINCT user_id FROM changed WHERE NOT before <@ roles",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uuid())
        .bind(sqlx::types::Json(given))
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(users.into_iter().map(UserUid::from_uuid).collect())
    }

    /// Takes from everybody whom a provider vouched for last what it gave, until they sign in there
    /// again; those who lost something. The provider and its users are
    /// locked.
    pub async fn clear_identities(
        &mut self,
        provider: IdentityProviderUid,
    ) -> Result<Vec<UserUid>, StoreError> {
        let users: Vec<Uuid> = sqlx::query_scalar(
            "UPDATE identities
             SET roles = '{}', groups = '{}'
             WHERE tenant_id = $1
               AND identity_provider_id = $2
               AND (roles <> '{}' OR groups <> '{}')
             RETURNING user_id",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(users.into_iter().map(UserUid::from_uuid).collect())
    }

    /// Whom a provider has given something.
    pub async fn users_of_provider(
        &mut self,
        provider: IdentityProviderUid,
    ) -> Result<Vec<UserUid>, StoreError> {
        let users: Vec<Uuid> = sqlx::query_scalar(
            "SELECT DISTINCT user_id FROM identities
             WHERE tenant_id = $1 AND identity_provider_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(provider.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(users.into_iter().map(UserUid::from_uuid).collect())
    }
}
