//! One open stream of a node: what the node says on it changes the node's record, as long as no
//! other stream of the node took over.

use proto::{id::NodeId, sync::v1};
use tokio_util::sync::CancellationToken;

use super::{Link, Record, Registry, Reject, Revoked, Saving};
use crate::sync::{session::Why, state::Cursor};

/// A node's open stream. Dropped when the stream ends.
pub(in crate::sync) struct Connection {
    pub(super) registry: Registry,
    pub(super) id: NodeId,
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) superseded: CancellationToken,
}

impl Connection {
    /// Cancelled when the node opened another stream.
    pub(in crate::sync) fn superseded(&self) -> &CancellationToken {
        &self.superseded
    }

    /// The node gave a sign of life.
    pub(in crate::sync) fn seen(&self) {
        let now = self.registry.0.clock.now();
        self.update(|record| record.node.seen_at = now);
    }

    /// The node says what it runs.
    pub(in crate::sync) fn acked(&self, ack: &v1::Ack) {
        let applied = ack.applied.map(Cursor::from).unwrap_or_default();
        let rejects = Reject::list(&ack.rejects);
        let now = self.registry.0.clock.now();
        let revoked = Revoked {
            epoch: self.epoch,
            sequence: ack.revocations,
        };
        let rejects_changed = self.update(|record| {
            record.revoked = revoked;
            let changed = record.node.rejects != rejects;
            record.node.seen_at = now;
            record.node.applied = applied;
            record.node.rejects = rejects;
            if changed {
                record.unsaved = Saving::Due;
            }
            changed
        });
        match rejects_changed {
            Some(true) => self.registry.ring(),
            Some(false) | None => {
                self.registry.0.news.send_replace(());
            }
        }
    }

    /// The node needs a snapshot when it comes back.
    pub(in crate::sync) fn ask_for_snapshot(&self, why: Why) {
        self.update(|record| record.asked = Some(why));
    }

    /// Does nothing when another stream of the node took over.
    fn update<T>(&self, with: impl FnOnce(&mut Record) -> T) -> Option<T> {
        let mut records = self.registry.lock();
        let record = records.nodes.get_mut(&self.id)?;
        let current = record.connection.as_ref()?.0 == self.number;
        current.then(|| with(record))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.update(|record| {
            record.connection = None;
            record.node.link = Link::Disconnected;
            record.unsaved = Saving::Due;
        });
        self.registry.ring();
    }
}
