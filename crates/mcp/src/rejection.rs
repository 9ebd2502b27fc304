//! Signatures first.
use bytes::Bytes;
use http::StatusCode;

use crate::json::JsonError;

/// Why a request was refused; `Display` is the text the client reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// See [`JsonError`].
    #[error(transparent)]
    Json(#[from] JsonError),
}

/// A refusal in the client's terms: HTTP status and JSON-RPC error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    reason: Reason,
    id: Option<Box<str>>,
}

impl Rejection {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        unimplemented!()
    }
    /// The JSON-RPC error code.
    pub fn code(&self) -> i32 {
        unimplemented!()
    }
    /// Why, for logs and metrics.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
    /// The JSON-RPC error response, `application/json`.
    pub fn body(&self) -> Bytes {
        unimplemented!("{:?}", self.id)
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Rejection {}
