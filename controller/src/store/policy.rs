//! A tenant's policy, kept whole.

use proto::access::v1;
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    OneTenant, StoreError, Tx,
    change::{Committed, Kind, Op, Touched},
    changed, document,
    head::from_column,
};

/// A policy as stored.
#[derive(Debug, Clone)]
pub struct StoredPolicy {
    /// What it says.
    pub policy: v1::Policy,
    /// The revision that last changed it.
    pub revision: u64,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl StoredPolicy {
    /// The policy as it reads after a commit that touched it.
    pub fn after(policy: v1::Policy, committed: Committed) -> Self {
        Self {
            policy,
            revision: committed.revision,
            updated_at: committed.time,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    body: Value,
    revision: i64,
    updated_at: OffsetDateTime,
}

impl Tx<OneTenant> {
    /// The tenant's policy; `None` where none was set.
    pub async fn policy(&mut self) -> Result<Option<StoredPolicy>, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        let row: Option<Row> =
            sqlx::query_as("SELECT body, revision, updated_at FROM policies WHERE tenant_id = $1")
                .bind(tenant)
                .fetch_optional(&mut *self.sql)
                .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let policy = document::from_json(row.body).map_err(|_| StoreError::Inconsistent {
            table: "policies",
            column: "body",
            row: tenant,
        })?;
        Ok(Some(StoredPolicy {
            policy,
            revision: from_column(row.revision),
            updated_at: row.updated_at,
        }))
    }

    /// Stores the policy of a locked tenant.
    pub async fn set_policy(&mut self, policy: &v1::Policy) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO policies (tenant_id, body, created_at, updated_at)
             VALUES ($1, $2, $3, $3)
             ON CONFLICT (tenant_id) DO UPDATE SET body = excluded.body",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(document::to_json(policy))
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        changed("policies", 1, done.rows_affected())?;
        self.touch_policy(Op::Upsert);
        Ok(())
    }

    /// Removes the policy of a locked tenant; whether there was one.
    pub async fn delete_policy(&mut self) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM policies WHERE tenant_id = $1")
            .bind(self.scope.tenant.uid.uuid())
            .execute(&mut *self.sql)
            .await?;
        let was_there = done.rows_affected() > 0;
        if was_there {
            self.touch_policy(Op::Delete);
        }
        Ok(was_there)
    }

    fn touch_policy(&mut self, op: Op) {
        let tenant = &self.scope.tenant;
        let touched = Touched {
            kind: Kind::Policy,
            tenant: tenant.uid,
            id: tenant.uid.uuid(),
            op,
            name: format!("{}/policy", tenant.name()),
        };
        self.touch(touched);
    }
}
