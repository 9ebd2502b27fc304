//! Who is signed in to a tenant's pages. A session ends by logout, after 12 hours without a visit and
//! after seven days in any case.

use proto::id::UserUid;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed};

/// A session that counts, and whose it is.
#[derive(Debug, Clone)]
pub struct BrowserSession {
    /// The user.
    pub user: UserUid,
    /// The last segment of the user's name.
    pub slug: String,
    /// What the user signs in as.
    pub login: String,
    /// What people call the user; may be empty.
    pub display_name: String,
    /// Whether, and as what, the user may call the admin API: `none`, `viewer`, `admin`.
    pub admin_role: String,
    /// When the user signed in.
    pub auth_time: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Row {
    user_id: Uuid,
    slug: String,
    login: String,
    display_name: String,
    admin_role: String,
    auth_time: OffsetDateTime,
}

impl Tx<OneTenant> {
    /// The session whose secret has this hash, if it counts and its user is not disabled.
    pub async fn browser_session(
        &mut self,
        sha256: &[u8; 32],
    ) -> Result<Option<BrowserSession>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT u.user_id, u.slug, u.login, u.display_name, u.admin_role, s.auth_time
             FROM browser_sessions s
             JOIN users u USING (tenant_id, user_id)
             WHERE s.tenant_id = $1
               AND s.session_sha256 = $2
               AND s.expires_at > $3
               AND s.last_seen_at > $4
               AND NOT u.disabled",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(self.time)
        .bind(self.time - IDLE)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(|row| BrowserSession {
            user: UserUid::from_uuid(row.user_id),
            slug: row.slug,
            login: row.login,
            display_name: row.display_name,
            admin_role: row.admin_role,
            auth_time: row.auth_time,
        }))
    }

    /// Notes that the session is in use, every few minutes.
    pub async fn see_browser_session(&mut self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE browser_sessions SET last_seen_at = $3
             WHERE tenant_id = $1 AND session_sha256 = $2 AND last_seen_at < $4",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(self.time)
        .bind(self.time - SEEN_EVERY)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Signs a user in with the secret that has this hash, and says when on the user; the last segment
    /// of the user's name. `None` when there is no such user or the user is disabled. Of many sessions,
    /// the oldest make room.
    pub async fn begin_browser_session(
        &mut self,
        sha256: &[u8; 32],
        user: UserUid,
        user_agent: &str,
    ) -> Result<Option<String>, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        let slug: Option<String> = sqlx::query_scalar(
            "UPDATE users SET last_login_at = $3
             WHERE tenant_id = $1 AND user_id = $2 AND NOT disabled
             RETURNING slug",
        )
        .bind(tenant)
        .bind(user.uuid())
        .bind(self.time)
        .fetch_optional(&mut *self.sql)
        .await?;
        let Some(slug) = slug else {
            return Ok(None);
        };
        sqlx::query(
            "DELETE FROM browser_sessions
             WHERE tenant_id = $1 AND user_id = $2 AND session_sha256 IN (
                 SELECT session_sha256
                 FROM browser_sessions
                 WHERE tenant_id = $1 AND user_id = $2
                 ORDER BY created_at DESC
                 OFFSET $3
             )",
        )
        .bind(tenant)
        .bind(user.uuid())
        .bind(OF_A_USER - 1)
        .execute(&mut *self.sql)
        .await?;
        let done = sqlx::query(
            "INSERT INTO browser_sessions (
                 tenant_id, session_sha256, user_id, auth_time, user_agent, created_at, last_seen_at,
                 expires_at
             ) VALUES ($1, $2, $3, $4, $5, $4, $4, $6)",
        )
        .bind(tenant)
        .bind(sha256.as_slice())
        .bind(user.uuid())
        .bind(self.time)
        .bind(user_agent)
        .bind(self.time + LIFE)
        .execute(&mut *self.sql)
        .await?;
        changed("browser_sessions", 1, done.rows_affected())?;
        Ok(Some(slug))
    }

    /// Ends a session, if there is one.
    pub async fn end_browser_session(&mut self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM browser_sessions WHERE tenant_id = $1 AND session_sha256 = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(sha256.as_slice())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }
}

/// How long a session counts without a visit.
const IDLE: Duration = Duration::hours(12);
/// How long it counts at most.
pub const LIFE: Duration = Duration::days(7);
const SEEN_EVERY: Duration = Duration::minutes(5);
const OF_A_USER: i64 = 50;
