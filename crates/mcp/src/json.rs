//! Signatures first.
use bytes::Bytes;

/// Bounds on one JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open containers, at most 64.
    pub depth: u8,
    /// Values and keys together.
    pub tokens: u32,
    /// Bytes of one decoded key.
    pub key_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            tokens: 200_000,
            key_bytes: 1024,
        }
    }
}

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not the grammar of RFC 8259.
    #[error("the body is not valid JSON at byte {at}")]
    Syntax {
        /// Offset in the input.
        at: usize,
    },
}

impl JsonError {
    /// -32700 or -32600.
    pub fn code(&self) -> i32 {
        -32700
    }
}

/// A checked text in canonical form.
#[derive(Debug, Clone)]
pub struct Document {
    bytes: Bytes,
}

impl Document {
    /// Checks `body` and rewrites it.
    pub fn parse(_body: &[u8], _limits: &Limits) -> Result<Self, JsonError> {
        unimplemented!()
    }
    /// The canonical text.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}
