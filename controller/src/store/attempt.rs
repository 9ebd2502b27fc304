//! Failed attempts of whatever can be guessed, by a hash of who tries what. They count half after each
//! hour. Rows are bounded: they are forgotten after a day, and beyond a number the oldest go.

use time::OffsetDateTime;

use super::{OneTenant, StoreError, Tx};

/// How fast somebody may go on trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// So many attempts are free.
    pub free: u32,
    /// How long the first pause after them is, in seconds; each further attempt doubles it.
    pub first: u32,
    /// How long a pause is at most, in seconds.
    pub most: u32,
}

impl Tx<OneTenant> {
    /// Counts an attempt before its outcome is known, so that many at once count as many. `Some` is
    /// how many seconds are left of a pause: the attempt does not count and must not be made. With
    /// each hour those before count half; `updated_at` goes on by whole hours, so that a counter in
    /// use gets lower as well.
    pub async fn count_attempt(
        &mut self,
        what: &[u8; 32],
        pace: Pace,
    ) -> Result<Option<u64>, StoreError> {
        let counted: Option<i32> = sqlx::query_scalar(
            "INSERT INTO attempts (tenant_id, sha256, failures, blocked_until, updated_at)
             VALUES ($1, $2, 1, CASE WHEN 1 >= $4 THEN $3 + make_interval(secs => $5) END, $3)
             ON CONFLICT (tenant_id, sha256) DO UPDATE
             SET (failures, blocked_until, updated_at) = (
                 SELECT least(now_failed, 1000000),
                        CASE WHEN now_failed >= $4 THEN $3 + make_interval(
                            secs => least($5 * 2::float8 ^ least(now_failed - $4, 30), $6)) END,
                        attempts.updated_at + make_interval(hours => hours)
                 FROM (
                     SELECT hours, (attempts.failures >> least(hours, 31)) + 1 AS now_failed
                     FROM (
                         SELECT floor(greatest(
                             extract(epoch FROM $3 - attempts.updated_at), 0) / 3600)::int AS hours
                     ) elapsed
                 ) counted
             )
             WHERE attempts.blocked_until IS NULL OR attempts.blocked_until <= $3
             RETURNING failures",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(what.as_slice())
        .bind(self.time)
        .bind(i32::try_from(pace.free).unwrap_or(i32::MAX))
        .bind(f64::from(pace.first))
        .bind(f64::from(pace.most))
        .fetch_optional(&mut *self.sql)
        .await?;
        if counted == Some(1) && self.time.microsecond().is_multiple_of(SWEEP_EVERY) {
            self.sweep_attempts(MOST_ROWS).await?;
        }
        match counted {
            Some(_) => Ok(None),
            None => self
                .attempts_blocked(what)
                .await
                .map(|left| left.or(Some(1))),
        }
    }

    /// How many seconds are left of a pause.
    async fn attempts_blocked(&mut self, what: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        let until: Option<Option<OffsetDateTime>> = sqlx::query_scalar(
            "SELECT blocked_until FROM attempts WHERE tenant_id = $1 AND sha256 = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(what.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        let left = until.flatten().map(|until| until - self.time);
        let left = left.filter(|left| left.is_positive());
        Ok(left.map(|left| u64::try_from(left.whole_seconds() + 1).unwrap_or(1)))
    }

    /// One of the attempts was no guess after all.
    pub async fn forgive_attempt(&mut self, what: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE attempts SET failures = greatest(failures - 1, 0), blocked_until = NULL
             WHERE tenant_id = $1 AND sha256 = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(what.as_slice())
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Starts counting anew.
    pub async fn forget_attempts(&mut self, what: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM attempts WHERE tenant_id = $1 AND sha256 = $2")
            .bind(self.scope.tenant.uid.uuid())
            .bind(what.as_slice())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }

    /// Remembers a success.
    pub async fn remember_success(&mut self, what: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO attempts (tenant_id, sha256, failures, updated_at) VALUES ($1, $2, 0, $3)
             ON CONFLICT (tenant_id, sha256) DO UPDATE
             SET failures = 0, blocked_until = NULL, updated_at = excluded.updated_at",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(what.as_slice())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Whether a success is remembered.
    pub async fn is_success_remembered(&mut self, what: &[u8; 32]) -> Result<bool, StoreError> {
        let found: Option<bool> = sqlx::query_scalar(
            "SELECT true FROM attempts WHERE tenant_id = $1 AND sha256 = $2 AND failures = 0",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(what.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(found.is_some())
    }

    /// Forgets failures after a day and successes after 90, and whatever is too much.
    async fn sweep_attempts(&mut self, most: i64) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM attempts
             WHERE tenant_id = $1
               AND updated_at < $2 - CASE WHEN failures = 0 THEN interval '90 days'
                                          ELSE interval '1 day' END",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        sqlx::query(
            "DELETE FROM attempts
             WHERE tenant_id = $1 AND updated_at <= (
                 SELECT updated_at FROM attempts WHERE tenant_id = $1
                 ORDER BY updated_at DESC OFFSET $2 LIMIT 1)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(most)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }
}

/// Sweeping at each insertion would cost more than the rows do.
const SWEEP_EVERY: u32 = 16;
const MOST_ROWS: i64 = 50_000;
