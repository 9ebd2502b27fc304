//! Looks into canonical text below the members that a document remembers.

use super::string;

/// The value of the member `key` of `object`, both canonical text; none where `object` is no object or has no such
/// member. `object` must come from a [`Document`](super::Document). Time is linear in its length.
pub fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    members(object).find_map(|(name, value)| (name == key.as_bytes()).then_some(value))
}

/// The members of `object` in their order: the key without its quotes, the value. None where it is no object.
pub(crate) fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = if object.first() == Some(&b'{') {
        1
    } else {
        object.len()
    };
    std::iter::from_fn(move || {
        if object.get(at) != Some(&b'"') {
            return None;
        }
        let colon = string::skip(object, at);
        let end = value_end(object, colon + 1);
        let member = (&object[at + 1..colon - 1], &object[colon + 1..end]);
        at = end + 1;
        Some(member)
    })
}

/// The elements of `array` in their order; none where it is no array.
pub(crate) fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = if array.first() == Some(&b'[') {
        1
    } else {
        array.len()
    };
    std::iter::from_fn(move || {
        if at + 1 >= array.len() {
            return None;
        }
        let end = value_end(array, at);
        let element = &array[at..end];
        at = end + 1;
        Some(element)
    })
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
