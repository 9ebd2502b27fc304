//! What is known of one node. Text that nodes send is cut to a length that a table can show.

use std::time::SystemTime;

use proto::{id::NodeId, name::StreamName, sync::v1};
use serde::{Deserialize, Serialize};

use crate::sync::state::Cursor;

/// A gateway process as this controller last saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The pool that its certificate names.
    pub pool: String,
    /// The version of its program.
    pub version: String,
    /// Whether its config stream is open.
    pub link: Link,
    /// Everything up to here is live on it, the rejects aside; zero when it has not said.
    pub applied: Cursor,
    /// What it could not apply.
    pub rejects: Vec<Reject>,
    /// When its config stream last opened.
    pub connected_at: SystemTime,
    /// When it was last heard of.
    pub seen_at: SystemTime,
}

/// Whether a node's config stream is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is.
    Connected,
    /// It is not.
    Disconnected,
}

/// A resource that a node could not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The resource's name on the stream; `State::display_name` has the one that people use.
    pub resource: String,
    /// The revision of the resource that was refused.
    pub revision: u64,
    /// The older revision that still serves; 0 when none does.
    pub serving_revision: u64,
    /// Stable code.
    pub reason: String,
    /// For people.
    pub detail: String,
    /// How much it matters.
    pub severity: Severity,
}

/// How much a reject matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Applied, but something about it is odd.
    Warning,
    /// Not applied, or not said.
    Error,
}

impl Reject {
    /// The rejects of an ack, at most a thousand.
    pub(super) fn list(rejects: &[v1::Reject]) -> Vec<Self> {
        rejects.iter().take(MAX_REJECTS).map(Self::new).collect()
    }

    fn new(reject: &v1::Reject) -> Self {
        Self {
            resource: truncated(&reject.resource, 120),
            revision: reject.revision,
            serving_revision: reject.serving_revision,
            reason: truncated(&reject.reason, 60),
            detail: truncated(&reject.detail, 500),
            severity: match reject.severity() {
                v1::reject::Severity::Warning => Severity::Warning,
                v1::reject::Severity::Error | v1::reject::Severity::Unspecified => Severity::Error,
            },
        }
    }

    /// The resource, if its name is one.
    pub fn name(&self) -> Option<StreamName> {
        self.resource.parse().ok()
    }
}

/// The first `chars` characters.
pub(super) fn truncated(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

const MAX_REJECTS: usize = 1_000;
