//! What users allowed clients. A grant is one installation of a client: it lives until it is revoked,
//! lies idle for too long, or has been for as long as it may be.

use proto::id::{ClientUid, GrantUid, UserUid};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed, client::Registration};

/// A grant as stored, without the state of its refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its identity.
    pub uid: GrantUid,
    /// Who allowed it.
    pub user: UserUid,
    /// To whom.
    pub client: ClientUid,
    /// Where its codes went, without the port of a loopback address.
    pub redirect_origin: String,
    /// The MCP URLs that its tokens open.
    pub resources: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The browser in which it was allowed.
    pub user_agent: String,
    /// Since when.
    pub created_at: OffsetDateTime,
    /// When it last got a token.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends unless it is used.
    pub idle_expires_at: OffsetDateTime,
    /// When it ends at the latest.
    pub expires_at: OffsetDateTime,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// Why.
    pub revoke_reason: String,
}

/// A grant with the names of those it binds.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The grant.
    pub grant: Grant,
    /// The last segment of its user's name.
    pub user_slug: String,
    /// The last segment of its client's name.
    pub client_slug: String,
    /// What its client calls itself towards us.
    pub client_id: String,
    /// What people call its client.
    pub client_name: String,
    /// How its client came to be known.
    pub registration: Registration,
}

/// Which grants to list.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only this one.
    pub grant: Option<GrantUid>,
    /// Only this user's.
    pub user: Option<UserUid>,
    /// Only this client's.
    pub client: Option<ClientUid>,
    /// Only those before this one.
    pub before: Option<GrantUid>,
    /// Those that have ended, too.
    pub ended: bool,
    /// How many at most.
    pub limit: i64,
}

impl Grant {
    /// Whether it counts at this moment. `rotate_as_expected` in the database says the same.
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        self.revoked_at.is_none() && self.ends_at() > now
    }

    /// When it ends unless it is used.
    pub fn ends_at(&self) -> OffsetDateTime {
        self.idle_expires_at.min(self.expires_at)
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    grant_id: Uuid,
    user_id: Uuid,
    client_uid: Uuid,
    redirect_origin: String,
    resources: Vec<String>,
    scopes: Vec<String>,
    user_agent: String,
    created_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
    idle_expires_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    revoked_at: Option<OffsetDateTime>,
    revoke_reason: String,
}

#[derive(sqlx::FromRow)]
struct ConnectionRow {
    #[sqlx(flatten)]
    grant: Row,
    user_slug: String,
    client_slug: String,
    client_id: String,
    client_name: String,
    registration: String,
}

impl From<Row> for Grant {
    fn from(row: Row) -> Self {
        Self {
            uid: GrantUid::from_uuid(row.grant_id),
            user: UserUid::from_uuid(row.user_id),
            client: ClientUid::from_uuid(row.client_uid),
            redirect_origin: row.redirect_origin,
            resources: row.resources,
            scopes: row.scopes,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            idle_expires_at: row.idle_expires_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoke_reason: row.revoke_reason,
        }
    }
}

impl From<ConnectionRow> for Connection {
    fn from(row: ConnectionRow) -> Self {
        Self {
            grant: row.grant.into(),
            user_slug: row.user_slug,
            client_slug: row.client_slug,
            client_id: row.client_id,
            client_name: row.client_name,
            registration: registration(&row.registration),
        }
    }
}

