//! What a client reads when its message is refused: one stable text per reason, and the only mapping of
//! reasons to HTTP status and JSON-RPC code.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::StatusCode;

use crate::{
    era::{LegacyVersion, MODERN},
    json::{JsonError, write_string},
};

/// Why a message was refused. `Display` is the text the client reads: it says how to fix the request and repeats
/// nothing of the body but short key names and well-formed method names and versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The JSON text itself.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An array of messages (JR-05).
    #[error("batches are not accepted: send one JSON-RPC message per POST")]
    Batch,
    /// A scalar.
    #[error("the body must be one JSON-RPC message, a JSON object")]
    NotAnObject,
    /// A member of the envelope that JSON-RPC does not have.
    #[error("remove \"{key}\": a message holds only jsonrpc, id, method and params")]
    EnvelopeKey {
        /// Cut and escaped.
        key: Box<str>,
    },
    /// A key that some parsers take for a known one (JR-04, CVE-2026-27896).
    #[error("remove \"{key}\" or spell it \"{known}\": keys are case-sensitive")]
    KeyVariant {
        /// Cut and escaped.
        key: Box<str>,
        /// What it could be taken for.
        known: &'static str,
    },
    /// `jsonrpc` is not `"2.0"`.
    #[error("\"jsonrpc\" must be \"2.0\"")]
    JsonrpcVersion,
    /// An id of a wrong type or size.
    #[error(
        "\"id\" must be a string of at most 128 bytes or an integer between -(2^53-1) and 2^53-1"
    )]
    Id,
    /// A request without an id (JR-19).
    #[error("{method} is a request: give it an \"id\"")]
    MissingId {
        /// A known method.
        method: &'static str,
    },
    /// A notification with an id.
    #[error("a notification has no \"id\": remove it")]
    NotificationId,
    /// No method, or one that is no string.
    #[error("\"method\" must be a string")]
    Method,
    /// A method that is misspelt, or not of the form of a method name.
    #[error("unknown method: names are case-sensitive and look like \"tools/call\"")]
    UnknownMethod,
    /// `initialize` in an era without handshake.
    #[error("there is no initialize in protocol version 2026-07-28: call server/discover")]
    NoHandshake,
    /// `params` is no object.
    #[error("\"params\" must be an object")]
    Params,
    /// `params._meta` is no object.
    #[error("\"params._meta\" must be an object")]
    Meta,
    /// `params.name` or `params.uri` is missing or malformed.
    #[error("{method} needs \"params.{field}\": 1 to {limit} bytes without control characters")]
    Name {
        /// A known method.
        method: &'static str,
        /// `name`, `uri` or `taskId`.
        field: &'static str,
        /// In bytes.
        limit: usize,
    },
    /// A response without exactly one of `result` and `error`, or without id.
    #[error("a response holds \"jsonrpc\", \"id\" and either \"result\" or \"error\"")]
    ResponseShape,
    /// A response where none can be expected (JR-11).
    #[error("responses are accepted only in a session of protocol version 2025-11-25 or earlier")]
    UnexpectedResponse,
    /// The `_meta` keys that a modern message needs are missing or malformed (MH-11).
    #[error("\"params._meta\" needs {}", .missing.join(", "))]
    Envelope {
        /// Their full names and types.
        missing: Vec<&'static str>,
    },
    /// A version nobody here speaks, claimed in the body.
    #[error("unsupported protocol version: use one of {}", MODERN.join(", "))]
    UnsupportedVersion {
        /// What was asked for; at most 64 bytes.
        requested: Box<str>,
    },
    /// A version nobody here speaks, in the header of a message without a claim.
    #[error("the MCP-Protocol-Version header names an unsupported version")]
    UnsupportedHeader {
        /// What was asked for; none where it is no plain text of at most 64 bytes.
        requested: Option<Box<str>>,
    },
    /// A modern header on a legacy handshake.
    #[error(
        "initialize is the handshake of earlier versions: remove the MCP-Protocol-Version header"
    )]
    ModernHandshake,
    /// A mirrored header that must be there (MH-03).
    #[error("the {header} header is required and must equal the value in the body")]
    MissingHeader {
        /// Its name.
        header: &'static str,
    },
    /// A mirrored header that does not say what the body says (MH-01, MH-02, MH-06).
    #[error("the {header} header must equal the value in the body")]
    HeaderMismatch {
        /// Its name.
        header: Cow<'static, str>,
    },
    /// A mirrored header that appears twice (MH-09).
    #[error("the {header} header must appear once")]
    RepeatedHeader {
        /// Its name.
        header: Cow<'static, str>,
    },
    /// A mirrored header whose base64 sentinel is broken, or with characters that need one (MH-05).
    #[error(
        "the {header} header must be printable ASCII or =?base64?...?= with padded base64 of UTF-8"
    )]
    HeaderEncoding {
        /// Its name.
        header: Cow<'static, str>,
    },
}

