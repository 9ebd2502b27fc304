//! Case variants: keys and methods that a case-folding parser takes for another.

use crate::{json::clip, rejection::Reason};

/// Every key of a JSON-RPC message.
const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

/// The keys of `params` in all methods we know, in every version.
const PARAMS: &[&str] = &[
    "_meta",
    "argument",
    "arguments",
    "capabilities",
    "clientInfo",
    "context",
    "cursor",
    "inputResponses",
    "level",
    "message",
    "name",
    "notifications",
    "progress",
    "progressToken",
    "protocolVersion",
    "reason",
    "ref",
    "requestId",
    "requestState",
    "task",
    "taskId",
    "total",
    "uri",
];

/// The keys of `params._meta` that decide something.
const META: &[&str] = &[
    super::VERSION_KEY,
    super::CAPABILITIES_KEY,
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
];

/// Refuses a key of `params` that is a variant of a known one.
pub(super) fn check_param(key: &[u8]) -> Result<(), Reason> {
    check(key, PARAMS)
}

/// Refuses a key of `params._meta` that is a variant of a known one.
pub(super) fn check_meta(key: &[u8]) -> Result<(), Reason> {
    check(key, META)
}

/// Refuses a key of the envelope that is none: as a variant, or as unknown.
pub(super) fn check_envelope(key: &[u8]) -> Result<(), Reason> {
    if ENVELOPE.iter().any(|known| known.as_bytes() == key) {
        return Ok(());
    }
    check(key, ENVELOPE)?;
    Err(Reason::EnvelopeKey { key: shown(key) })
}

fn check(key: &[u8], known: &'static [&'static str]) -> Result<(), Reason> {
    if known.iter().any(|known| known.as_bytes() == key) {
        return Ok(());
    }
    match known.iter().find(|known| is_variant(key, known)) {
        None => Ok(()),
        Some(known) => Err(Reason::KeyVariant {
            key: shown(key),
            known,
        }),
    }
}

/// Whether `key` differs from `known` but folds to the same, by ASCII case or by the few letters beyond ASCII that
/// Go (ſ, K) and Java (ı, İ) fold into it.
pub(super) fn is_variant(key: &[u8], known: &str) -> bool {
    if key.is_ascii() {
        return key.eq_ignore_ascii_case(known.as_bytes()) && key != known.as_bytes();
    }
    let mut rest = key;
    for want in known.bytes() {
        let (letter, width) = match rest {
            [0xc5, 0xbf, ..] => (b's', "ſ".len()),
            [0xc4, 0xb0 | 0xb1, ..] => (b'i', "ı".len()),
            [0xe2, 0x84, 0xaa, ..] => (b'k', "\u{212a}".len()),
            [letter, ..] => (letter.to_ascii_lowercase(), 1),
            [] => return false,
        };
        if letter != want.to_ascii_lowercase() {
            return false;
        }
        rest = &rest[width..];
    }
    rest.is_empty()
}

fn shown(key: &[u8]) -> Box<str> {
    clip(&String::from_utf8_lossy(key))
}
