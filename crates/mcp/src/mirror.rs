//! Signatures first.
use http::{HeaderMap, HeaderValue};

use crate::{Rejection, era::Era, message::Message};

/// Compares the mirrored headers of a modern message with its body; nothing for a legacy one.
pub fn check(_message: &Message, _headers: &HeaderMap) -> Result<(), Rejection> {
    unimplemented!()
}

/// A header value that carries any text: as is where it is plain, as the base64 sentinel otherwise.
pub fn encode_value(_text: &str) -> HeaderValue {
    unimplemented!()
}

/// Writes the mirrored headers for the upstream request: generated from the body, `Mcp-Param-*` copied
/// from `client`; for a legacy era only `MCP-Protocol-Version`.
pub fn write(_message: &Message, _era: Era, _client: &HeaderMap, _upstream: &mut HeaderMap) {
    unimplemented!()
}
