//! The nodes that were ever connected and how far each is: what `aldgate node list` shows and what
//! waiting for a revision looks at. It lives in memory and is kept in table `nodes`, so that a
//! restarted controller knows whom to wait for.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use prost::bytes::Bytes;
use proto::{
    id::{NodeId, TenantUid},
    name::Slug,
};
use runtime::clock::Clock;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::node::truncated;
use super::{
    session::{Plan, Why},
    state::{Cursor, States},
};
use crate::store::{Store, StoreError};

/// A node's open stream.
mod connection;

/// What is known of one node.
mod node;

/// Who counts for a revision, and what they say of it.
mod verdict;

pub(super) use connection::Connection;
pub use node::{Link, Node, Reject, Severity};
pub use verdict::{Answer, Outcome, Receipt, Verdict};

/// The nodes. Clones are the same registry.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    clock: Clock,
    states: States,
    records: Mutex<Records>,
    /// Rung whenever a node's progress, rejects or link change.
    news: watch::Sender<()>,
    unsaved: Notify,
}

#[derive(Default)]
struct Records {
    nodes: BTreeMap<NodeId, Record>,
    connections: u64,
}

struct Record {
    node: Node,
    boot: Bytes,
    connection: Option<(u64, CancellationToken)>,
    /// Up to where it says that revocations are in force.
    revoked: Revoked,
    /// Only a snapshot helps: said before the last stream ended.
    asked: Option<Why>,
    unsaved: Saving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saving {
    Due,
    Done,
}

/// A number among the revocations; they compare only inside one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Revoked {
    epoch: u64,
    sequence: u64,
}

/// What one node says of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The node.
    pub node: NodeId,
    /// Whether it is in force there.
    pub confirmed: bool,
    /// Up to where revocations are in force there; 0 when it has not said.
    pub position: u64,
}

/// What became of the wish to forget a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// It is forgotten.
    Gone,
    /// It is connected, so it stays.
    Connected,
    /// There is no such node.
    Unknown,
}

impl Registry {
    /// A registry that knows these nodes from before; all count as disconnected.
    pub fn new(known: Vec<Node>, clock: Clock, states: States) -> Self {
        let nodes = known
            .into_iter()
            .map(|node| (node.id.clone(), Record::known(node)))
            .collect();
        Self(Arc::new(Inner {
            clock,
            states,
            records: Mutex::new(Records {
                nodes,
                connections: 0,
            }),
            news: watch::Sender::new(()),
            unsaved: Notify::new(),
        }))
    }

    /// A registry that knows the nodes in the database.
    pub async fn load(store: &Store, clock: Clock, states: States) -> Result<Self, StoreError> {
        Ok(Self::new(store.nodes().await?, clock, states))
    }

    /// All nodes in the order of their ids.
    pub fn list(&self) -> Vec<Node> {
        let records = self.lock();
        records.nodes.values().map(|r| r.node.clone()).collect()
    }

    /// One node.
    pub fn find(&self, id: &NodeId) -> Option<Node> {
        self.lock().nodes.get(id).map(|record| record.node.clone())
    }

    /// Forgets a node that is not connected. Its row is the caller's to delete, before.
    pub fn forget(&self, id: &NodeId) -> Forgotten {
        let mut records = self.lock();
        match records.nodes.get(id) {
            None => return Forgotten::Unknown,
            Some(record) if record.connection.is_some() => return Forgotten::Connected,
            Some(_) => records.nodes.remove(id),
        };
        drop(records);
        self.0.news.send_replace(());
        Forgotten::Gone
    }

