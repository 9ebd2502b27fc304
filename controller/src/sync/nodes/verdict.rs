//! Who counts for a revision and what they say of it. Pure.

use std::time::{Duration, SystemTime};

use proto::id::{NodeId, TenantUid};

use super::{Link, Node, Reject, SEEN_WITHIN, Severity};
use crate::sync::state::Cursor;

/// What came of waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// All in all.
    pub verdict: Verdict,
    /// What every node that counts says, in the order of their ids.
    pub receipts: Vec<Receipt>,
}

/// What all nodes together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is live on every node that counts.
    Live,
    /// A node rejected something of it.
    Rejected,
    /// A node has not answered.
    Pending,
}

/// What one node says of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The node.
    pub node: NodeId,
    /// Its answer.
    pub answer: Answer,
    /// The revision up to which everything is live on it; 0 when it has not said.
    pub applied_revision: u64,
    /// What it rejected of the revision.
    pub rejects: Vec<Reject>,
}

/// How far one node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Everything up to the revision is live on it.
    Applied,
    /// It could not apply a resource of the revision.
    Rejected,
    /// It has not answered for the revision yet.
    Missing,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awaited {
    /// The revision, in the epoch of this controller.
    pub(super) cursor: Cursor,
    /// Whose rejects count; `None` means everybody's.
    pub(super) only: Option<TenantUid>,
}

impl Outcome {
    /// As it is told when there is no more time: a rejection is worth more than a missing answer.
    pub(super) fn at_deadline(mut self) -> Self {
        let rejected = |receipt: &Receipt| receipt.answer == Answer::Rejected;
        if self.receipts.iter().any(rejected) {
            self.verdict = Verdict::Rejected;
        }
        self
    }
}

/// What the nodes say at `now`, and after how long the answer changes by time alone.
pub(super) fn judge<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    awaited: Awaited,
    now: SystemTime,
) -> (Outcome, Option<Duration>) {
    let (mut receipts, mut expiry) = (Vec::new(), None::<Duration>);
    for node in nodes {
        if node.link == Link::Disconnected {
            let Some(left) = counts_for(node, now) else {
                continue;
            };
            expiry = Some(expiry.map_or(left, |earlier| earlier.min(left)));
        }
        receipts.push(receipt(node, awaited));
    }
    let any = |answer| receipts.iter().any(|receipt| receipt.answer == answer);
    let verdict = if any(Answer::Missing) {
        Verdict::Pending
    } else if any(Answer::Rejected) {
        Verdict::Rejected
    } else {
        Verdict::Live
    };
    (Outcome { verdict, receipts }, expiry)
}

/// How long a disconnected node goes on to count.
fn counts_for(node: &Node, now: SystemTime) -> Option<Duration> {
    let silent = now.duration_since(node.seen_at).unwrap_or_default();
    SEEN_WITHIN
        .checked_sub(silent)
        .filter(|left| !left.is_zero())
}

fn receipt(node: &Node, awaited: Awaited) -> Receipt {
    let applied_revision = if node.applied.epoch == awaited.cursor.epoch {
        node.applied.revision
    } else {
        0
    };
    let rejects: Vec<_> = node
        .rejects
        .iter()
        .filter(|r| concerns(r, awaited))
        .cloned()
        .collect();
    let answer = if rejects
        .iter()
        .any(|reject| reject.severity == Severity::Error)
    {
        Answer::Rejected
    } else if applied_revision >= awaited.cursor.revision && node.applied != Cursor::default() {
        Answer::Applied
    } else {
        Answer::Missing
    };
    Receipt {
        node: node.id.clone(),
        answer,
        applied_revision,
        rejects,
    }
}

/// What the revision itself changed. A resource that was bad before is no answer to it: it would make
/// every later wait of its tenant fail.
fn concerns(reject: &Reject, awaited: Awaited) -> bool {
    let within = |tenant| reject.name().is_some_and(|name| name.tenant() == tenant);
    reject.revision == awaited.cursor.revision && awaited.only.is_none_or(within)
}

#[cfg(test)]
mod tests;
