//! The end of a config transaction: the next revision, the change log, the audit record and the
//! notification, in that order and last, so that revisions are dense and a reader that sees revision
//! N sees all of 1..N.

use proto::id::TenantUid;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Scope, StoreError, Tx, audit::Entry, changed, head};

/// What kind of resource a change touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tenant,
    Server,
    Key,
    Policy,
    Defaults,
    StaticToken,
}

/// Whether the resource is there afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Upsert,
    Delete,
}

/// A resource that gateways must hear of.
#[derive(Debug, Clone)]
pub(super) struct Touched {
    pub(super) kind: Kind,
    pub(super) tenant: TenantUid,
    pub(super) id: Uuid,
    pub(super) op: Op,
    pub(super) name: String,
}

/// What a committed change is known by.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// The revision that it created.
    pub revision: u64,
    /// The last revocation in it.
    pub revocation: Option<u64>,
    /// The moment that its rows carry.
    pub time: OffsetDateTime,
}

impl Kind {
    fn column(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Server => "server",
            Self::Key => "key",
            Self::Policy => "policy",
            Self::Defaults => "defaults",
            Self::StaticToken => "static_token",
        }
    }
}

impl Op {
    fn column(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        }
    }
}

impl<S: Scope> Tx<S> {
    /// Remembers a resource for the change log. All resources of one change belong to one tenant.
    pub(super) fn touch(&mut self, touched: Touched) {
        debug_assert!(
            self.touched
                .iter()
                .all(|other| other.tenant == touched.tenant)
        );
        // A tenant and its policy have one id.
        self.touched
            .retain(|other| (other.kind, other.id) != (touched.kind, touched.id));
        self.touched.push(touched);
    }

    /// Commits a change of config. The revision row is locked here and nothing is locked after it.
    pub async fn commit_change(mut self, entry: &Entry) -> Result<Committed, StoreError> {
        let tenant = self.touched.first().map(|touched| touched.tenant);
        let tenant = tenant.filter(|tenant| !tenant.uuid().is_nil());
        let revocation = self.write_revocations().await?;
        let head = head::advance(&mut self.sql).await?;
        self.log(head).await?;
        self.number(head.revision).await?;
        self.record(tenant, entry, Some(head.revision)).await?;
        sqlx::query("SELECT pg_notify('config', $1)")
            .bind(head.revision.to_string())
            .execute(&mut *self.sql)
            .await?;
        self.sql.commit().await?;
        Ok(Committed {
            revision: head.revision,
            revocation,
            time: self.time,
        })
    }

    async fn log(&mut self, head: head::Head) -> Result<(), StoreError> {
        let column = |of: fn(&Touched) -> &str| -> Vec<String> {
            self.touched
                .iter()
                .map(|touched| of(touched).to_owned())
                .collect()
        };
        let ids = |of: fn(&Touched) -> Uuid| -> Vec<Uuid> { self.touched.iter().map(of).collect() };
        let done = sqlx::query(
            "INSERT INTO change_log (
                 epoch, revision, ordinal, kind, tenant_id, resource_id, op, resource, created_at
             )
             SELECT $1, $2, ordinality, kind, tenant_id, resource_id, op, resource, $8
             FROM unnest($3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[])
                  WITH ORDINALITY AS touched (kind, tenant_id, resource_id, op, resource)",
        )
        .bind(head::to_column(head.epoch))
        .bind(head::to_column(head.revision))
        .bind(column(|touched| touched.kind.column()))
        .bind(ids(|touched| touched.tenant.uuid()))
        .bind(ids(|touched| touched.id))
        .bind(column(|touched| touched.op.column()))
        .bind(column(|touched| &touched.name))
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed(
            "change_log",
            self.touched.len() as u64,
            done.rows_affected(),
        )
    }

    /// Writes the revision into the rows that it changed.
    async fn number(&mut self, revision: u64) -> Result<(), StoreError> {
        for (kind, table, statement) in NUMBER {
            let rows: Vec<(Uuid, Uuid)> = self
                .touched
                .iter()
                .filter(|touched| touched.kind == kind && touched.op == Op::Upsert)
                .map(|touched| (touched.tenant.uuid(), touched.id))
                .collect();
            let Some(&(tenant, _)) = rows.first() else {
                continue;
            };
            let ids: Vec<Uuid> = rows.iter().map(|&(_, id)| id).collect();
            let done = sqlx::query(statement)
                .bind(head::to_column(revision))
                .bind(self.time)
                .bind(tenant)
                .bind(&ids)
                .execute(&mut *self.sql)
                .await?;
            changed(table, ids.len() as u64, done.rows_affected())?;
        }
        Ok(())
    }
}

const NUMBER: [(Kind, &str, &str); 6] = [
    (
        Kind::Tenant,
        "tenants",
        "UPDATE tenants SET revision = $1, updated_at = $2
         WHERE tenant_id = $3 AND tenant_id = ANY ($4)",
    ),
    (
        Kind::Server,
        "servers",
        "UPDATE servers SET revision = $1, updated_at = $2
         WHERE tenant_id = $3 AND server_id = ANY ($4)",
    ),
    (
        Kind::Key,
        "api_keys",
        "UPDATE api_keys SET revision = $1, updated_at = $2
         WHERE tenant_id = $3 AND key_id = ANY ($4)",
    ),
    (
        Kind::Policy,
        "policies",
        "UPDATE policies SET revision = $1, updated_at = $2
         WHERE tenant_id = $3 AND tenant_id = ANY ($4)",
    ),
    (
        Kind::Defaults,
        "defaults",
        "UPDATE defaults SET revision = $1, updated_at = $2
         WHERE $3::uuid = ANY ($4)",
    ),
    (
        Kind::StaticToken,
        "static_tokens",
        "UPDATE static_tokens SET revision = $1, updated_at = $2
         WHERE tenant_id = $3 AND static_token_id = ANY ($4)",
    ),
];
