//! Records of who did what, written in the transaction that did it: a change that cannot be
//! recorded does not happen. Nobody but the database's owner can change or remove one.

use std::collections::BTreeMap;

use proto::id::{TenantUid, TokenUid};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{OneTenant, Platform, Scope, StoreError, Tx, changed};

/// Who asked for a transaction, and on which occasion.
#[derive(Debug, Clone)]
pub struct Author {
    /// Who, for example `tokens/{token}`.
    pub actor: String,
    /// The admin token that proved it.
    pub token: Option<TokenUid>,
    /// The request, as its answer's `request-id` names it.
    pub request: Uuid,
    /// Where the request came from.
    pub peer: String,
    /// What is done: the permission, for example `servers.update`.
    pub action: String,
}

/// What a transaction says of itself when it commits.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it changed, by name.
    pub resource: String,
    /// Digest of the resource's public form before; `None` when it did not exist.
    pub before: Option<[u8; 32]>,
    /// Digest of the resource's public form afterwards; `None` when it is gone.
    pub after: Option<[u8; 32]>,
}

/// One record, complete.
pub(super) struct Record<'a> {
    pub(super) id: Uuid,
    pub(super) tenant: Option<TenantUid>,
    pub(super) time: OffsetDateTime,
    pub(super) author: &'a Author,
    pub(super) entry: &'a Entry,
    pub(super) revision: Option<u64>,
}

impl Author {
    /// The controller itself, at boot.
    pub fn boot(action: &str) -> Self {
        Self {
            actor: "boot".to_owned(),
            token: None,
            request: Uuid::now_v7(),
            peer: String::new(),
            action: action.to_owned(),
        }
    }
}

impl Author {
    /// The controller itself, on an errand of its own.
    pub fn task(action: &str) -> Self {
        Self {
            actor: "controller".to_owned(),
            ..Self::boot(action)
        }
    }
}

impl Record<'_> {
    /// The record as JSON with sorted keys and nothing between tokens: the bytes that are kept, so
    /// that a later chain of digests has something stable to be made of.
    fn canonical(&self) -> Vec<u8> {
        let digest =
            |digest: Option<[u8; 32]>| digest.map_or(Value::Null, |bytes| hex(&bytes).into());
        let time = self
            .time
            .format(&Rfc3339)
            .expect("a current date has four year digits");
        let members = BTreeMap::from([
            ("action", json!(self.author.action)),
            ("actor", json!(self.author.actor)),
            ("after", digest(self.entry.after)),
            ("before", digest(self.entry.before)),
            ("id", json!(self.id.to_string())),
            ("peer", json!(self.author.peer)),
            ("request", json!(self.author.request.to_string())),
            ("resource", json!(self.entry.resource)),
            ("revision", json!(self.revision)),
            (
                "tenant",
                json!(self.tenant.map(|tenant| tenant.to_string())),
            ),
            ("time", json!(time)),
            (
                "token",
                json!(self.author.token.map(|token| token.to_string())),
            ),
        ]);
        serde_json::to_vec(&members).expect("strings and numbers")
    }
}

impl Tx<OneTenant> {
    /// Commits a change that is not part of config: recorded among the tenant's, but no revision.
    /// Returns the last revocation in it.
    pub async fn commit_recorded(mut self, entry: &Entry) -> Result<Option<u64>, StoreError> {
        let tenant = self.scope.tenant.uid;
        self.record(Some(tenant), entry, None).await?;
        let revocation = self.write_revocations().await?;
        self.sql.commit().await?;
        Ok(revocation)
    }
}

impl Tx<Platform> {
    /// Commits a change that is not part of config: recorded among those of this tenant, or of the
    /// installation, but no revision.
    pub async fn commit_recorded_of(
        mut self,
        tenant: Option<TenantUid>,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        self.record(tenant, entry, None).await?;
        self.sql.commit().await?;
        Ok(())
    }
}

impl<S: Scope> Tx<S> {
    /// Commits what is no change that anybody answers for: a counter, a login on its way.
    pub async fn commit_unrecorded(mut self) -> Result<Option<u64>, StoreError> {
        let revocation = self.write_revocations().await?;
        self.sql.commit().await?;
        Ok(revocation)
    }

    pub(super) async fn record(
        &mut self,
        tenant: Option<TenantUid>,
        entry: &Entry,
        revision: Option<u64>,
    ) -> Result<(), StoreError> {
        let record = Record {
            id: Uuid::now_v7(),
            tenant,
            time: self.time,
            author: &self.author,
            entry,
            revision,
        };
        let done = sqlx::query(
            "INSERT INTO audit_records (
                 tenant_id, record_id, time, actor, token_id, request_id, peer, action, resource,
                 before_digest, after_digest, revision, canonical
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(tenant.map_or(Uuid::nil(), TenantUid::uuid))
        .bind(record.id)
        .bind(record.time)
        .bind(&self.author.actor)
        .bind(self.author.token.map(TokenUid::uuid))
        .bind(self.author.request)
        .bind(&self.author.peer)
        .bind(&self.author.action)
        .bind(&entry.resource)
        .bind(entry.before.map(|digest| digest.to_vec()))
        .bind(entry.after.map(|digest| digest.to_vec()))
        .bind(revision.map(super::head::to_column))
        .bind(record.canonical())
        .execute(&mut *self.sql)
        .await?;
        changed("audit_records", 1, done.rows_affected())
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_canonical_bytes_of_a_record_are_stable() {
        let author = Author {
            actor: "tokens/0190b7c2-6f00-7abc-8def-0123456789ac".to_owned(),
            token: Some("0190b7c2-6f00-7abc-8def-0123456789ac".parse().unwrap()),
            request: Uuid::nil(),
            peer: "127.0.0.1:5000".to_owned(),
            action: "servers.update".to_owned(),
        };
        let entry = Entry {
            resource: "tenants/acme/servers/files".to_owned(),
            before: None,
            after: Some([0xab; 32]),
        };
        let record = Record {
            id: Uuid::nil(),
            tenant: Some("0190b7c2-6f00-7abc-8def-0123456789ab".parse().unwrap()),
            time: datetime!(2026-11-21 10:00:00.123456 UTC),
            author: &author,
            entry: &entry,
            revision: Some(7),
        };
        insta::assert_snapshot!(String::from_utf8(record.canonical()).unwrap(), @r#"{"action":"servers.update","actor":"tokens/0190b7c2-6f00-7abc-8def-0123456789ac","after":"abababababababababababababababababababababababababababababababab","before":null,"id":"00000000-0000-0000-0000-000000000000","peer":"127.0.0.1:5000","request":"00000000-0000-0000-0000-000000000000","resource":"tenants/acme/servers/files","revision":7,"tenant":"0190b7c2-6f00-7abc-8def-0123456789ab","time":"2026-11-21T10:00:00.123456Z","token":"0190b7c2-6f00-7abc-8def-0123456789ac"}"#);
    }
}
