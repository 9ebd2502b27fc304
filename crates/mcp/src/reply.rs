//! Signatures first.
use bytes::Bytes;

/// One JSON-RPC response an upstream sent, canonical.
#[derive(Debug, Clone)]
pub struct Reply {
    bytes: Bytes,
}

/// The body is not one JSON-RPC response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one JSON-RPC response")]
pub struct NotAReply;

impl Reply {
    /// Reads a body, or the data of one event.
    pub fn read(_body: &[u8]) -> Result<Self, NotAReply> {
        unimplemented!()
    }
    /// `error.code`.
    pub fn error_code(&self) -> Option<i64> {
        unimplemented!()
    }
    /// `result.protocolVersion` of the answer to `initialize`.
    pub fn protocol_version(&self) -> Option<&str> {
        unimplemented!()
    }
    /// Canonical bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// Canonical bytes.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}
