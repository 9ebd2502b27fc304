//! What tenants' authorization servers sign with. How far a key is follows from its times; its private
//! part is sealed, and gone once it signs no more.

use std::time::Duration;

use proto::id::TenantUid;
use time::OffsetDateTime;

use super::{OneTenant, Platform, StoreError, Tx, changed, interval};

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Names the key.
    pub kid: String,
    /// The public key's first coordinate.
    pub x: Vec<u8>,
    /// The other.
    pub y: Vec<u8>,
    /// The private key, while it may sign.
    pub sealed: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// From when it signs.
    pub active_at: OffsetDateTime,
    /// From when it signs no more.
    pub retire_at: Option<OffsetDateTime>,
    /// From when nothing that it signed is good.
    pub gone_at: Option<OffsetDateTime>,
    /// Whether it was revoked before its time.
    pub revoked: bool,
}

/// How far a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Verifiers may know it, and it does not sign yet.
    Announced,
    /// It signs.
    Active,
    /// It signs no more; what it signed is good until it expires.
    Retiring,
    /// Nothing that it signed is good.
    Gone,
}

impl SigningKey {
    /// How far it is at this moment.
    pub fn state(&self, now: OffsetDateTime) -> State {
        let is_past = |time: Option<OffsetDateTime>| time.is_some_and(|time| time <= now);
        if self.revoked || is_past(self.gone_at) {
            State::Gone
        } else if is_past(self.retire_at) {
            State::Retiring
        } else if self.active_at <= now {
            State::Active
        } else {
            State::Announced
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    kid: String,
    x: Vec<u8>,
    y: Vec<u8>,
    sealed: Option<Vec<u8>>,
    created_at: OffsetDateTime,
    active_at: OffsetDateTime,
    retire_at: Option<OffsetDateTime>,
    gone_at: Option<OffsetDateTime>,
    revoked: bool,
}

#[derive(sqlx::FromRow)]
struct ActiveRow {
    #[sqlx(flatten)]
    key: Row,
    moment: OffsetDateTime,
}

impl From<Row> for SigningKey {
    fn from(row: Row) -> Self {
        Self {
            kid: row.kid,
            x: row.x,
            y: row.y,
            sealed: row.sealed,
            created_at: row.created_at,
            active_at: row.active_at,
            retire_at: row.retire_at,
            gone_at: row.gone_at,
            revoked: row.revoked,
        }
    }
}

impl Tx<OneTenant> {
    /// All the tenant's keys, newest first.
    pub async fn signing_keys(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT kid, x, y, sealed, created_at, active_at, retire_at, gone_at, revoked
             FROM signing_keys
             WHERE tenant_id = $1
             ORDER BY active_at DESC, kid",
        )
        .bind(self.scope.tenant.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        Ok(rows.into_iter().map(SigningKey::from).collect())
    }

    /// The key that signs now, and [`Tx::moment`] for what it signs. `rotate_as_expected` in the database
    /// chooses it in the same way.
    pub async fn active_signing_key(
        &mut self,
    ) -> Result<Option<(SigningKey, OffsetDateTime)>, StoreError> {
        let row: Option<ActiveRow> = sqlx::query_as(
            "SELECT kid, x, y, sealed, created_at, active_at, retire_at, gone_at, revoked,
                    clock_timestamp() AS moment
             FROM signing_keys
             WHERE tenant_id = $1
               AND NOT revoked
               AND sealed IS NOT NULL
               AND active_at <= $2
               AND (retire_at IS NULL OR retire_at > $2)
             ORDER BY active_at DESC
             LIMIT 1",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(self.time)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(|row| (row.key.into(), row.moment)))
    }

    /// Stores the locked tenant's next key: those before it sign until it does, and what they signed is
    /// good for this long after. One that was announced and has not signed yet never will.
    pub async fn insert_next_signing_key(
        &mut self,
        key: &SigningKey,
        life: Duration,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE signing_keys
             SET retire_at = greatest($2, active_at), gone_at = greatest($2, active_at) + $3
             WHERE tenant_id = $1 AND NOT revoked AND (retire_at IS NULL OR retire_at > $2)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(key.active_at)
        .bind(interval(life))
        .execute(&mut *self.sql)
        .await?;
        self.insert_signing_key(self.scope.tenant.uid, key).await?;
        self.touch_own_tenant();
        Ok(())
    }

    /// Takes a key of the locked tenant out of use at once; whether it was in use.
    pub async fn revoke_signing_key(&mut self, kid: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE signing_keys
             SET revoked = true,
                 sealed = NULL,
                 retire_at = least(coalesce(retire_at, $3), $3),
                 gone_at = least(coalesce(gone_at, $3), $3)
             WHERE tenant_id = $1 AND kid = $2 AND NOT revoked",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(kid)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        if done.rows_affected() == 1 {
            self.touch_own_tenant();
        }
        Ok(done.rows_affected() == 1)
    }

    /// Wipes the private keys of those that sign no more.
    pub async fn wipe_signing_keys(&mut self) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE signing_keys SET sealed = NULL
             WHERE tenant_id = $1 AND sealed IS NOT NULL AND retire_at <= $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Has gateways told which of the tenant's keys there still are.
    pub fn tell_signing_keys(&mut self) {
        self.touch_own_tenant();
    }
}

impl Tx<Platform> {
    /// Slugs of tenants whose keys want attention: no key that signs on after `until`, a private key
    /// that signs no more, or a key that has gone since gateways were last told.
    pub async fn tenants_with_keys_due(
        &mut self,
        since: OffsetDateTime,
        until: OffsetDateTime,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT t.slug
             FROM tenants t
             WHERE NOT EXISTS (
                       SELECT FROM signing_keys k
                       WHERE k.tenant_id = t.tenant_id AND NOT k.revoked AND k.sealed IS NOT NULL
                         AND k.active_at > $2 AND (k.retire_at IS NULL OR k.retire_at > $3)
                   )
                OR EXISTS (
                       SELECT FROM signing_keys k
                       WHERE k.tenant_id = t.tenant_id
                         AND (k.sealed IS NOT NULL AND k.retire_at <= $1
                              OR k.gone_at <= $1 AND k.gone_at > t.updated_at)
                   )
             LIMIT $4",
        )
        .bind(self.time)
        .bind(since)
        .bind(until)
        .bind(limit)
        .fetch_all(&mut *self.sql)
        .await?)
    }
}

