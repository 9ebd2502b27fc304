//! Signatures first.
use bytes::Bytes;

use crate::Rejection;

/// What kind of JSON-RPC message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// The answer of a legacy client to a request of the server; only for a legacy session.
    Response,
}

/// A request id with its JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Id<'a> {
    /// A JSON string, as canonical JSON text with its quotes.
    Text(&'a str),
    /// A JSON integer, as written.
    Integer(&'a str),
}

impl<'a> Id<'a> {
    /// The JSON text of the id.
    pub fn raw(self) -> &'a str {
        match self {
            Self::Text(raw) | Self::Integer(raw) => raw,
        }
    }
}

/// One checked JSON-RPC message.
#[derive(Debug, Clone)]
pub struct Message {
    bytes: Bytes,
}

impl Message {
    /// Reads the body of a POST.
    #[expect(clippy::needless_pass_by_value, reason = "a body has one reader")]
    pub fn read(_body: Bytes) -> Result<Self, Rejection> {
        unimplemented!()
    }
    /// Request, notification or response.
    pub fn kind(&self) -> Kind {
        unimplemented!()
    }
    /// The method; empty for a response.
    pub fn method(&self) -> &str {
        unimplemented!()
    }
    /// The id; none for a notification.
    pub fn id(&self) -> Option<Id<'_>> {
        unimplemented!()
    }
    /// `params.name`, `params.uri` or `params.taskId`, by method; decoded.
    pub fn name(&self) -> Option<&str> {
        unimplemented!()
    }
    /// The version the message claims in `params._meta` (2026-07-28 and later).
    pub fn protocol_version(&self) -> Option<&str> {
        unimplemented!()
    }
    /// The version an `initialize` asks for.
    pub fn requested_version(&self) -> Option<&str> {
        unimplemented!()
    }
    /// The canonical bytes to send upstream.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// The canonical bytes to send upstream.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
    /// The refusal of a response posted where none may be (modern era, or no session).
    pub fn refuse_response(&self) -> Rejection {
        unimplemented!()
    }
}