    /// Waits until every node that counts answered for `revision`, at most `timeout`. Those count
    /// that are connected or were seen within the last 10 s. With `only`, rejects of that tenant's
    /// resources count and no others.
    pub async fn wait(&self, revision: u64, only: Option<TenantUid>, timeout: Duration) -> Outcome {
        let deadline = Instant::now() + timeout;
        let (mut news, mut states) = (self.0.news.subscribe(), self.0.states.clone());
        loop {
            news.mark_unchanged();
            states.mark_unchanged();
            let (outcome, expiry) = self.judge(revision, only);
            if outcome.verdict != Verdict::Pending || Instant::now() >= deadline {
                return outcome.at_deadline();
            }
            let wake = expiry.map_or(deadline, |expiry| deadline.min(Instant::now() + expiry));
            tokio::select! {
                // The registry holds the sender.
                _ = news.changed() => {}
                // Only a revision that is committed can be live, also where no node counts.
                Ok(()) = states.changed() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Waits until every node that is connected, or was seen within the last 10 s, has said that this
    /// revocation is in force, at most `timeout`; what they said then. A node confirms only with a
    /// position that there is: with another one it speaks of another history.
    pub async fn wait_revoked(
        &self,
        epoch: u64,
        sequence: u64,
        there_is: impl Fn(u64) -> bool,
        timeout: Duration,
    ) -> Vec<Confirmation> {
        let deadline = Instant::now() + timeout;
        let mut news = self.0.news.subscribe();
        let counted = self.counted();
        loop {
            news.mark_unchanged();
            let mut said = self.confirmations(&counted, epoch, sequence);
            for one in &mut said {
                one.confirmed &= there_is(one.position);
            }
            if said.iter().all(|one| one.confirmed) || Instant::now() >= deadline {
                return said;
            }
            tokio::select! {
                // The registry holds the sender.
                _ = news.changed() => {}
                // What there is grows without news of nodes.
                () = sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)) => {}
            }
        }
    }

    /// Who counts now.
    fn counted(&self) -> Vec<NodeId> {
        let since = self.0.clock.now() - SEEN_WITHIN;
        let records = self.lock();
        let counts = |record: &&Record| record.connection.is_some() || record.node.seen_at >= since;
        let counted = records.nodes.values().filter(counts);
        counted.map(|record| record.node.id.clone()).collect()
    }

    fn confirmations(&self, counted: &[NodeId], epoch: u64, sequence: u64) -> Vec<Confirmation> {
        let records = self.lock();
        let said = |id: &NodeId| {
            let said = records.nodes.get(id).map(|record| record.revoked);
            let said = said.filter(|said| said.epoch == epoch);
            let position = said.map_or(0, |said| said.sequence);
            Confirmation {
                node: id.clone(),
                confirmed: position >= sequence,
                position,
            }
        };
        counted.iter().map(said).collect()
    }

    fn judge(&self, revision: u64, only: Option<TenantUid>) -> (Outcome, Option<Duration>) {
        let head = self.0.states.borrow().as_ref().map(|state| state.cursor());
        let head = head.unwrap_or_default();
        let awaited = verdict::Awaited {
            cursor: Cursor {
                epoch: head.epoch,
                revision,
            },
            only,
        };
        let records = self.lock();
        let nodes = records.nodes.values().map(|record| &record.node);
        let (mut outcome, expiry) = verdict::judge(nodes, awaited, self.0.clock.now());
        if outcome.verdict == Verdict::Live && head.revision < revision {
            outcome.verdict = Verdict::Pending;
        }
        (outcome, expiry)
    }

    /// Why the node needs a snapshot, if its last stream ended for that.
    pub(super) fn asked(&self, id: &NodeId) -> Option<Why> {
        self.lock().nodes.get(id)?.asked
    }

    /// Notes a new stream. An older one of the same node is told to end.
    pub(super) fn connect(&self, hello: Greeting, plan: Plan) -> Connection {
        let now = self.0.clock.now();
        let superseded = CancellationToken::new();
        let mut records = self.lock();
        records.connections += 1;
        let number = records.connections;
        let connection = Some((number, superseded.clone()));
        let id = hello.id.clone();
        let epoch = hello.epoch;
        let before = records.nodes.remove(&id);
        if let Some((_, older)) = before.as_ref().and_then(|r| r.connection.as_ref()) {
            older.cancel();
        }
        let node = hello.node(plan, before.as_ref(), now);
        let record = Record {
            node,
            boot: hello.boot,
            connection,
            revoked: Revoked {
                epoch: hello.have.epoch,
                sequence: hello.revocations,
            },
            asked: None,
            unsaved: Saving::Due,
        };
        records.nodes.insert(id.clone(), record);
        drop(records);
        self.ring();
        Connection {
            registry: self.clone(),
            id,
            number,
            epoch,
            superseded,
        }
    }

    /// Keeps table `nodes` up to date until `soft` is cancelled, and once more then. A database that
    /// cannot be written to costs nothing but the memory of the next controller.
    pub async fn keep(self, store: Store, soft: CancellationToken) {
        let mut broken = false;
        loop {
            let stopping = tokio::select! {
                () = soft.cancelled() => Stopping::Yes,
                () = self.0.unsaved.notified() => Stopping::No,
                () = sleep(SAVE_EVERY) => Stopping::No,
            };
            let nodes = self.unsaved();
            match save(&store, &nodes).await {
                Ok(()) => broken = false,
                Err(error) => {
                    self.mark_unsaved(&nodes);
                    if !std::mem::replace(&mut broken, true) {
                        tracing::warn!(error = &error as &dyn Error, "nodes cannot be saved");
                    }
                }
            }
            if stopping == Stopping::Yes {
                return;
            }
        }
    }

    /// What has to be saved: what changed, and the connected nodes for the time they were seen.
    fn unsaved(&self) -> Vec<Node> {
        let mut records = self.lock();
        let due = records
            .nodes
            .values_mut()
            .filter(|record| record.unsaved == Saving::Due || record.connection.is_some());
        due.map(|record| {
            record.unsaved = Saving::Done;
            record.node.clone()
        })
        .collect()
    }

    fn mark_unsaved(&self, nodes: &[Node]) {
        let mut records = self.lock();
        for node in nodes {
            if let Some(record) = records.nodes.get_mut(&node.id) {
                record.unsaved = Saving::Due;
            }
        }
    }

    fn ring(&self) {
        let connected = |record: &&Record| record.connection.is_some();
        let count = self.lock().nodes.values().filter(connected).count();
        metrics::gauge!("aldgate_nodes_connected").set(u32::try_from(count).unwrap_or(u32::MAX));
        self.0.news.send_replace(());
        self.0.unsaved.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        let records = &self.0.records;
        records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nodes could not be saved.
#[derive(Debug, thiserror::Error)]
enum SaveError {
    #[error("the store refused them")]
    Store(#[from] StoreError),
    #[error("saving took longer than {} s", SAVE_DEADLINE.as_secs())]
    Deadline,
}

async fn save(store: &Store, nodes: &[Node]) -> Result<(), SaveError> {
    let saving = timeout(SAVE_DEADLINE, store.save_nodes(nodes));
    Ok(saving.await.map_err(|_| SaveError::Deadline)??)
}

#[derive(PartialEq, Eq)]
enum Stopping {
    Yes,
    No,
}

impl Record {
    fn known(node: Node) -> Self {
        Self {
            node,
            boot: Bytes::new(),
            connection: None,
            revoked: Revoked::default(),
            asked: None,
            unsaved: Saving::Done,
        }
    }
}

/// Who says hello.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    pub(super) id: NodeId,
    pub(super) pool: Slug,
    pub(super) version: String,
    pub(super) boot: Bytes,
    pub(super) have: Cursor,
    /// Up to where it holds revocations, in the epoch of `have`.
    pub(super) revocations: u64,
    /// The epoch of this conversation.
    pub(super) epoch: u64,
}

impl Greeting {
    /// What is known of the node now. What it has live is only what an ack said, of this process:
    /// what a hello says it holds may still wait for a lease.
    fn node(&self, plan: Plan, before: Option<&Record>, now: SystemTime) -> Node {
        let same_process = |record: &&Record| record.boot == self.boot || record.boot.is_empty();
        let before = match plan {
            Plan::Resume => before.filter(same_process),
            Plan::Snapshot(_) => before.filter(|record| record.boot == self.boot),
        };
        let applied = before
            .map(|record| record.node.applied)
            .filter(|applied| {
                applied.epoch == self.have.epoch && applied.revision <= self.have.revision
            })
            .unwrap_or_default();
        Node {
            id: self.id.clone(),
            pool: self.pool.to_string(),
            version: truncated(&self.version, 100),
            link: Link::Connected,
            applied,
            rejects: before.map_or_else(Vec::new, |record| record.node.rejects.clone()),
            connected_at: now,
            seen_at: now,
        }
    }
}

/// A node that was seen so long ago does not count any more.
pub const SEEN_WITHIN: Duration = Duration::from_secs(10);

const LOOK_AGAIN: Duration = Duration::from_millis(100);
const SAVE_EVERY: Duration = Duration::from_secs(3);
const SAVE_DEADLINE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