impl Tx<OneTenant> {
    /// Stores a new grant.
    pub async fn insert_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO grants (
                 tenant_id, grant_id, user_id, client_uid, redirect_origin, resources, scopes,
                 user_agent, created_at, idle_expires_at, expires_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uid.uuid())
        .bind(grant.user.uuid())
        .bind(grant.client.uuid())
        .bind(&grant.redirect_origin)
        .bind(&grant.resources)
        .bind(&grant.scopes)
        .bind(&grant.user_agent)
        .bind(grant.created_at)
        .bind(grant.idle_expires_at)
        .bind(grant.expires_at)
        .execute(&mut *self.sql)
        .await?;
        changed("grants", 1, done.rows_affected())
    }

    /// The grant with this uid.
    pub async fn grant(&mut self, grant: GrantUid) -> Result<Option<Grant>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT grant_id, user_id, client_uid, redirect_origin, resources, scopes, user_agent,
                    created_at, last_used_at, idle_expires_at, expires_at, revoked_at, revoke_reason
             FROM grants
             WHERE tenant_id = $1 AND grant_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Grant::from))
    }

    /// The grant with this uid as it is now, which nobody else uses or ends until this transaction does.
    pub async fn lock_grant(&mut self, grant: GrantUid) -> Result<Option<Grant>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT grant_id, user_id, client_uid, redirect_origin, resources, scopes, user_agent,
                    created_at, last_used_at, idle_expires_at, expires_at, revoked_at, revoke_reason
             FROM grants
             WHERE tenant_id = $1 AND grant_id = $2
             FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Grant::from))
    }

    /// Grants with whom they bind, newest first.
    pub async fn connections(&mut self, wanted: &Wanted) -> Result<Vec<Connection>, StoreError> {
        let rows: Vec<ConnectionRow> = sqlx::query_as(
            "SELECT g.grant_id, g.user_id, g.client_uid, g.redirect_origin, g.resources, g.scopes,
                    g.user_agent, g.created_at, g.last_used_at, g.idle_expires_at, g.expires_at,
                    g.revoked_at, g.revoke_reason,
                    u.slug AS user_slug, c.slug AS client_slug, c.client_id,
                    c.display_name AS client_name, c.registration
             FROM grants g
             JOIN users u USING (tenant_id, user_id)
             JOIN oauth_clients c USING (tenant_id, client_uid)
             WHERE g.tenant_id = $1
               AND ($2::uuid IS NULL OR g.grant_id = $2)
               AND ($3::uuid IS NULL OR g.user_id = $3)
               AND ($4::uuid IS NULL OR g.client_uid = $4)
               AND ($5::uuid IS NULL OR g.grant_id < $5)
               AND ($6 OR (g.revoked_at IS NULL AND g.idle_expires_at > $7 AND g.expires_at > $7))
             ORDER BY g.grant_id DESC
             LIMIT $8",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(wanted.grant.map(GrantUid::uuid))
        .bind(wanted.user.map(UserUid::uuid))
        .bind(wanted.client.map(ClientUid::uuid))
        .bind(wanted.before.map(GrantUid::uuid))
        .bind(wanted.ended)
        .bind(self.time)
        .bind(wanted.limit)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(Connection::from).collect())
    }

    /// Notes that a locked grant got a token, and until when it may now lie idle.
    pub async fn use_grant(
        &mut self,
        grant: GrantUid,
        idle_expires_at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE grants
             SET last_used_at = $3, idle_expires_at = $4, expires_at = $5
             WHERE tenant_id = $1 AND grant_id = $2 AND revoked_at IS NULL",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .bind(self.time)
        .bind(idle_expires_at)
        .bind(expires_at)
        .execute(&mut *self.sql)
        .await?;
        changed("grants", 1, done.rows_affected())
    }

    /// Counts one more access token of a grant that is revoked by itself and remembered until then; how many
    /// there are now. Whoever counts at the same time waits.
    pub async fn count_revoked_token(
        &mut self,
        grant: GrantUid,
        until: OffsetDateTime,
    ) -> Result<i32, StoreError> {
        let count: Option<i32> = sqlx::query_scalar(
            "UPDATE grants
             SET revoked_tokens =
                 ARRAY(SELECT live FROM unnest(revoked_tokens) AS live WHERE live > $3) || $4
             WHERE tenant_id = $1 AND grant_id = $2
             RETURNING cardinality(revoked_tokens)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .bind(self.time)
        .bind(until)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(count.unwrap_or_default())
    }

    /// Ends a grant; whether it was still good.
    pub async fn end_grant(&mut self, grant: GrantUid, reason: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE grants
             SET revoked_at = $3, revoke_reason = $4
             WHERE tenant_id = $1 AND grant_id = $2 AND revoked_at IS NULL",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .bind(self.time)
        .bind(reason)
        .execute(&mut *self.sql)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// What we never write counts for least.
fn registration(column: &str) -> Registration {
    Registration::of_column(column).unwrap_or(Registration::Dynamic)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_grant_ends_idle_or_old_or_revoked() {
        let now = datetime!(2026-11-21 10:00 UTC);
        let (before, after) = (now, datetime!(2026-11-21 10:01 UTC));
        for (idle, end, revoked, live) in [
            (after, after, None, true),
            (before, after, None, false),
            (after, before, None, false),
            (after, after, Some(before), false),
        ] {
            let grant = Grant {
                uid: GrantUid::from_uuid(Uuid::nil()),
                user: UserUid::from_uuid(Uuid::nil()),
                client: ClientUid::from_uuid(Uuid::nil()),
                redirect_origin: String::new(),
                resources: Vec::new(),
                scopes: Vec::new(),
                user_agent: String::new(),
                created_at: before,
                last_used_at: None,
                idle_expires_at: idle,
                expires_at: end,
                revoked_at: revoked,
                revoke_reason: String::new(),
            };
            assert_eq!(grant.is_live(now), live);
        }
    }
}
