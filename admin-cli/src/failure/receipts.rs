//! What the nodes say of a revision that is not live, as a failed `WaitForRevision` carries it.

use std::fmt;

use prost::Message as _;
use proto::admin::v1::{NodeReceipt, WaitForRevisionResponse, node_receipt::State};
use tonic::Status;

/// A revision that is not live everywhere, and the nodes that stand in the way.
#[derive(Debug)]
pub(crate) struct NotLive {
    pub(super) revision: u64,
    message: String,
    receipts: Vec<NodeReceipt>,
}

impl NotLive {
    /// Reads the details of a failed wait.
    pub(crate) fn read(revision: u64, status: &Status) -> Self {
        Self {
            revision,
            message: status.message().to_owned(),
            receipts: receipts(status).unwrap_or_default(),
        }
    }
}

impl fmt::Display for NotLive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pending = self
            .receipts
            .iter()
            .filter(|receipt| receipt.state() != State::Applied)
            .peekable();
        if pending.peek().is_none() {
            return write!(f, " {}", self.message);
        }
        for receipt in pending {
            write!(f, "\n  {}: ", receipt.node)?;
            if receipt.rejects.is_empty() {
                write!(f, "runs revision {}", receipt.applied_revision)?;
            }
            for (at, reject) in receipt.rejects.iter().enumerate() {
                let between = if at == 0 { "" } else { "; " };
                write!(
                    f,
                    "{between}cannot apply {}: {} ({})",
                    reject.resource, reject.detail, reject.reason
                )?;
            }
        }
        Ok(())
    }
}

fn receipts(status: &Status) -> Option<Vec<NodeReceipt>> {
    let details = tonic_types::Status::decode(status.details()).ok()?.details;
    let detail = details
        .iter()
        .find(|detail| detail.type_url.ends_with(MESSAGE))?;
    let answer = WaitForRevisionResponse::decode(detail.value.as_slice()).ok()?;
    Some(answer.nodes)
}

const MESSAGE: &str = "/aldgate.admin.v1.WaitForRevisionResponse";
