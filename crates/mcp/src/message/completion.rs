//! What `completion/complete` completes: a prompt's argument, or a part of a resource's URI.

use std::borrow::Cow;

use super::{Message, spelling::is_variant};
use crate::json::{self, members};

/// `params.ref`, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference<'a> {
    /// A prompt's name.
    Prompt(Cow<'a, str>),
    /// A resource's URI, or the template of one.
    Resource(Cow<'a, str>),
}

impl Message {
    /// What is to be completed. None where `params.ref` is missing, of another type, or could be read in two
    /// ways, so that no policy can decide about it.
    pub fn reference(&self) -> Option<Reference<'_>> {
        let (mut kind, mut name, mut uri) = (None, None, None);
        for (key, value) in members(self.param("ref")?) {
            match key {
                b"type" => kind = json::plain_string(value),
                b"name" => name = Some(json::string(value)?),
                b"uri" => uri = Some(json::string(value)?),
                _ if ["type", "name", "uri"]
                    .iter()
                    .any(|known| is_variant(key, known)) =>
                {
                    return None;
                }
                _ => {}
            }
        }
        match (kind?, name, uri) {
            ("ref/prompt", Some(name), None) if name.len() <= NAME => Some(Reference::Prompt(name)),
            ("ref/resource", None, Some(uri)) if uri.len() <= URI => Some(Reference::Resource(uri)),
            _ => None,
        }
    }
}

/// As long as those that are called by name (security.md §2.4).
const NAME: usize = 128;

/// As long as those that are read.
const URI: usize = 4096;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn only_a_plain_reference_is_read() {
        let prompt = r#"{"type":"ref/prompt","name":"a\u0041\"","title":"t"}"#;
        let of = |reference: &str| {
            let message = message(reference);
            match message.reference() {
                Some(Reference::Prompt(name)) => format!("prompt {name}"),
                Some(Reference::Resource(uri)) => format!("resource {uri}"),
                None => "none".to_owned(),
            }
        };
        assert_eq!(of(prompt), "prompt aA\"");
        assert_eq!(
            of(r#"{"type":"ref/resource","uri":"file:///{x}"}"#),
            "resource file:///{x}"
        );
        for odd in [
            "null",
            "\"ref/prompt\"",
            "{}",
            r#"{"type":"ref/prompt"}"#,
            r#"{"name":"a"}"#,
            r#"{"type":"ref/prompt","name":1}"#,
            r#"{"type":"ref/prompt","uri":"a"}"#,
            r#"{"type":"ref/tool","name":"a"}"#,
            r#"{"type":"ref/prompt","name":"a","Name":"b"}"#,
            r#"{"type":"ref/prompt","name":"a","uri":"b"}"#,
        ] {
            assert_eq!(of(odd), "none", "{odd}");
        }
    }

    fn message(reference: &str) -> Message {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{{"ref":{reference}}}}}"#
        );
        Message::read(Bytes::from(body)).unwrap()
    }
}
