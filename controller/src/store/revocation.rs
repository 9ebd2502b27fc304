//! What is revoked. Revocations are numbered without gaps, under a row that is locked late in a
//! transaction, before the revision row and after everything else.

use std::time::Duration;

use proto::{
    id::{ClientUid, UserUid},
    revocation::ShortHash,
    sync::v1::RevocationKind,
};
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use super::{Author, OneTenant, StoreError, Tx, changed, head::from_column};

/// How long nodes remember that a key, a signing key or a tenant is gone: by then they have the config that
/// says so.
pub const CONFIG_LIFE: Duration = Duration::from_hours(24 * 30);

/// Something that must not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// What kind of thing.
    pub kind: RevocationKind,
    /// Its id as text: a uid, a `jti`, a `client_id`, a kid.
    pub id: String,
    /// What was issued until then does not count.
    pub until: Until,
    /// How long it could be presented yet.
    pub life: Duration,
}

/// Up to when something must have been issued not to count any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The moment at which the revocation is written, by [`Tx::moment`]'s clock: after every lock that
    /// the transaction takes but those of the revocations themselves. Whoever makes tokens holds a lock
    /// that the revoking transaction waits for (the user's, the client's or the grant's row), and dates
    /// them by that same clock before letting go of it; so a token made before the revocation is dated
    /// before it, however long either waited and whatever the controllers' own clocks say.
    Now,
    /// There is no such moment: nothing counts ever again.
    Ever,
}

/// Whose grants end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantsOf {
    /// A user's.
    User(UserUid),
    /// Those given to a client.
    Client(ClientUid),
    /// All of the tenant's.
    Everybody,
}

/// An id for what is issued at this moment, as [`Tx::moment`] has it: a UUIDv7, which tells that to the
/// millisecond. [`Until::Now`] cuts by it.
pub fn dated(moment: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(moment.unix_timestamp()).unwrap_or(0);
    let time = Timestamp::from_unix(NoContext, seconds, moment.nanosecond());
    Uuid::new_v7(time)
}

impl Tx<OneTenant> {
    /// Revokes it when this transaction commits.
    pub fn revoke(&mut self, what: Revoked) {
        if !self.revoked.contains(&what) {
            self.revoked.push(what);
        }
    }

    /// Ends grants, newest first, so that no refresh token of theirs is good any more.
    pub async fn end_grants(&mut self, of: GrantsOf, reason: &str) -> Result<(), StoreError> {
        let (user, client) = match of {
            GrantsOf::User(user) => (Some(user.uuid()), None),
            GrantsOf::Client(client) => (None, Some(client.uuid())),
            GrantsOf::Everybody => (None, None),
        };
        sqlx::query(
            "WITH locked AS MATERIALIZED (
                 SELECT grant_id FROM grants
                 WHERE tenant_id = $1
                   AND ($2::uuid IS NULL OR user_id = $2)
                   AND ($3::uuid IS NULL OR client_uid = $3)
                   AND revoked_at IS NULL
                 ORDER BY grant_id DESC
                 FOR UPDATE
             )
             UPDATE grants
             SET revoked_at = $4, revoke_reason = $5
             FROM locked
             WHERE grants.tenant_id = $1 AND grants.grant_id = locked.grant_id",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user)
        .bind(client)
        .bind(self.time)
        .bind(reason)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Ends every browser session at the tenant's authorization server.
    pub async fn end_all_browser_sessions(&mut self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM browser_sessions WHERE tenant_id = $1")
            .bind(self.scope.tenant.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        Ok(())
    }
}

impl super::Store {
    /// Removes some of what has expired, unless another controller does so now, and raises the base; whether
    /// more may be left.
    pub async fn prune_revocations(&self) -> Result<bool, StoreError> {
        let mut tx = self.platform(Author::boot("revocations.prune")).await?;
        let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, 0)")
            .bind(PRUNING)
            .fetch_one(&mut *tx.sql)
            .await?;
        if !alone {
            return Ok(false);
        }
        let done = sqlx::query(
            "DELETE FROM revocations
             WHERE sequence IN (
                 SELECT sequence FROM revocations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
             )",
        )
        .bind(tx.time)
        .bind(PRUNED_AT_ONCE)
        .execute(&mut *tx.sql)
        .await?;
        tx.sql.commit().await?;
        let more = done.rows_affected() == PRUNED_AT_ONCE.unsigned_abs();

        let mut tx = self.platform(Author::boot("revocations.prune")).await?;
        // Who holds this row is alone: every revocation up to its number is there to be seen.
        let (sequence, base): (i64, i64) =
            sqlx::query_as("SELECT sequence, base FROM revocation_head FOR UPDATE")
                .fetch_one(&mut *tx.sql)
                .await?;
        let lowest: Option<i64> = sqlx::query_scalar("SELECT min(sequence) FROM revocations")
            .fetch_one(&mut *tx.sql)
            .await?;
        let lowest = lowest.unwrap_or(sequence + 1);
        if lowest > base {
            let done = sqlx::query("UPDATE revocation_head SET base = $1")
                .bind(lowest)
                .execute(&mut *tx.sql)
                .await?;
            changed("revocation_head", 1, done.rows_affected())?;
        }
        tx.sql.commit().await?;
        Ok(more)
    }
}

impl Tx<OneTenant> {
    /// Whether any of these things is revoked, for what was issued then.
    pub async fn is_revoked(
        &mut self,
        things: &[(RevocationKind, String)],
        issued: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let kinds: Vec<&str> = things.iter().map(|(kind, _)| column(*kind)).collect();
        let ids = things
            .iter()
            .map(|(_, id)| ShortHash::of(id).bytes().to_vec());
        let ids: Vec<Vec<u8>> = ids.collect();
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT FROM revocations r
                 JOIN unnest($2::text[], $3::bytea[]) AS thing (kind, id)
                   ON r.kind = thing.kind AND r.id_sha256 = thing.id
                 WHERE r.tenant_id = $1
                   AND r.expires_at > $4
                   AND (r.issued_until IS NULL OR r.issued_until >= $5)
             )",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(kinds)
        .bind(ids)
        .bind(self.time)
        .bind(issued)
        .fetch_one(&mut *self.sql)
        .await?)
    }
}

