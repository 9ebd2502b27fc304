//! What is revoked. Revocations are numbered without gaps, under a row that is locked late in a
//! transaction, before the revision row and after everything else.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use proto::sync::v1::RevocationKind;
use time::OffsetDateTime;

use super::{OneTenant, StoreError, Tx, changed, head::from_column};

/// Something that must not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// What kind of thing.
    pub kind: RevocationKind,
    /// Its id as text: a uid, a `jti`, a `client_id`, a kid.
    pub id: String,
    /// What was issued later is good; `None` means nothing is.
    pub issued_until: Option<OffsetDateTime>,
    /// How long it could be presented yet.
    pub life: Duration,
}

impl Tx<OneTenant> {
    /// Revokes it when this transaction commits.
    pub fn revoke(&mut self, what: Revoked) {
        if !self.revoked.contains(&what) {
            self.revoked.push(what);
        }
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
        let ids = things.iter().map(|(_, id)| short_hash(id).to_vec());
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
                 ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(tenant.uuid())
            .bind(sequence)
            .bind(column(revoked.kind))
            .bind(short_hash(&revoked.id).as_slice())
            .bind(revoked.issued_until)
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

/// How an id stands in the table, on the stream and in Redis.
pub fn short_hash(id: &str) -> [u8; 16] {
    let digest = digest(&SHA256, id.as_bytes());
    digest.as_ref()[..16]
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

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
