//! How a server can fail us.

use egress::DialError;
use http::{HeaderValue, StatusCode};

/// Why there is no answer to relay. `Display` is for our log, [`UpstreamError::wire`] for the client.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection.
    #[error("connecting to the server")]
    Connect(#[source] DialError),
    /// The connection broke before the head of an answer.
    #[error("waiting for the server's answer")]
    Broken(#[source] hyper::Error),
    /// Nothing came in time.
    #[error("the server sent nothing in time")]
    FirstByte,
    /// The answer did not end in time.
    #[error("the server's answer did not end in time")]
    Total,
    /// A status that clients never see.
    #[error("the server answered {status}")]
    Status {
        /// The server's status.
        status: StatusCode,
        /// When to try again, as the server said.
        retry_after: Option<HeaderValue>,
    },
    /// A status that passes, without a body that could.
    #[error("the server answered {0} without a JSON-RPC error")]
    Bare(StatusCode),
    /// Neither JSON nor events.
    #[error("the server's answer has a content type or encoding that is not MCP's")]
    ContentType,
    /// Not one JSON-RPC response.
    #[error("the server's answer is not a JSON-RPC response")]
    NotJsonRpc,
    /// More than the limit.
    #[error("the server's answer is too large")]
    TooLarge,
    /// A session id that cannot be sealed.
    #[error("the server's session id is not one")]
    SessionId,
    /// The credential belongs to another origin.
    #[error("the credential is not for the server's origin")]
    CredentialOrigin,
}

/// The class of an [`UpstreamError`], for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum UpstreamKind {
    /// No connection.
    Connect,
    /// The address may not be called.
    Forbidden,
    /// A connection that broke.
    Broken,
    /// Too slow.
    Deadline,
    /// A status that is the server's failure.
    Status,
    /// An answer that is not MCP.
    Answer,
    /// An answer over a limit.
    TooLarge,
    /// Our credential may not go there.
    Credential,
}

impl UpstreamKind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Forbidden,
        Self::Broken,
        Self::Deadline,
        Self::Status,
        Self::Answer,
        Self::TooLarge,
        Self::Credential,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Forbidden => "forbidden",
            Self::Broken => "broken",
            Self::Deadline => "deadline",
            Self::Status => "status",
            Self::Answer => "answer",
            Self::TooLarge => "too_large",
            Self::Credential => "credential",
        }
    }
}

impl UpstreamError {
    /// The class of the error.
    pub fn kind(&self) -> UpstreamKind {
        match self {
            Self::Connect(DialError::Forbidden(_)) => UpstreamKind::Forbidden,
            Self::Connect(DialError::Deadline) | Self::FirstByte | Self::Total => {
                UpstreamKind::Deadline
            }
            Self::Connect(_) => UpstreamKind::Connect,
            Self::Broken(_) => UpstreamKind::Broken,
            Self::Status { .. } | Self::Bare(_) => UpstreamKind::Status,
            Self::ContentType | Self::NotJsonRpc | Self::SessionId => UpstreamKind::Answer,
            Self::TooLarge => UpstreamKind::TooLarge,
            Self::CredentialOrigin => UpstreamKind::Credential,
        }
    }

    /// Status and text for the client: nothing that the server said, and nothing about where it is.
    pub fn wire(&self) -> (StatusCode, &'static str) {
        let bad = StatusCode::BAD_GATEWAY;
        match self {
            Self::Connect(DialError::Deadline) | Self::FirstByte | Self::Total => (
                StatusCode::GATEWAY_TIMEOUT,
                "The server did not answer in time",
            ),
            Self::Connect(DialError::Forbidden(_)) => {
                (bad, "The server's address may not be called")
            }
            Self::Connect(_) => (bad, "The server cannot be reached"),
            Self::Broken(_) => (
                bad,
                "The connection to the server broke; the call may have been carried out",
            ),
            Self::Status { status, .. } if *status == StatusCode::UNAUTHORIZED => (
                bad,
                "The server refused the gateway's credential; its administrator must set it again",
            ),
            Self::Status { .. } => (bad, "The server failed"),
            Self::Bare(status) => (*status, "The server refused the request"),
            Self::ContentType | Self::NotJsonRpc | Self::SessionId => {
                (bad, "The server's answer is not MCP")
            }
            Self::TooLarge => (bad, "The server's answer is too large"),
            Self::CredentialOrigin => (
                bad,
                "This server moved to another address; its administrator must set its credential again",
            ),
        }
    }

    /// The server's wish when to be asked again.
    pub fn retry_after(&self) -> Option<&HeaderValue> {
        match self {
            Self::Status { retry_after, .. } => retry_after.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_in_their_order() {
        for (number, kind) in UpstreamKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
