//! The rows of the audit table, and what has to stand in each.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::Row as _;
use tests::cluster::Cluster;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// One row of the audit table.
#[derive(Debug)]
pub(super) struct Record {
    tenant: Uuid,
    id: Uuid,
    time: OffsetDateTime,
    actor: String,
    token: Option<Uuid>,
    request: Uuid,
    peer: String,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
    pub(super) revision: Option<u64>,
    canonical: Vec<u8>,
}

impl Record {
    /// Every column says something, and the canonical bytes say the same.
    pub(super) fn is_complete(&self, cluster: &Cluster) -> Result<()> {
        let token = self.token.context("a token")?;
        assert_eq!(self.actor, format!("tokens/{token}"));
        assert_eq!(
            self.peer.parse::<std::net::SocketAddr>()?.ip().to_string(),
            "127.0.0.1"
        );
        let age = OffsetDateTime::now_utc() - self.time;
        ensure!(age.abs() < time::Duration::minutes(1), "{age}");
        // The same request is found in the log under its id.
        ensure!(
            cluster.controller.log().contains(&self.request.to_string()),
            "{}",
            self.request
        );
        assert_eq!(
            self.tenant.is_nil(),
            !self.resource.starts_with("tenants/"),
            "{}",
            self.resource
        );

        let members: BTreeMap<&str, Value> = BTreeMap::from([
            ("action", json!(self.action)),
            ("actor", json!(self.actor)),
            ("after", digest(self.after.as_deref())),
            ("before", digest(self.before.as_deref())),
            ("id", json!(self.id)),
            ("peer", json!(self.peer)),
            ("request", json!(self.request)),
            ("resource", json!(self.resource)),
            ("revision", json!(self.revision)),
            (
                "tenant",
                if self.tenant.is_nil() {
                    Value::Null
                } else {
                    json!(self.tenant)
                },
            ),
            ("time", json!(self.time.format(&Rfc3339)?)),
            ("token", json!(token)),
        ]);
        assert_eq!(
            String::from_utf8_lossy(&self.canonical),
            serde_json::to_string(&members)?
        );
        Ok(())
    }
}

fn digest(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| {
        assert_eq!(bytes.len(), 32, "SHA-256");
        json!(hex(bytes))
    })
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All records, oldest first; their ids are all different.
pub(super) async fn records(cluster: &Cluster) -> Result<Vec<Record>> {
    let rows = sqlx::query("SELECT * FROM audit_records ORDER BY record_id")
        .fetch_all(&mut cluster.database.connect().await?)
        .await?;
    let records: Vec<Record> = rows.iter().map(record).collect::<Result<_, _>>()?;
    let ids: BTreeSet<_> = records.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), records.len());
    Ok(records)
}

fn record(row: &sqlx::postgres::PgRow) -> Result<Record, sqlx::Error> {
    Ok(Record {
        tenant: row.try_get("tenant_id")?,
        id: row.try_get("record_id")?,
        time: row.try_get("time")?,
        actor: row.try_get("actor")?,
        token: row.try_get("token_id")?,
        request: row.try_get("request_id")?,
        peer: row.try_get("peer")?,
        action: row.try_get("action")?,
        resource: row.try_get("resource")?,
        before: row.try_get("before_digest")?,
        after: row.try_get("after_digest")?,
        revision: row
            .try_get::<Option<i64>, _>("revision")?
            .map(i64::cast_unsigned),
        canonical: row.try_get("canonical")?,
    })
}
