//! What a controller is told about a resource that is not live as sent.

use proto::sync::v1::{Reject, reject::Severity};

use crate::config::compile::{Name, Reason};

/// The reject of a resource at a revision: why, in words, and which revision serves instead.
pub(super) fn reject(name: &Name, revision: u64, trouble: (&Reason, &str, u64)) -> Reject {
    let (reason, detail, serving_revision) = trouble;
    // A version that serves although its credential was refused since is odd, not refused.
    let severity = if serving_revision == revision {
        Severity::Warning
    } else {
        Severity::Error
    };
    Reject {
        resource: name.to_string(),
        revision,
        serving_revision,
        reason: reason.code().to_owned(),
        detail: detail.to_owned(),
        severity: severity.into(),
    }
}
