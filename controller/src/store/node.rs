//! Gateway nodes as controllers last saw them, and the record of what they were granted. Not
//! config: nothing here makes a revision.

use std::time::SystemTime;

use proto::id::{NodeId, TenantUid};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Author, Platform, Store, StoreError, Tx, audit};
use crate::sync::{
    Cursor,
    nodes::{Link, Node, Reject},
};

#[derive(FromRow)]
struct Row {
    node_id: String,
    pool: String,
    version: String,
    applied_epoch: i64,
    applied_revision: i64,
    rejects: serde_json::Value,
    connected_at: OffsetDateTime,
    seen_at: OffsetDateTime,
}

impl Row {
    /// `None` for an id that no certificate can carry.
    fn node(self) -> Option<Node> {
        let id: NodeId = self.node_id.parse().ok()?;
        // Rejects in a form that this program does not know are the next ack's to say again.
        let rejects: Vec<Reject> = serde_json::from_value(self.rejects).unwrap_or_default();
        Some(Node {
            id,
            pool: self.pool,
            version: self.version,
            link: Link::Disconnected,
            applied: Cursor {
                epoch: self.applied_epoch.cast_unsigned(),
                revision: self.applied_revision.cast_unsigned(),
            },
            rejects,
            connected_at: self.connected_at.into(),
            seen_at: self.seen_at.into(),
        })
    }
}

impl Store {
    /// The nodes that controllers ever saw.
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        let mut tx = self.platform(Author::boot("nodes.list")).await?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT node_id, pool, version, applied_epoch, applied_revision, rejects, connected_at,
                    seen_at
             FROM nodes",
        )
        .fetch_all(&mut *tx.sql)
        .await?;
        Ok(rows.into_iter().filter_map(Row::node).collect())
    }

    /// Saves these nodes as they are.
    pub async fn save_nodes(&self, nodes: &[Node]) -> Result<(), StoreError> {
        if nodes.is_empty() {
            return Ok(());
        }
        let mut tx = self.platform(Author::boot("nodes.save")).await?;
        for node in nodes {
            tx.save_node(node).await?;
        }
        tx.sql.commit().await?;
        Ok(())
    }

    /// Records that a node was granted these servers' credentials: all of them or, on an error, none.
    pub async fn record_grants(
        &self,
        author: Author,
        grants: &[(TenantUid, String)],
    ) -> Result<(), StoreError> {
        let mut tx = self.platform(author).await?;
        for (tenant, resource) in grants {
            let entry = audit::Entry {
                resource: resource.clone(),
                before: None,
                after: None,
            };
            tx.record(Some(*tenant), &entry, None).await?;
        }
        tx.sql.commit().await?;
        Ok(())
    }
}

impl Tx<Platform> {
    /// Deletes a node's row; whether there was one.
    pub async fn delete_node(&mut self, id: &NodeId) -> Result<Deleted, StoreError> {
        let done = sqlx::query("DELETE FROM nodes WHERE node_id = $1")
            .bind(id.as_str())
            .execute(&mut *self.sql)
            .await?;
        Ok(match done.rows_affected() {
            0 => Deleted::Missing,
            _ => Deleted::Gone,
        })
    }

    async fn save_node(&mut self, node: &Node) -> Result<(), StoreError> {
        let rejects = serde_json::to_value(&node.rejects).unwrap_or_default();
        let done = sqlx::query(
            "INSERT INTO nodes (
                 node_id, pool, version, applied_epoch, applied_revision, rejects, connected_at,
                 seen_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (node_id) DO UPDATE SET
                 pool = excluded.pool,
                 version = excluded.version,
                 applied_epoch = excluded.applied_epoch,
                 applied_revision = excluded.applied_revision,
                 rejects = excluded.rejects,
                 connected_at = excluded.connected_at,
                 seen_at = excluded.seen_at",
        )
        .bind(node.id.as_str())
        .bind(&node.pool)
        .bind(&node.version)
        .bind(node.applied.epoch.cast_signed())
        .bind(node.applied.revision.cast_signed())
        .bind(rejects)
        .bind(column(node.connected_at))
        .bind(column(node.seen_at))
        .execute(&mut *self.sql)
        .await?;
        super::changed("nodes", 1, done.rows_affected())
    }
}

/// Whether a row was there to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Gone,
    /// There was none.
    Missing,
}

fn column(time: SystemTime) -> OffsetDateTime {
    super::microseconds(time)
}
