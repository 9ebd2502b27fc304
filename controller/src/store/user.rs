//! Users: the people of a tenant, what they may do, and their passwords, of which only the hashes
//! are here.

use proto::{id::UserUid, name::Slug};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OneTenant, StoreError, Tx, changed,
    head::{from_column, to_column},
};

/// What a user may do through the admin API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdminRole {
    /// Nothing.
    None,
    /// Read what belongs to the tenant.
    Viewer,
    /// Change it, too.
    Admin,
}

/// A user as stored, without the password's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their identity: `sub` of their tokens.
    pub uid: UserUid,
    /// The last segment of their name.
    pub slug: String,
    /// What they sign in with and what the policy calls them.
    pub login: String,
    /// What people call them.
    pub display_name: String,
    /// Roles that were given to them by hand.
    pub roles: Vec<String>,
    /// Groups that they were put in by hand.
    pub groups: Vec<String>,
    /// What they may do through the admin API.
    pub admin_role: AdminRole,
    /// Whether nothing of theirs works.
    pub disabled: bool,
    /// Whether they can sign in with a password.
    pub has_password: bool,
    /// When they last signed in.
    pub last_login_at: Option<OffsetDateTime>,
    /// Grows with every change.
    pub etag: u64,
    /// When they were created.
    pub created_at: OffsetDateTime,
    /// When they last changed.
    pub updated_at: OffsetDateTime,
}

/// What a user is and may do, all sources together: what tokens carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRights {
    /// What the policy calls them.
    pub login: String,
    /// What people call them.
    pub display_name: String,
    /// Their own roles and those that identity providers gave them.
    pub roles: Vec<String>,
    /// The same of groups.
    pub groups: Vec<String>,
    /// What they may do through the admin API.
    pub admin_role: AdminRole,
    /// Whether nothing of theirs works.
    pub disabled: bool,
}

/// What a password is compared with.
#[derive(Debug)]
pub struct Account {
    /// Whose.
    pub user: UserUid,
    /// The hash in the PHC string format, if they have a password.
    pub password: Option<String>,
    /// Whether nothing of theirs works.
    pub disabled: bool,
}

/// Who a user is at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAs {
    /// The provider's last name segment.
    pub provider: String,
    /// The provider's issuer.
    pub issuer: String,
    /// The subject there.
    pub subject: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    user_id: Uuid,
    slug: String,
    login: String,
    display_name: String,
    roles: Vec<String>,
    groups: Vec<String>,
    admin_role: String,
    disabled: bool,
    has_password: bool,
    last_login_at: Option<OffsetDateTime>,
    etag: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
pub(super) struct RightsRow {
    login: String,
    display_name: String,
    roles: Vec<String>,
    groups: Vec<String>,
    admin_role: String,
    disabled: bool,
}

impl From<RightsRow> for UserRights {
    fn from(row: RightsRow) -> Self {
        Self {
            login: row.login,
            display_name: row.display_name,
            roles: row.roles,
            groups: row.groups,
            admin_role: AdminRole::of_column(&row.admin_role),
            disabled: row.disabled,
        }
    }
}

impl AdminRole {
    fn column(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }

    /// The table allows no other text.
    fn of_column(text: &str) -> Self {
        let all = [Self::None, Self::Viewer, Self::Admin];
        let found = all.into_iter().find(|role| role.column() == text);
        found.unwrap_or(Self::None)
    }
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self {
            uid: UserUid::from_uuid(row.user_id),
            slug: row.slug,
            login: row.login,
            display_name: row.display_name,
            roles: row.roles,
            groups: row.groups,
            admin_role: AdminRole::of_column(&row.admin_role),
            disabled: row.disabled,
            has_password: row.has_password,
            last_login_at: row.last_login_at,
            etag: from_column(row.etag),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Tx<OneTenant> {
    /// The user with this slug.
    pub async fn user(&mut self, slug: &Slug) -> Result<Option<User>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT user_id, slug, login, display_name, roles, groups, admin_role, disabled,
                    password IS NOT NULL AS has_password, last_login_at, etag, created_at, updated_at
             FROM users WHERE tenant_id = $1 AND slug = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(User::from))
    }

