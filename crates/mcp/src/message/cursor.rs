//! The cursor of a list request: read, and put in another's place. What stands in it is the gateway's business.

use std::borrow::Cow;

use bytes::Bytes;

use super::Message;
use crate::json::{self, Scope, write_string};

/// `params.cursor` of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor<'a> {
    /// Missing, null or empty: the first page.
    Start,
    /// Where to go on.
    At(Cow<'a, str>),
    /// Not a string.
    Malformed,
}

impl Message {
    /// Where the list goes on.
    pub fn cursor(&self) -> Cursor<'_> {
        match self.param("cursor") {
            None | Some(b"null" | b"\"\"") => Cursor::Start,
            Some(value) => json::string(value).map_or(Cursor::Malformed, Cursor::At),
        }
    }

    /// The same message with another cursor where it has one.
    #[must_use]
    pub fn with_cursor(self, cursor: &str) -> Self {
        let mut spans = self.document.spans(Scope::Params);
        let place = spans.find(|(key, _)| self.document.bytes()[key.clone()] == *b"cursor");
        let Some((_, value)) = place else {
            drop(spans);
            return self;
        };
        drop(spans);
        let bytes = self.document.bytes();
        let mut out = Vec::with_capacity(bytes.len() + cursor.len());
        out.extend_from_slice(&bytes[..value.start]);
        write_string(&mut out, cursor);
        out.extend_from_slice(&bytes[value.end..]);
        Self::read(Bytes::from(out)).expect("a string in a value's place leaves the rest as it was")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_replaced_and_nothing_else(before in ".{0,40}", after in ".{0,40}") {
            let with = |cursor: &str| {
                let cursor = serde_json::to_string(cursor).unwrap();
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":"é","method":"tools/list","params":{{"a":[1.0],"cursor":{cursor},"_meta":{{"k":"\""}}}}}}"#
                );
                Message::read(Bytes::from(body)).unwrap()
            };
            let replaced = with(&before).with_cursor(&after);
            let expected = with(&after);
            prop_assert_eq!(replaced.bytes(), expected.bytes());
            prop_assert_eq!(replaced.method(), "tools/list");
            prop_assert_eq!(replaced.id(), expected.id());
            let cursor = if after.is_empty() { Cursor::Start } else { Cursor::At(after.into()) };
            prop_assert_eq!(replaced.cursor(), cursor);
        }
    }

    #[test]
    fn only_a_string_is_a_cursor() {
        for (params, expected) in [
            ("{}", Cursor::Start),
            (r#"{"cursor":null}"#, Cursor::Start),
            (r#"{"cursor":""}"#, Cursor::Start),
            (r#"{"cursor":"a"}"#, Cursor::At("a".into())),
            (r#"{"cursor":1}"#, Cursor::Malformed),
            (r#"{"cursor":["a"]}"#, Cursor::Malformed),
        ] {
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}"#);
            let message = Message::read(Bytes::from(body)).unwrap();
            assert_eq!(message.cursor(), expected, "{params}");
        }
    }
}
