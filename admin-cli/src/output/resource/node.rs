//! Nodes, and what they say of a revision.

use proto::admin::v1::{Node, NodeReceipt, Reject, WaitForRevisionResponse, node, node_receipt};

use super::{Resource, Shown, slug, time};

impl Shown for Node {
    const MESSAGE: &'static str = "aldgate.admin.v1.Node";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("name", self.name.clone()),
            ("pool", self.pool.clone()),
            ("state", node_state(self)),
            ("applied revision", self.applied_revision.to_string()),
            ("connected", time(self.connect_time.as_ref())),
            ("last seen", time(self.last_seen_time.as_ref())),
            ("version", self.version.clone()),
        ];
        facts.extend(
            self.rejects
                .iter()
                .map(|reject| ("reject", reject_line(reject))),
        );
        facts
    }
}

impl Resource for Node {
    const PLURAL: &'static str = "nodes";
    const COLUMNS: &'static [&'static str] = &[
        "NAME",
        "POOL",
        "STATE",
        "APPLIED",
        "LAST SEEN",
        "VERSION",
        "REJECTS",
    ];

    fn cells(&self) -> Vec<String> {
        let rejects = self
            .rejects
            .iter()
            .map(|reject| format!("{} {}", reject.resource, reject.reason));
        vec![
            slug(&self.name),
            self.pool.clone(),
            node_state(self),
            self.applied_revision.to_string(),
            time(self.last_seen_time.as_ref()),
            self.version.clone(),
            rejects.collect::<Vec<_>>().join(", "),
        ]
    }
}

impl Shown for WaitForRevisionResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.WaitForRevisionResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("revision", self.revision.to_string())];
        facts.extend(
            self.nodes
                .iter()
                .map(|receipt| ("node", receipt_line(receipt))),
        );
        facts
    }
}

/// A node and how far it is, in one line.
fn receipt_line(receipt: &NodeReceipt) -> String {
    let state = match receipt.state() {
        node_receipt::State::Unspecified => "unknown",
        node_receipt::State::Applied => "applied",
        node_receipt::State::Rejected => "rejected",
        node_receipt::State::Missing => "missing",
    };
    let rejects = receipt
        .rejects
        .iter()
        .map(|reject| format!("; {}", reject_line(reject)));
    let rejects: String = rejects.collect();
    format!(
        "{} {state} (runs revision {}){rejects}",
        slug(&receipt.node),
        receipt.applied_revision
    )
}

/// A reject in one line.
pub(crate) fn reject_line(reject: &Reject) -> String {
    let serves = match reject.serving_revision {
        0 => "nothing is served instead".to_owned(),
        older => format!("revision {older} of it serves on"),
    };
    format!(
        "{} at revision {}: {} ({}); {serves}",
        reject.resource, reject.revision, reject.detail, reject.reason
    )
}

/// Whether a node is in touch with a controller, in a word.
pub(crate) fn node_state(node: &Node) -> String {
    match node.state() {
        node::State::Unspecified => "unknown",
        node::State::Connected => "connected",
        node::State::Disconnected => "disconnected",
    }
    .into()
}