impl Reason {
    /// HTTP status and JSON-RPC code.
    fn wire(&self) -> (StatusCode, i32) {
        match self {
            Self::Json(error) => (StatusCode::BAD_REQUEST, error.code()),
            Self::Batch
            | Self::NotAnObject
            | Self::EnvelopeKey { .. }
            | Self::KeyVariant { .. }
            | Self::JsonrpcVersion
            | Self::Id
            | Self::MissingId { .. }
            | Self::NotificationId
            | Self::Method
            | Self::ResponseShape
            | Self::UnexpectedResponse => (StatusCode::BAD_REQUEST, -32600),
            Self::UnknownMethod | Self::NoHandshake => (StatusCode::NOT_FOUND, -32601),
            Self::Params | Self::Meta | Self::Name { .. } | Self::Envelope { .. } => {
                (StatusCode::BAD_REQUEST, -32602)
            }
            Self::ModernHandshake
            | Self::MissingHeader { .. }
            | Self::HeaderMismatch { .. }
            | Self::RepeatedHeader { .. }
            | Self::HeaderEncoding { .. } => (StatusCode::BAD_REQUEST, -32020),
            Self::UnsupportedVersion { .. } | Self::UnsupportedHeader { .. } => {
                (StatusCode::BAD_REQUEST, -32022)
            }
        }
    }

    /// The versions to offer instead, and the one asked for.
    fn versions(&self) -> Option<(Vec<&'static str>, Option<&str>)> {
        match self {
            Self::UnsupportedVersion { requested } => Some((MODERN.to_vec(), Some(requested))),
            Self::UnsupportedHeader { requested } => {
                let legacy = LegacyVersion::ALL.map(LegacyVersion::as_str);
                Some(([&MODERN[..], &legacy[..]].concat(), requested.as_deref()))
            }
            _ => None,
        }
    }
}

/// A refusal: HTTP status, JSON-RPC error, and the id of the message where it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    reason: Box<Reason>,
    id: Option<Box<str>>,
}

impl Rejection {
    /// `id` is the JSON text of the request's id, none where it could not be read.
    pub(crate) fn new(reason: Reason, id: Option<&str>) -> Self {
        Self {
            reason: Box::new(reason),
            id: id.map(Into::into),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.reason.wire().0
    }

    /// The JSON-RPC error code.
    pub fn code(&self) -> i32 {
        self.reason.wire().1
    }

    /// Why, for logs and metrics.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The JSON-RPC error response, `application/json`.
    pub fn body(&self) -> Bytes {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        out.extend_from_slice(self.id.as_deref().unwrap_or("null").as_bytes());
        out.extend_from_slice(
            format!(",\"error\":{{\"code\":{},\"message\":", self.code()).as_bytes(),
        );
        write_string(&mut out, &self.reason.to_string());
        if let Some((supported, requested)) = self.reason.versions() {
            out.extend_from_slice(b",\"data\":{\"supported\":[");
            for (position, version) in supported.into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_string(&mut out, version);
            }
            out.push(b']');
            if let Some(requested) = requested {
                out.extend_from_slice(b",\"requested\":");
                write_string(&mut out, requested);
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"}}");
        out.into()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Rejection {}
