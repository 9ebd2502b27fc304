//! Why a config stream ends, and what the node is told.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::sync::session::{Behind, Why};

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the stream must begin with a hello, within 10 s")]
    NoHello,
    #[error("the hello names another node than the certificate")]
    OtherNode,
    #[error("the node said hello twice")]
    SecondHello,
    #[error("the node acknowledged what was never sent to it")]
    ImpossibleAck,
    #[error("config was not read from the database yet")]
    NotReady,
    #[error("this controller is behind the node")]
    Behind(#[from] Behind),
    #[error("only a snapshot helps ({}); say hello again", .0.label())]
    Restart(Why),
    #[error("the node opened another stream")]
    Superseded,
    #[error("nothing was heard of the node for 10 s")]
    Silent,
    #[error("the node ended the stream")]
    Gone,
    #[error("this controller is stopping")]
    Stopping,
}

impl End {
    /// The stream's last word; `None` for a clean end.
    pub(super) fn status(&self) -> Option<Status> {
        let code = match self {
            Self::NoHello | Self::SecondHello | Self::ImpossibleAck => Code::InvalidArgument,
            Self::OtherNode => Code::PermissionDenied,
            Self::NotReady | Self::Behind(_) => {
                return Some(Status::with_error_details(
                    Code::Unavailable,
                    self.to_string(),
                    ErrorDetails::with_retry_info(Some(RETRY_AFTER)),
                ));
            }
            Self::Restart(_) | Self::Superseded => Code::Aborted,
            Self::Silent => Code::DeadlineExceeded,
            Self::Gone | Self::Stopping => return None,
        };
        Some(Status::new(code, self.to_string()))
    }

    /// Once per stream.
    pub(super) fn log(&self, node: &str) {
        let error = self as &dyn std::error::Error;
        match self {
            Self::Restart(Why::Diverged) => {
                metrics::counter!("aldgate_config_divergences_total").increment(1);
                tracing::error!(
                    node.id = node,
                    "a node holds other config than it was sent; it gets a snapshot"
                );
            }
            Self::ImpossibleAck | Self::SecondHello | Self::NoHello | Self::OtherNode => {
                tracing::error!(node.id = node, error, "a config stream broke the protocol");
            }
            Self::Behind(_) | Self::Silent | Self::Restart(_) | Self::Superseded => {
                tracing::warn!(node.id = node, error, "a config stream was ended");
            }
            Self::NotReady | Self::Gone | Self::Stopping => {
                tracing::info!(node.id = node, reason = %self, "a config stream ended");
            }
        }
    }
}

const RETRY_AFTER: Duration = Duration::from_secs(1);
