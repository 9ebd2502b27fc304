//! The state of a grant's refresh tokens: the hash of the current one, of the one before, and those of
//! some older ones, so that a stolen one is noticed when it comes.

use proto::id::GrantUid;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OneTenant, StoreError, Tx, changed,
    grant::{Grant, Row as GrantRow},
};

/// All at once, where nothing is out of the ordinary.
pub mod expected;

/// A grant with the state of its refresh tokens, found by one of them.
#[derive(Debug, Clone)]
pub struct Family {
    /// The grant.
    pub grant: Grant,
    /// The hash of the current token.
    pub current: Option<[u8; 32]>,
    /// When the current one took the place of the one before.
    pub rotated_at: Option<OffsetDateTime>,
    /// When it was first known that somebody uses what was issued with the current one, or later.
    pub current_used_at: Option<OffsetDateTime>,
    /// Which of its tokens was presented.
    pub presented: Presented,
}

/// Which of a family's tokens somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The newest.
    Current,
    /// The one before.
    Previous,
    /// An older one.
    Spent,
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    grant: GrantRow,
    current_sha256: Option<Vec<u8>>,
    previous_sha256: Option<Vec<u8>>,
    rotated_at: Option<OffsetDateTime>,
    current_used_at: Option<OffsetDateTime>,
}

impl Row {
    fn found_by(self, sha256: &[u8; 32]) -> Family {
        let is = |hash: &Option<Vec<u8>>| hash.as_deref() == Some(sha256.as_slice());
        let presented = if is(&self.current_sha256) {
            Presented::Current
        } else if is(&self.previous_sha256) {
            Presented::Previous
        } else {
            Presented::Spent
        };
        Family {
            grant: self.grant.into(),
            current: self.current_sha256.and_then(|hash| hash.try_into().ok()),
            rotated_at: self.rotated_at,
            current_used_at: self.current_used_at,
            presented,
        }
    }
}

impl Tx<OneTenant> {
    /// The family that a refresh token is, or was, of; kept from others until this transaction ends.
    pub async fn lock_family(&mut self, sha256: &[u8; 32]) -> Result<Option<Family>, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        // Whoever waited here for a rotation finds the token as the previous one: the condition is
        // checked again on the row as it then is.
        let row: Option<Row> = sqlx::query_as(
            "SELECT grant_id, user_id, client_uid, redirect_origin, resources, scopes, user_agent,
                    created_at, last_used_at, idle_expires_at, expires_at, revoked_at, revoke_reason,
                    current_sha256, previous_sha256, rotated_at, current_used_at
             FROM grants
             WHERE tenant_id = $1 AND (current_sha256 = $2 OR previous_sha256 = $2)
             FOR UPDATE",
        )
        .bind(tenant)
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        if let Some(row) = row {
            return Ok(Some(row.found_by(sha256)));
        }
        let row: Option<Row> = sqlx::query_as(
            "SELECT grant_id, user_id, client_uid, redirect_origin, resources, scopes, user_agent,
                    created_at, last_used_at, idle_expires_at, expires_at, revoked_at, revoke_reason,
                    current_sha256, previous_sha256, rotated_at, current_used_at
             FROM grants
             WHERE tenant_id = $1 AND grant_id = (
                 SELECT s.grant_id FROM spent_refresh_tokens s
                 WHERE s.tenant_id = $1 AND s.sha256 = $2)
             FOR UPDATE",
        )
        .bind(tenant)
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(|row| row.found_by(sha256)))
    }

    /// Makes a token of this hash the current one of a locked grant; what was before moves down. The
    /// grant may lie idle until then from now on. The moment is [`Tx::moment`]'s, as that of access
    /// tokens is: it tells those from before from those that come now.
    pub async fn rotate_family(
        &mut self,
        grant: GrantUid,
        sha256: &[u8; 32],
        idle_expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let number: Option<i64> = sqlx::query_scalar("SELECT rotate_family($1, $2, $3, $4, $5)")
            .bind(self.scope.tenant.uid.uuid())
            .bind(grant.uuid())
            .bind(sha256.as_slice())
            .bind(self.time)
            .bind(idle_expires_at)
            .fetch_one(&mut *self.sql)
            .await?;
        changed("grants", 1, u64::from(number.is_some()))
    }

    /// Notes that access tokens which were issued then are in use: whoever refreshed last got the
    /// answer, unless the token is from before. Waits for nobody; those grants that somebody is
    /// changing just now are left out and returned.
    pub async fn note_access_used(
        &mut self,
        used: &[(GrantUid, OffsetDateTime)],
    ) -> Result<Vec<GrantUid>, StoreError> {
        let (grants, issued): (Vec<Uuid>, Vec<OffsetDateTime>) = used
            .iter()
            .map(|(grant, issued)| (grant.uuid(), *issued))
            .unzip();
        // What locks checks the conditions again on rows as they then are.
        let busy: Vec<Uuid> = sqlx::query_scalar(
            "WITH used AS (
                 SELECT * FROM unnest($2::uuid[], $3::timestamptz[]) AS used (grant_id, issued_at)
             ), due AS (
                 SELECT g.grant_id
                 FROM grants g JOIN used ON g.grant_id = used.grant_id
                 WHERE g.tenant_id = $1
                   AND g.current_used_at IS NULL
                   AND date_trunc('milliseconds', g.rotated_at) <= used.issued_at
             ), locked AS (
                 SELECT g.grant_id
                 FROM grants g JOIN used ON g.grant_id = used.grant_id
                 WHERE g.tenant_id = $1
                   AND g.current_used_at IS NULL
                   AND date_trunc('milliseconds', g.rotated_at) <= used.issued_at
                 FOR NO KEY UPDATE OF g SKIP LOCKED
             ), noted AS (
                 UPDATE grants g
                 SET current_used_at = $4
                 FROM locked
                 WHERE g.tenant_id = $1 AND g.grant_id = locked.grant_id
                 RETURNING g.grant_id
             )
             SELECT grant_id FROM due EXCEPT SELECT grant_id FROM noted",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grants)
        .bind(issued)
        .bind(self.time)
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(busy.into_iter().map(GrantUid::from_uuid).collect())
    }

    /// Notes that the token before the current one of a locked grant was presented late, which it is
    /// after `due`; whether that is the first time.
    pub async fn note_late(
        &mut self,
        grant: GrantUid,
        due: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE grants
             SET last_used_at = $3
             WHERE tenant_id = $1 AND grant_id = $2 AND (last_used_at IS NULL OR last_used_at <= $4)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(grant.uuid())
        .bind(self.time)
        .bind(due)
        .execute(&mut *self.sql)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