impl<S> Tx<S> {
    /// Stores a key.
    pub async fn insert_signing_key(
        &mut self,
        tenant: TenantUid,
        key: &SigningKey,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO signing_keys (tenant_id, kid, x, y, sealed, created_at, active_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(tenant.uuid())
        .bind(&key.kid)
        .bind(&key.x)
        .bind(&key.y)
        .bind(&key.sealed)
        .bind(key.created_at)
        .bind(key.active_at)
        .execute(&mut *self.sql)
        .await?;
        changed("signing_keys", 1, done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_key_is_announced_signs_retires_and_goes() {
        let at = |minute| datetime!(2026-11-21 10:00 UTC) + time::Duration::minutes(minute);
        let key = SigningKey {
            kid: "1".to_owned(),
            x: Vec::new(),
            y: Vec::new(),
            sealed: None,
            created_at: at(0),
            active_at: at(10),
            retire_at: Some(at(20)),
            gone_at: Some(at(30)),
            revoked: false,
        };
        for (minute, state) in [
            (0, State::Announced),
            (10, State::Active),
            (19, State::Active),
            (20, State::Retiring),
            (30, State::Gone),
        ] {
            assert_eq!(key.state(at(minute)), state, "{minute}");
        }
        let revoked = SigningKey {
            revoked: true,
            ..key
        };
        assert_eq!(revoked.state(at(10)), State::Gone);
    }
}
