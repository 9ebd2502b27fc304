//! What an upstream answered, where we look into it at all: error bodies that we pass on, lists, and the answer
//! to `initialize`. Everything else streams through unread.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{self, Document, Limits, Scope, plain_string};

/// One JSON-RPC response of an upstream, in canonical form.
#[derive(Debug, Clone)]
pub struct Reply {
    document: Document,
    outcome: Outcome,
}

/// The body is not exactly one JSON-RPC response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one JSON-RPC response")]
pub struct NotAReply;

#[derive(Debug, Clone)]
enum Outcome {
    /// The place of the result.
    Result(Range<usize>),
    /// The code of the error.
    Error(i64),
}

impl Reply {
    /// Reads a body, or the data of one event: an object with `jsonrpc` "2.0", an id (string, integer or null) and
    /// either `result` or an `error` with integer code and text; nothing else beside them. The caller bounds its size.
    pub fn read(body: &[u8]) -> Result<Self, NotAReply> {
        Self::read_within(body, &Limits::default())
    }

    /// The same with other bounds.
    pub fn read_within(body: &[u8], limits: &Limits) -> Result<Self, NotAReply> {
        Self::of(Document::parse(body, limits).map_err(|_| NotAReply)?)
    }

    pub(crate) fn of(document: Document) -> Result<Self, NotAReply> {
        let outcome = outcome(&document).ok_or(NotAReply)?;
        Ok(Self { document, outcome })
    }

    /// The id as JSON text; `null` where the upstream could not read it.
    pub fn id(&self) -> &str {
        let id = self.document.member(Scope::Envelope, "id");
        id.and_then(|id| std::str::from_utf8(id).ok())
            .unwrap_or("null")
    }

    /// `error.code`; none for a result.
    pub fn error_code(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Error(code) => Some(code),
            Outcome::Result(_) => None,
        }
    }

    /// `result.protocolVersion`: the version that an answer to `initialize` settles on.
    pub fn protocol_version(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Result(place) => {
                let result = &self.document.bytes()[place.clone()];
                plain_string(json::member(result, "protocolVersion")?)
            }
            Outcome::Error(_) => None,
        }
    }

    /// Where `result` stands in the canonical bytes; none for an error.
    pub(crate) fn result(&self) -> Option<Range<usize>> {
        match &self.outcome {
            Outcome::Result(place) => Some(place.clone()),
            Outcome::Error(_) => None,
        }
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &Bytes {
        self.document.bytes()
    }

    /// The canonical bytes.
    pub fn into_bytes(self) -> Bytes {
        self.document.into_bytes()
    }
}

fn outcome(document: &Document) -> Option<Outcome> {
    let known = ["jsonrpc", "id", "result", "error"];
    let strange = document
        .members(Scope::Envelope)
        .any(|(key, _)| !known.iter().any(|known| known.as_bytes() == key));
    let version = document.member(Scope::Envelope, "jsonrpc")?;
    let id = document.member(Scope::Envelope, "id")?;
    if strange
        || version != b"\"2.0\""
        || !(id == b"null" || id[0] == b'"' || integer(id).is_some())
    {
        return None;
    }
    let result = document
        .spans(Scope::Envelope)
        .find(|(key, _)| document.bytes()[key.clone()] == *b"result");
    match (result, document.member(Scope::Envelope, "error")) {
        (Some((_, place)), None) => Some(Outcome::Result(place)),
        (None, Some(error)) => {
            json::member(error, "message")?.strip_prefix(b"\"")?;
            integer(json::member(error, "code")?).map(Outcome::Error)
        }
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#;

    #[test]
    fn one_error_response_is_taken_and_written_canonically() {
        let spaced = ERROR.replace(':', " : ");
        let reply = Reply::read(spaced.as_bytes()).unwrap();
        assert_eq!(reply.error_code(), Some(-32022));
        assert_eq!(reply.id(), "null");
        assert_eq!(reply.into_bytes(), ERROR.as_bytes());
    }

    #[test]
    fn anything_else_is_no_reply() {
        for body in [
            "",
            "<html></html>",
            "null",
            "[]",
            "{}",
            r#"{"error":"unauthorized"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"code":2,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"trace":"db01.internal"}"#,
            r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
        ] {
            assert_eq!(
                Reply::read(body.as_bytes()).err(),
                Some(NotAReply),
                "{body}"
            );
        }
    }

    #[test]
    fn the_negotiated_version_is_read_from_the_result_itself() {
        let body = r#"{"jsonrpc":"2.0","id":"a","result":{"serverInfo":{"protocolVersion":"x\"}"},"capabilities":[{},[]],"protocolVersion":"2025-06-18"}}"#;
        let reply = Reply::read(body.as_bytes()).unwrap();
        assert_eq!(reply.protocol_version(), Some("2025-06-18"));
        assert_eq!(reply.id(), "\"a\"");
        assert_eq!(reply.error_code(), None);
    }
}
