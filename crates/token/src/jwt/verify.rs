//! Token, rules and keys → claims. Everything that needs no key is checked first, so that a token
//! which could never be accepted costs no signature check and makes nobody fetch keys (TK-06).

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    claims::{Claims, Unsigned},
    keys::{Found, KeySet, algorithm_of},
    rules::Rules,
};
use crate::compact::Parts;

/// Why a token is not accepted. Only [`Refusal::Expired`] may be told to whoever presented it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a signed JWT at all.
    #[error("not a JSON Web Token")]
    Malformed,
    /// It may be good, but the key set has no key of that name.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// A header, a claim or the signature is not what it must be.
    #[error("the token is not valid")]
    Invalid,
    /// It was good: signature and everything else hold, only its time is over.
    #[error("the token has expired")]
    Expired,
}

/// The longest token that is looked at, in bytes.
pub const MAX: usize = 16 * 1024;

/// Checks a token in the compact form (RFC 7515 §7.1) at this time.
pub fn verify(
    token: &str,
    rules: &Rules,
    keys: &KeySet,
    now: SystemTime,
) -> Result<Claims, Refusal> {
    let parts = Parts::of(token, MAX).ok_or(Refusal::Malformed)?;
    let header = json(parts.header).ok_or(Refusal::Malformed)?;
    let payload = json(parts.payload).ok_or(Refusal::Malformed)?;

    let header = Header::read(&header, rules).ok_or(Refusal::Invalid)?;
    if !rules.algorithms.contains(&header.algorithm) {
        return Err(Refusal::Invalid);
    }
    let claims = Unsigned::read(&payload, rules, now).ok_or(Refusal::Invalid)?;
    let expired = claims.expires <= now;
    let key = match keys.find(header.kid, header.algorithm) {
        Found::Key(key) => key,
        Found::Unknown if !expired => return Err(Refusal::UnknownKey),
        Found::Unknown | Found::Unfit => return Err(Refusal::Invalid),
    };
    let signed = jsonwebtoken::crypto::verify(
        parts.signature,
        parts.message.as_bytes(),
        &key.decoding,
        header.algorithm,
    );
    match (signed, expired) {
        (Ok(true), false) => Ok(claims.signed(header.kid, key.fingerprint())),
        (Ok(true), true) => Err(Refusal::Expired),
        (Ok(false) | Err(_), _) => Err(Refusal::Invalid),
    }
}

/// What we read of a token's header.
struct Header<'a> {
    algorithm: jsonwebtoken::Algorithm,
    kid: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// A header that brings its own key, or demands what we do not know, is never followed (TK-07;
    /// RFC 8725 §3.10).
    fn read(header: &'a Map<String, Value>, rules: &Rules) -> Option<Self> {
        if BRINGS_A_KEY.iter().any(|name| header.contains_key(*name)) {
            return None;
        }
        let kid = match header.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|kid| kid.len() <= MAX_KID)?),
        };
        if !rules.token_type.is_empty() {
            let typ = header.get("typ")?.as_str()?;
            if !media_type(typ).eq_ignore_ascii_case(media_type(&rules.token_type)) {
                return None;
            }
        }
        Some(Self {
            algorithm: algorithm_of(header.get("alg")?.as_str()?)?,
            kid,
        })
    }
}

/// Without the `application/` that may be left out (RFC 7515 §4.1.9).
fn media_type(text: &str) -> &str {
    match text.split_at_checked("application/".len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case("application/") => rest,
        _ => text,
    }
}

fn json(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

const BRINGS_A_KEY: [&str; 4] = ["jku", "x5u", "jwk", "crit"];
const MAX_KID: usize = 256;
