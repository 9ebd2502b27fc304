//! JSON strings: check and rewrite, encode, decode.

use std::borrow::Cow;

use super::JsonError;

/// Copies the string whose opening quote is `input[at]` to `out` in canonical form; returns the place after its
/// closing quote. `input` is UTF-8.
pub(super) fn copy(input: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, JsonError> {
    let mut copied = at;
    let mut end = plain_end(input, at + 1);
    loop {
        match input.get(end) {
            Some(b'"') => {
                out.extend_from_slice(&input[copied..=end]);
                return Ok(end + 1);
            }
            Some(b'\\') => {
                out.extend_from_slice(&input[copied..end]);
                let (char, after) = unescape(input, end)?;
                write_char(out, char);
                copied = after;
                end = plain_end(input, after);
            }
            Some(_) => {
                return Err(JsonError::Syntax {
                    at: end,
                    wanted: "an escape instead of a control character",
                });
            }
            None => {
                return Err(JsonError::Syntax {
                    at: end,
                    wanted: "a closing quote",
                });
            }
        }
    }
}

/// The place after the canonical string whose opening quote is `text[at]`.
pub(super) fn skip(text: &[u8], at: usize) -> usize {
    let mut end = plain_end(text, at + 1);
    while text.get(end) == Some(&b'\\') {
        // The character behind the backslash may be a quote; the digits of \u00xx are plain.
        end = plain_end(text, end + 2);
    }
    end + 1
}

/// The text of a string, given its canonical form without the quotes.
pub(crate) fn decode(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (char, after) =
            unescape(rest.as_bytes(), at).expect("canonical text has valid escapes");
        text.push(char);
        rest = &rest[after..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Writes `text` as a JSON string in canonical form.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for char in text.chars() {
        write_char(out, char);
    }
    out.push(b'"');
}

/// Writes one character of a string with only the escapes that JSON requires.
fn write_char(out: &mut Vec<u8>, char: char) {
    let short = match char {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\t' => b't',
        '\n' => b'n',
        '\u{c}' => b'f',
        '\r' => b'r',
        '\0'..='\u{1f}' => {
            let code = u32::from(char);
            let digit = |nibble| char::from_digit(nibble, 16).expect("a nibble is a hex digit");
            out.extend_from_slice(b"\\u00");
            out.extend([digit(code >> 4), digit(code & 0xf)].map(|digit| digit as u8));
            return;
        }
        _ => {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The character of the escape whose backslash is `input[at]`, and the place after it.
fn unescape(input: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let char = match input.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(input, at),
        _ => {
            return Err(JsonError::Syntax {
                at,
                wanted: "a valid escape",
            });
        }
    };
    Ok((char, at + 2))
}

/// The character of a `\uXXXX` escape, or of two that make a surrogate pair.
fn unicode(input: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let first = hex4(input, at + 2).ok_or(JsonError::Syntax {
        at,
        wanted: "four hexadecimal digits after \\u",
    })?;
    if let Some(char) = char::from_u32(first) {
        return Ok((char, at + 6));
    }
    let paired = input.get(at + 6..at + 8) == Some(b"\\u") && first < 0xdc00;
    let second = if paired { hex4(input, at + 8) } else { None };
    second
        .filter(|second| (0xdc00..0xe000).contains(second))
        .and_then(|second| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)))
        .map(|char| (char, at + 12))
        .ok_or(JsonError::Surrogate { at })
}

fn hex4(input: &[u8], at: usize) -> Option<u32> {
    input.get(at..at + 4)?.iter().try_fold(0, |code, &byte| {
        Some((code << 4) | char::from(byte).to_digit(16)?)
    })
}

/// The first place from `from` that holds a quote, a backslash or a control character, or the end. Reads eight
/// bytes at a time: strings are most of a body.
fn plain_end(input: &[u8], from: usize) -> usize {
    const fn splat(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let below = |word: u64, limit| word.wrapping_sub(splat(limit)) & !word & splat(0x80);
    let mut at = from;
    while let Some(eight) = input.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("a slice of eight bytes"));
        let quote = below(word ^ splat(b'"'), 1);
        let backslash = below(word ^ splat(b'\\'), 1);
        let control = below(word, 0x20);
        // A borrow can only mark bytes above a true hit, so the lowest mark is always true.
        let hits = quote | backslash | control;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = input.get(at..).unwrap_or_default();
    let found = rest
        .iter()
        .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
    at + found.unwrap_or(rest.len())
}
