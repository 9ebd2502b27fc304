//! A strict reader for one JSON text (RFC 8259): it checks, rewrites canonically, and remembers where the
//! members of the envelope stand. It builds no tree and interprets nothing.
//!
//! Why our own: the text we send upstream must mean the same to a first-wins, a last-wins and a case-folding
//! parser. serde alone keeps the last of two equal keys, and checks nothing inside a raw value.

use std::ops::Range;

use bytes::Bytes;

mod keys;
mod number;
mod read;
mod scan;
mod string;

pub use read::member;
pub(crate) use read::{elements, members};
pub(crate) use scan::clip;
pub(crate) use string::{decode, write_string};

/// Bounds on one JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Containers open at the same time.
    pub depth: usize,
    /// Values and keys together.
    pub tokens: usize,
    /// Bytes of one decoded key.
    pub key_bytes: usize,
}

impl Default for Limits {
    /// What we publish for requests: depth 64, 200,000 tokens, keys of 1 KiB.
    fn default() -> Self {
        Self {
            depth: 64,
            tokens: 200_000,
            key_bytes: 1024,
        }
    }
}

/// Why a text was refused. Offsets are bytes of the input; of its content only a duplicate key is named,
/// cut to 64 characters and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8.
    #[error("the body is not valid UTF-8 at byte {at}")]
    Utf8 {
        /// Of the first wrong byte.
        at: usize,
    },
    /// Not the grammar of RFC 8259.
    #[error("the body is not valid JSON: expected {wanted} at byte {at}")]
    Syntax {
        /// Where the reader stopped.
        at: usize,
        /// What the grammar asks for there.
        wanted: &'static str,
    },
    /// An escape that is half of a surrogate pair, which no Unicode text can hold.
    #[error("the body is not valid JSON: lone surrogate escape at byte {at}")]
    Surrogate {
        /// Of the backslash.
        at: usize,
    },
    /// A number that overflows an IEEE 754 double, so that parsers disagree about it.
    #[error("the number at byte {at} is out of range: send it as a string")]
    Number {
        /// Of its first character.
        at: usize,
    },
    /// The same key twice in one object, after decoding escapes.
    #[error("the key \"{key}\" appears twice in one object: send it once")]
    Duplicate {
        /// The key, cut and escaped.
        key: Box<str>,
    },
    /// Nested too deeply.
    #[error("the body is nested more than {limit} levels deep")]
    Depth {
        /// The limit.
        limit: usize,
    },
    /// Too many values and keys.
    #[error("the body holds more than {limit} keys and values")]
    Tokens {
        /// The limit.
        limit: usize,
    },
    /// A key that is too long.
    #[error("the body has a key longer than {limit} bytes")]
    Key {
        /// The limit.
        limit: usize,
    },
}

impl JsonError {
    /// The JSON-RPC error code: -32700 where the text is not JSON, -32600 where it is but we refuse it.
    pub fn code(&self) -> i32 {
        match self {
            Self::Utf8 { .. } | Self::Syntax { .. } | Self::Surrogate { .. } => -32700,
            Self::Number { .. }
            | Self::Duplicate { .. }
            | Self::Depth { .. }
            | Self::Tokens { .. }
            | Self::Key { .. } => -32600,
        }
    }
}

/// The three objects whose members a [`Document`] remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The text itself.
    Envelope,
    /// `params`.
    Params,
    /// `params._meta`.
    Meta,
}

/// A checked text in canonical form: no whitespace, strings with only the escapes that JSON requires, numbers as
/// written, members in their order. Every object in it has unique keys.
#[derive(Debug, Clone)]
pub struct Document {
    bytes: Bytes,
    members: Vec<Member>,
}

impl Document {
    /// Checks `body` against the grammar and `limits`, and rewrites it.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(body).map_err(|error| JsonError::Utf8 {
            at: error.valid_up_to(),
        })?;
        scan::Scanner::new(text.as_bytes(), limits).run()
    }

    /// The canonical text.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The canonical text.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The members of one object in their order, as canonical text: the key without its quotes, the value. Empty
    /// where there is no such object.
    pub fn members(&self, scope: Scope) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans(scope)
            .map(|(key, value)| (&self.bytes[key], &self.bytes[value]))
    }

    /// The value of a member, as canonical text.
    pub fn member(&self, scope: Scope, key: &str) -> Option<&[u8]> {
        self.members(scope)
            .find_map(|(name, value)| (name == key.as_bytes()).then_some(value))
    }

    /// Like [`Self::members`], as places in the canonical text.
    pub(crate) fn spans(&self, scope: Scope) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        self.members
            .iter()
            .filter(move |member| member.scope == scope)
            .map(|member| (member.key.clone(), member.value.clone()))
    }

    /// A piece of the canonical text.
    pub(crate) fn text(&self, span: Range<usize>) -> &str {
        std::str::from_utf8(&self.bytes[span]).expect("canonical text is UTF-8, cut at tokens")
    }
}

/// The content of a canonical string without escapes; none for other values.
pub(crate) fn plain_string(value: &[u8]) -> Option<&str> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    (!inner.contains(&b'\\'))
        .then(|| std::str::from_utf8(inner).ok())
        .flatten()
}

/// The text of a canonical string; none for other values.
pub(crate) fn string(value: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inner).ok().map(decode)
}

/// One member of a remembered object, as places in the canonical text.
#[derive(Debug, Clone)]
struct Member {
    scope: Scope,
    key: Range<usize>,
    value: Range<usize>,
}

#[cfg(test)]
mod tests;
