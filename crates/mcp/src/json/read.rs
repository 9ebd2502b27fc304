//! Looks into canonical text below the members that a document remembers.

use super::string;

/// The value of the member `key` of `object`, both canonical text; none where `object` is no object or has no such
/// member. `object` must come from a [`Document`](super::Document). Time is linear in its length.
pub fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut at = 1;
    while object.first() == Some(&b'{') && object.get(at) == Some(&b'"') {
        let colon = string::skip(object, at);
        let end = value_end(object, colon + 1);
        if object.get(at + 1..colon - 1) == Some(key.as_bytes()) {
            return object.get(colon + 1..end);
        }
        at = end + 1;
    }
    None
}

/// The place after the value that starts at `text[at]`.
fn value_end(text: &[u8], at: usize) -> usize {
    let mut open = 0_usize;
    let mut at = at;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string::skip(text, at) - 1,
            b'{' | b'[' => open += 1,
            b'}' | b']' | b',' if open == 0 => return at,
            b'}' | b']' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}
