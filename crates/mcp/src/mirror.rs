//! The headers that repeat parts of the body (SEP-2243, mcp.md §1.4): compared with the body, never read instead
//! of it, and written anew for the upstream. Those of legacy messages mean nothing and are dropped.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    Rejection,
    era::{self, Era},
    message::{Kind, Message},
    rejection::Reason,
};

/// `MCP-Protocol-Version`.
pub const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// `Mcp-Method`.
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// `Mcp-Name`.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What the names of headers that repeat an argument start with.
pub const PARAM_PREFIX: &str = "mcp-param-";

const SENTINEL_START: &str = "=?base64?";
const SENTINEL_END: &str = "?=";

/// Compares the mirrored headers of a modern message with its body: each at most once, `MCP-Protocol-Version`,
/// `Mcp-Method` and `Mcp-Name` equal to the body and present on requests, base64 sentinels valid. `Mcp-Param-*` are
/// checked for form only: whether they must be there depends on the schema of the tool, so the server compares them.
/// A legacy message passes.
pub fn check(message: &Message, headers: &HeaderMap) -> Result<(), Rejection> {
    compare(message, headers).map_err(|reason| message.refuse(reason))
}

/// A header value that carries any text: as it is where it is printable ASCII, as base64 sentinel otherwise.
pub fn encode_value(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim_matches(' ').len() == text.len()
        && !(text.starts_with(SENTINEL_START) && text.ends_with(SENTINEL_END));
    let value = if plain {
        HeaderValue::from_str(text)
    } else {
        let encoded = STANDARD.encode(text);
        HeaderValue::try_from(format!("{SENTINEL_START}{encoded}{SENTINEL_END}"))
    };
    value.expect("printable ASCII is a header value")
}

/// Writes the mirrored headers of the upstream request: generated from the body, except `Mcp-Param-*`, which are
/// copied from the client's. Call it after [`check`]. A legacy message gets only its version header, and only if the
/// client sent one; a session that knows better overwrites it.
pub fn write(message: &Message, era: Era, client: &HeaderMap, upstream: &mut HeaderMap) {
    match era {
        Era::Legacy { version } => {
            if client.contains_key(VERSION) && message.method() != "initialize" {
                upstream.insert(VERSION, HeaderValue::from_static(version.as_str()));
            }
        }
        Era::Modern => {
            let version = message.protocol_version().unwrap_or(era::MODERN[0]);
            upstream.insert(VERSION, encode_value(version));
            upstream.insert(METHOD, encode_value(message.method()));
            if let Some(name) = message.name() {
                upstream.insert(NAME, encode_value(name));
            }
            for (name, value) in params(client) {
                upstream.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The only value of a header, without the whitespace around it; an error where it appears twice.
pub(crate) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, Reason> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Reason::RepeatedHeader {
            header: shown(name),
        });
    }
    Ok(first.map(trim))
}

/// The headers that every modern request has, each at most once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standard<'a> {
    version: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
}

impl<'a> Standard<'a> {
    /// `version` is the version header, read before.
    pub(crate) fn read(headers: &'a HeaderMap, version: Option<&'a [u8]>) -> Result<Self, Reason> {
        Ok(Self {
            version,
            method: single(headers, &METHOD)?,
        })
    }

    /// Those that are there equal the claim and the method.
    pub(crate) fn check_equal(&self, message: &Message) -> Result<(), Reason> {
        match (message.protocol_version(), self.version) {
            (Some(claim), Some(header)) if claim.as_bytes() != header => {
                return Err(mismatch(&VERSION));
            }
            _ => {}
        }
        match self.method {
            Some(header) if header != message.method().as_bytes() => Err(mismatch(&METHOD)),
            _ => Ok(()),
        }
    }

    /// Both are there, if the message is a request.
    pub(crate) fn check_presence(&self, message: &Message) -> Result<(), Reason> {
        let header = match (message.kind(), self.version, self.method) {
            (Kind::Request, None, _) => "MCP-Protocol-Version",
            (Kind::Request, Some(_), None) => "Mcp-Method",
            _ => return Ok(()),
        };
        Err(Reason::MissingHeader { header })
    }
}

fn compare(message: &Message, headers: &HeaderMap) -> Result<(), Reason> {
    let version = single(headers, &VERSION)?;
    if !era::is_modern(message, version) {
        return Ok(());
    }
    let standard = Standard::read(headers, version)?;
    standard.check_equal(message)?;
    standard.check_presence(message)?;
    check_name(message, headers)?;
    for (name, _) in params(headers) {
        let value = single(headers, name)?.unwrap_or_default();
        decode(name, value)?;
    }
    Ok(())
}

fn check_name(message: &Message, headers: &HeaderMap) -> Result<(), Reason> {
    let Some(header) = single(headers, &NAME)? else {
        let mirrored = matches!(
            message.method(),
            "tools/call" | "prompts/get" | "resources/read"
        );
        if mirrored {
            return Err(Reason::MissingHeader { header: "Mcp-Name" });
        }
        return Ok(());
    };
    let header = decode(&NAME, header)?;
    match message.name() {
        Some(name) if *header != *name.as_bytes() => Err(mismatch(&NAME)),
        _ => Ok(()),
    }
}

/// The text that a header value carries. A lone start or end of the sentinel is literal.
fn decode<'a>(name: &HeaderName, value: &'a [u8]) -> Result<Cow<'a, [u8]>, Reason> {
    let refused = || Reason::HeaderEncoding {
        header: shown(name),
    };
    let encoded = value
        .strip_prefix(SENTINEL_START.as_bytes())
        .and_then(|rest| rest.strip_suffix(SENTINEL_END.as_bytes()));
    match encoded {
        Some(encoded) => {
            let text = STANDARD.decode(encoded).map_err(|_| refused())?;
            std::str::from_utf8(&text).map_err(|_| refused())?;
            Ok(text.into())
        }
        None if value.iter().all(|byte| matches!(byte, b' '..=b'~')) => Ok(value.into()),
        None => Err(refused()),
    }
}

fn params(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(PARAM_PREFIX))
}

/// Without optional whitespace (RFC 9110 §5.5).
fn trim(value: &HeaderValue) -> &[u8] {
    let mut text = value.as_bytes();
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn mismatch(name: &HeaderName) -> Reason {
    Reason::HeaderMismatch {
        header: shown(name),
    }
}

/// The name as the specification spells it.
fn shown(name: &HeaderName) -> Cow<'static, str> {
    match name.as_str() {
        "mcp-protocol-version" => "MCP-Protocol-Version".into(),
        "mcp-method" => "Mcp-Method".into(),
        "mcp-name" => "Mcp-Name".into(),
        other => crate::json::clip(other).into_string().into(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
