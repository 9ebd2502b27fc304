//! Why a conversation with a controller ends, and what that means for the next one.

use std::error::Error;

use tonic::Status;

use crate::{
    config::{
        link::{Controller, LinkError},
        replica::Gap,
        staging::Disorder,
    },
    revocation::Unreadable,
};

/// Why a conversation ends.
#[derive(Debug, thiserror::Error)]
pub(in crate::config) enum End {
    /// It did not begin.
    #[error("no connection")]
    Unreachable(#[source] LinkError),
    /// The stream broke or was ended by the controller.
    #[error("the config stream ended")]
    Broken(#[source] Status),
    /// Nothing came for too long.
    #[error("the controller is silent")]
    Silent,
    /// The controller asked for it.
    #[error("the controller asked us to leave")]
    Asked,
    /// A frame that does not belong where it came.
    #[error("the controller sent a frame out of turn")]
    OutOfTurn,
    /// A delta that does not follow what we hold.
    #[error("a delta does not follow")]
    Gap(#[from] Gap),
    /// A snapshot that is not whole.
    #[error("a snapshot is not whole")]
    Disorder(#[from] Disorder),
    /// What is revoked cannot be understood.
    #[error("a revocation cannot be understood")]
    Unreadable(#[from] Unreadable),
    /// The controller's history is another one.
    #[error("the epoch changed")]
    OtherEpoch,
    /// We hold something else than the controller.
    #[error("what this node holds is not what the controller holds; everything is asked for anew")]
    Diverged,
}

impl End {
    /// For metrics.
    pub(in crate::config) fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Broken(_) => "broken",
            Self::Silent => "silent",
            Self::Asked => "asked",
            Self::OutOfTurn => "out_of_turn",
            Self::Gap(_) => "gap",
            Self::Disorder(_) => "disorder",
            Self::Unreadable(_) => "unreadable",
            Self::OtherEpoch => "epoch",
            Self::Diverged => "diverged",
        }
    }

    /// Whether another hello to the same controller will do.
    pub(in crate::config) fn keeps_connection(&self) -> bool {
        match self {
            Self::Gap(_) | Self::Disorder(_) | Self::OtherEpoch | Self::Diverged => true,
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::Silent
            | Self::Asked
            | Self::Unreadable(_)
            | Self::OutOfTurn => false,
        }
    }

    /// Says it once, with its causes.
    pub(in crate::config) fn log(&self, controller: &Controller) {
        let mut error = self.to_string();
        let mut cause = self.source();
        while let Some(source) = cause {
            error = format!("{error}: {source}");
            cause = source.source();
        }
        match self {
            Self::Asked => tracing::info!(%controller, "leaving the controller as asked"),
            Self::Diverged | Self::OutOfTurn | Self::Unreadable(_) => {
                tracing::error!(%controller, error, "config stream ended");
            }
            _ => tracing::warn!(%controller, error, "config stream ended; what is live stays"),
        }
    }
}
