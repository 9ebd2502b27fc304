//! One posted JSON-RPC message: a request, a notification, or a legacy client's response. Reading checks the
//! envelope and what policy decides by; it does not look into arguments, and knows no headers.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    json::{Document, Limits, Scope, decode, plain_string},
    rejection::{Reason, Rejection},
};

mod completion;
mod cursor;
mod method;
mod read;
mod spelling;

pub use completion::Reference;
pub use cursor::Cursor;

/// The `_meta` key by which a modern message claims its version.
pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// The `_meta` key with what the client can do.
pub(crate) const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// What a message is in JSON-RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// The answer of a legacy client to a request of the server. Forward it only inside a legacy session; else
    /// answer [`Message::refuse_response`].
    Response,
}

/// A request id with its JSON type: `1` and `"1"` are two ids (JR-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Id<'a> {
    /// A string of at most 128 bytes, as canonical JSON text with its quotes.
    Text(&'a str),
    /// An integer within ±(2^53−1), as written.
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

/// A message whose envelope is checked. Holds the canonical bytes; the client's own are gone.
#[derive(Debug, Clone)]
pub struct Message {
    document: Document,
    kind: Kind,
    /// Inside the quotes; empty for a response.
    method: Range<usize>,
    id: Option<Range<usize>>,
    name: Option<Text>,
}

/// A string of the document, decoded only if it has escapes.
#[derive(Debug, Clone)]
enum Text {
    Plain(Range<usize>),
    Decoded(Box<str>),
}

/// What `params._meta` says about the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim<'a> {
    Absent,
    /// No string, or one that cannot be a version.
    Malformed,
    Version(&'a str),
}

impl Message {
    /// Reads the body of a POST. Errors are complete answers (JSON-RPC 2.0; security.md JR rows).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "one reader: what goes on are the canonical bytes"
    )]
    pub fn read(body: Bytes) -> Result<Self, Rejection> {
        let document = Document::parse(&body, &Limits::default())
            .map_err(|error| Rejection::new(error.into(), None))?;
        read::message(document)
    }

    /// Request, notification or response.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The method; empty for a response.
    pub fn method(&self) -> &str {
        self.document.text(self.method.clone())
    }

    /// The id; none for a notification.
    pub fn id(&self) -> Option<Id<'_>> {
        let raw = self.document.text(self.id.clone()?);
        Some(if raw.starts_with('"') {
            Id::Text(raw)
        } else {
            Id::Integer(raw)
        })
    }

    /// What the message is about, decoded: `params.name` of `tools/call` and `prompts/get`, `params.uri` of
    /// `resources/read` and its subscriptions, `params.taskId` of `tasks/*`.
    pub fn name(&self) -> Option<&str> {
        Some(match self.name.as_ref()? {
            Text::Plain(span) => self.document.text(span.clone()),
            Text::Decoded(text) => text,
        })
    }

    /// The version that the message claims in `params._meta` (2026-07-28 and later); none where it is missing or
    /// malformed.
    pub fn protocol_version(&self) -> Option<&str> {
        match self.claim() {
            Claim::Version(version) => Some(version),
            Claim::Absent | Claim::Malformed => None,
        }
    }

    /// The version that an `initialize` asks for.
    pub fn requested_version(&self) -> Option<&str> {
        let value = self.document.member(Scope::Params, "protocolVersion")?;
        (self.method() == "initialize").then(|| plain_string(value))?
    }

    /// The value of a member of `params`, as canonical JSON text.
    pub fn param(&self, key: &str) -> Option<&[u8]> {
        self.document.member(Scope::Params, key)
    }

    /// The value of a member of `params._meta`, as canonical JSON text.
    pub fn meta(&self, key: &str) -> Option<&[u8]> {
        self.document.member(Scope::Meta, key)
    }

    /// The canonical bytes, to send upstream.
    pub fn bytes(&self) -> &Bytes {
        self.document.bytes()
    }

    /// The canonical bytes, to send upstream.
    pub fn into_bytes(self) -> Bytes {
        self.document.into_bytes()
    }

    /// The refusal of a response that was posted outside a legacy session (JR-11): 400.
    pub fn refuse_response(&self) -> Rejection {
        // The id belongs to a request of the server, so it is no id of ours to answer.
        Rejection::new(Reason::UnexpectedResponse, None)
    }

    pub(crate) fn refuse(&self, reason: Reason) -> Rejection {
        let id = match self.kind {
            Kind::Request | Kind::Notification => self.id().map(Id::raw),
            Kind::Response => None,
        };
        Rejection::new(reason, id)
    }

    pub(crate) fn claim(&self) -> Claim<'_> {
        match self.meta(VERSION_KEY) {
            None => Claim::Absent,
            Some(value) => plain_string(value)
                .filter(|version| (1..=64).contains(&version.len()))
                .map_or(Claim::Malformed, Claim::Version),
        }
    }
}

impl Text {
    /// Of the string whose JSON text stands at `value`; none where it is no string.
    fn of(document: &Document, value: &Range<usize>) -> Option<Self> {
        let raw = document.text(value.clone());
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        Some(match decode(inner) {
            std::borrow::Cow::Borrowed(_) => Self::Plain(value.start + 1..value.end - 1),
            std::borrow::Cow::Owned(text) => Self::Decoded(text.into()),
        })
    }
}

#[cfg(test)]
mod tests;