impl<S: super::Scope> Tx<S> {
    /// Numbers and stores what is revoked; the number of the last.
    pub(super) async fn write_revocations(&mut self) -> Result<Option<u64>, StoreError> {
        let revoked = std::mem::take(&mut self.revoked);
        let (Some(tenant), false) = (self.scope.tenant(), revoked.is_empty()) else {
            return Ok(None);
        };
        let count = i64::try_from(revoked.len()).unwrap_or(i64::MAX);
        let last: i64 = sqlx::query_scalar(
            "UPDATE revocation_head SET sequence = sequence + $1 RETURNING sequence",
        )
        .bind(count)
        .fetch_one(&mut *self.sql)
        .await?;
        for (revoked, sequence) in revoked.iter().zip(last - count + 1..) {
            let done = sqlx::query(
                "INSERT INTO revocations (
                     tenant_id, sequence, kind, id_sha256, issued_until, actor, created_at, expires_at
                 ) VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN clock_timestamp() END, $6, $7, $8)",
            )
            .bind(tenant.uuid())
            .bind(sequence)
            .bind(column(revoked.kind))
            .bind(ShortHash::of(&revoked.id).bytes().as_slice())
            .bind(revoked.until == Until::Now)
            .bind(&self.author.actor)
            .bind(self.time)
            .bind(self.time + revoked.life)
            .execute(&mut *self.sql)
            .await?;
            changed("revocations", 1, done.rows_affected())?;
        }
        sqlx::query("SELECT pg_notify('revocations', $1)")
            .bind(last.to_string())
            .execute(&mut *self.sql)
            .await?;
        Ok(Some(from_column(last)))
    }
}

/// The word for a kind in the table.
fn column(kind: RevocationKind) -> &'static str {
    match kind {
        // The table refuses it.
        RevocationKind::Unspecified => "",
        RevocationKind::Token => "token",
        RevocationKind::Grant => "grant",
        RevocationKind::Key => "key",
        RevocationKind::User => "user",
        RevocationKind::Client => "client",
        RevocationKind::Tenant => "tenant",
        RevocationKind::SigningKey => "signing_key",
    }
}

/// The kind that a word in the table is for.
pub(crate) fn of_column(column: &str) -> RevocationKind {
    match column {
        "token" => RevocationKind::Token,
        "grant" => RevocationKind::Grant,
        "key" => RevocationKind::Key,
        "user" => RevocationKind::User,
        "client" => RevocationKind::Client,
        "tenant" => RevocationKind::Tenant,
        "signing_key" => RevocationKind::SigningKey,
        // The table refuses it.
        _ => RevocationKind::Unspecified,
    }
}

/// Says what of ours is locked, where locks are pairs of numbers.
const PRUNING: i32 = 0x7265_766f;
const PRUNED_AT_ONCE: i64 = 10_000;

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        let kinds = (0..).map_while(|number| RevocationKind::try_from(number).ok());
        let kinds: Vec<_> = kinds.collect();
        assert!(kinds.len() > 7, "{kinds:?}");
        for kind in kinds {
            assert_eq!(of_column(column(kind)), kind);
        }
    }

    #[test]
    fn an_id_tells_when_its_token_was_made() {
        let now = datetime!(2026-11-21 10:00:00.123456 UTC);
        let (seconds, nanos) = dated(now).get_timestamp().unwrap().to_unix();
        assert_eq!(seconds, now.unix_timestamp().unsigned_abs());
        assert_eq!(nanos, 123_000_000);
        assert_ne!(dated(now), dated(now));
    }
}