    /// The user with this slug, whom nobody else changes or removes meanwhile.
    pub async fn lock_user(&mut self, slug: &Slug) -> Result<Option<User>, StoreError> {
        self.come_first().await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT user_id, slug, login, display_name, roles, groups, admin_role, disabled,
                    password IS NOT NULL AS has_password, last_login_at, etag, created_at, updated_at
             FROM users WHERE tenant_id = $1 AND slug = $2 FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slug.as_str())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(User::from))
    }

    /// Keeps these users as they are, with what providers gave them, until this transaction ends: nobody
    /// else changes or removes them, nor makes tokens of what they may do. In the order of their uids, so
    /// that two who lock many do not wait for each other.
    pub async fn lock_users(&mut self, users: &[UserUid]) -> Result<(), StoreError> {
        let users: Vec<Uuid> = users.iter().map(|user| user.uuid()).collect();
        sqlx::query(
            "SELECT FROM users
             WHERE tenant_id = $1 AND user_id = ANY ($2)
             ORDER BY user_id
             FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(users)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// [`Self::lock_users`] for all the tenant's.
    pub async fn lock_all_users(&mut self) -> Result<(), StoreError> {
        self.come_first().await?;
        sqlx::query("SELECT FROM users WHERE tenant_id = $1 ORDER BY user_id FOR UPDATE")
            .bind(self.scope.tenant.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }

    /// Lets no request for tokens hold a user from now on, until this transaction ends, and waits for those
    /// that do: where they come without pause, there is always one that shares the row, and an operator who
    /// wants it alone would wait for ever.
    pub async fn come_first(&mut self) -> Result<(), StoreError> {
        sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2::text))")
            .bind(HOLDING)
            .bind(self.scope.tenant.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }

    /// Keeps others from changing or removing a user until this transaction ends. A token made of what
    /// the user may do must not miss a change, nor the cut that comes with one: this comes first, and
    /// what the user may do is read by a statement of its own, or it would be what was so before the
    /// wait.
    pub async fn hold_user(&mut self, user: UserUid) -> Result<(), StoreError> {
        sqlx::query(
            "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($3, hashtext($1::text)))
             SELECT FROM users, turn
             WHERE tenant_id = $1 AND user_id = $2
             FOR SHARE OF users",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user.uuid())
        .bind(HOLDING)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// [`Self::hold_user`] for the user whose grant a refresh token is, or was, of.
    pub async fn hold_user_of_refresh_token(
        &mut self,
        sha256: &[u8; 32],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($3, hashtext($1::text)))
             SELECT FROM users, turn
             WHERE tenant_id = $1 AND user_id = coalesce(
                 (SELECT user_id FROM grants
                  WHERE tenant_id = $1 AND (current_sha256 = $2 OR previous_sha256 = $2)
                  LIMIT 1),
                 (SELECT g.user_id FROM grants g
                  JOIN spent_refresh_tokens s USING (tenant_id, grant_id)
                  WHERE s.tenant_id = $1 AND s.sha256 = $2)
             )
             FOR SHARE OF users",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(HOLDING)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// A page of the tenant's users, in the order of their slugs, that come after this one.
    pub async fn users(&mut self, after: &str, limit: i64) -> Result<Vec<User>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT user_id, slug, login, display_name, roles, groups, admin_role, disabled,
                    password IS NOT NULL AS has_password, last_login_at, etag, created_at, updated_at
             FROM users
             WHERE tenant_id = $1 AND slug > $2 COLLATE \"C\"
             ORDER BY slug COLLATE \"C\"
             LIMIT $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(User::from).collect())
    }

    /// Everything that counts about a user for what they may do; `None` when they are gone. What tokens
    /// are made of must be held before: [`Self::hold_user`].
    pub async fn user_roles(&mut self, user: UserUid) -> Result<Option<UserRights>, StoreError> {
        let row: Option<RightsRow> = sqlx::query_as(
            "SELECT login, display_name, admin_role, disabled, roles, groups
             FROM user_rights
             WHERE tenant_id = $1 AND user_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(UserRights::from))
    }

    /// What is needed to check the password of whoever signs in with this.
    pub async fn account(&mut self, login: &str) -> Result<Option<Account>, StoreError> {
        let row: Option<(Uuid, Option<String>, bool)> = sqlx::query_as(
            "SELECT user_id, password, disabled FROM users
             WHERE tenant_id = $1 AND lower(login) = lower($2)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(login)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(|(user, password, disabled)| Account {
            user: UserUid::from_uuid(user),
            password,
            disabled,
        }))
    }

    /// Stores a new user, without a password.
    pub async fn insert_user(&mut self, user: &User) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO users (
                 tenant_id, user_id, slug, login, display_name, roles, groups, admin_role, disabled,
                 created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user.uid.uuid())
        .bind(&user.slug)
        .bind(&user.login)
        .bind(&user.display_name)
        .bind(&user.roles)
        .bind(&user.groups)
        .bind(user.admin_role.column())
        .bind(user.disabled)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("users", 1, done.rows_affected())
    }

    /// Stores a locked user's new values under their etag; that and the time of the change are the
    /// caller's to set.
    pub async fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE users
             SET login = $3, display_name = $4, roles = $5, groups = $6, admin_role = $7,
                 disabled = $8, etag = $9, updated_at = $10
             WHERE tenant_id = $1 AND user_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user.uid.uuid())
        .bind(&user.login)
        .bind(&user.display_name)
        .bind(&user.roles)
        .bind(&user.groups)
        .bind(user.admin_role.column())
        .bind(user.disabled)
        .bind(to_column(user.etag))
        .bind(user.updated_at)
        .execute(&mut *self.sql)
        .await?;
        changed("users", 1, done.rows_affected())
    }

    /// Removes a locked user with everything that hangs on them.
    pub async fn delete_user(&mut self, user: UserUid) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM users WHERE tenant_id = $1 AND user_id = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(user.uuid())
            .execute(&mut *self.sql)
            .await?;
        changed("users", 1, done.rows_affected())
    }

    /// Sets the hash of a user's password, or removes it.
    pub async fn put_password(
        &mut self,
        user: UserUid,
        password: Option<&str>,
    ) -> Result<(), StoreError> {
        let done =
            sqlx::query("UPDATE users SET password = $3 WHERE tenant_id = $1 AND user_id = $2")
                .bind(self.scope.tenant.uid.uuid())
                .bind(user.uuid())
                .bind(password)
                .execute(&mut *self.sql)
                .await?;
        changed("users", 1, done.rows_affected())
    }

    /// The hash of a user's password, which nobody else changes until this transaction ends; `None`
    /// when they have none, are disabled or gone. For whoever signs in: that changes the user, so two
    /// at once must not share them.
    pub async fn lock_password(&mut self, user: UserUid) -> Result<Option<String>, StoreError> {
        let password: Option<Option<String>> = sqlx::query_scalar(
            "SELECT password FROM users
             WHERE tenant_id = $1 AND user_id = $2 AND NOT disabled
             FOR NO KEY UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(password.flatten())
    }

    /// Notes that a user has signed in.
    pub async fn user_signed_in(&mut self, user: UserUid) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET last_login_at = $3 WHERE tenant_id = $1 AND user_id = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(user.uuid())
            .bind(self.time)
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }

    /// Ends the sessions of all browsers that a user is signed in with.
    pub async fn end_browser_sessions(&mut self, user: UserUid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM browser_sessions WHERE tenant_id = $1 AND user_id = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(user.uuid())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }

    /// Who these users are at identity providers.
    pub async fn identities_of(
        &mut self,
        users: &[UserUid],
    ) -> Result<Vec<(UserUid, KnownAs)>, StoreError> {
        let users: Vec<Uuid> = users.iter().map(|user| user.uuid()).collect();
        let rows: Vec<(Uuid, String, String, String)> = sqlx::query_as(
            "SELECT i.user_id, p.slug, i.issuer, i.subject
             FROM identities i
             JOIN identity_providers p USING (tenant_id, identity_provider_id)
             WHERE i.tenant_id = $1 AND i.user_id = ANY ($2)
             ORDER BY i.created_at, i.issuer, i.subject",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(users)
        .fetch_all(&mut *self.sql)
        .await?;
        let known = rows.into_iter().map(|(user, provider, issuer, subject)| {
            let known = KnownAs {
                provider,
                issuer,
                subject,
            };
            (UserUid::from_uuid(user), known)
        });
        Ok(known.collect())
    }
}

/// Says what of ours is locked, where locks are pairs of numbers: whose turn it is to hold users.
pub(super) const HOLDING: i32 = 0x7573_6572;
