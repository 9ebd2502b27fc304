//! What is taken over of what a client says of itself, in a registration or in a document: what we
//! can use, in a form that cannot fool anybody who reads it.

use serde_json::Value;

use super::{AUTHORIZATION_CODE, DEVICE_CODE, REFRESH_TOKEN};
use crate::oauth::{redirect::RedirectKind, said};

/// The words of a name: nothing that cannot be seen or steers what stands beside it, and no brackets of
/// HTML; `None` if nothing is left.
pub(crate) fn name(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, '<' | '>')).collect();
    said::clean(&plain, LONGEST_NAME)
}

/// A short text that nobody is shown.
pub(crate) fn label(text: Option<&Value>) -> Option<String> {
    let text = text?.as_str()?;
    let plain = !text.is_empty() && text.len() <= LONGEST_LABEL;
    (plain && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// The addresses that users can be sent back to, each once. The others are dropped: clients register
/// what they need on all kinds of machines at once (DCR-3).
pub(crate) fn redirects(given: &[&str]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for uri in given {
        let usable = RedirectKind::read(uri).is_ok_and(|kind| !kind.is_secure_loopback());
        if usable && !kept.iter().any(|known| known == uri) {
            kept.push((*uri).to_owned());
        }
    }
    kept
}

/// The grant types that clients without an operator behind them may have; without a wish, those that
/// keep a connection alive.
pub(crate) fn grants(given: Option<&[&str]>) -> Vec<String> {
    let wanted = match given {
        None | Some([]) => &[AUTHORIZATION_CODE, REFRESH_TOKEN],
        Some(given) => given,
    };
    let open = [AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE];
    let kept = open.into_iter().filter(|open| wanted.contains(open));
    kept.map(str::to_owned).collect()
}

/// The strings of a list; `None` if it is none.
pub(crate) fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// Whether a text in here holds a zero byte, which the database does not take.
pub(crate) fn holds_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_zero),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_zero(value)),
    }
}

/// How many addresses a client has at most.
pub(crate) const MOST_REDIRECTS: usize = 32;
const LONGEST_NAME: usize = 100;
const LONGEST_LABEL: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    /// A22, A35.
    #[test]
    fn a_name_cannot_fool_whoever_reads_it() {
        for (text, kept) in [
            ("Claude Code (files)", Some("Claude Code (files)")),
            ("  a \n\t b ", Some("a b")),
            ("<b>Claude</b>", Some("bClaude/b")),
            ("a\u{202e}b\u{200f}c\u{feff}", Some("abc")),
            ("a\u{2028}b\u{2029} \u{61c}c\u{ad}", Some("a b c")),
            ("\u{1}\u{200b}\u{2066}", None),
            ("\u{3164}\u{2800}", None),
            ("", None),
            ("Bücher 日本", Some("Bücher 日本")),
        ] {
            assert_eq!(name(text).as_deref(), kept, "{text:?}");
        }
        let long = name(&"x".repeat(1000)).unwrap();
        assert_eq!(long, format!("{}…", "x".repeat(100)));
    }

    /// DCR-3: Cursor's set, with one that nobody may have.
    #[test]
    fn what_cannot_be_used_is_dropped() {
        let given = [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "javascript:alert(1)",
            "http://evil.test/cb",
            "https://localhost/cb",
            "https://*.test/cb",
            "http://localhost:8787/callback",
            "http://localhost:8787/callback",
        ];
        assert_eq!(redirects(&given), [given[0], given[5]]);
    }

    #[test]
    fn grants_are_those_that_are_open_to_everybody() {
        let bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let asked = [
            bearer,
            REFRESH_TOKEN,
            AUTHORIZATION_CODE,
            "client_credentials",
        ];
        assert_eq!(grants(Some(&asked)), [AUTHORIZATION_CODE, REFRESH_TOKEN]);
        assert_eq!(grants(Some(&[])), [AUTHORIZATION_CODE, REFRESH_TOKEN]);
        assert_eq!(grants(None), [AUTHORIZATION_CODE, REFRESH_TOKEN]);
        assert_eq!(grants(Some(&[bearer])), Vec::<String>::new());
    }
}
