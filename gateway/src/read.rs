//! What: the request's method, headers and body → [`Call`]. The body is read once, here, and what
//! goes to the server later is what was parsed, never the bytes that came.

mod accept;
mod body;

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, Method,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};
use mcp::{
    era::{self, Era},
    message::{Kind, Message},
    mirror,
};

pub use accept::Accepts;
pub(crate) use body::collect;

use crate::error::Error;

/// Limits on what a client may send.
#[derive(Debug, Clone)]
pub struct BodySettings {
    /// Bytes of a body.
    pub bytes: usize,
    /// Longest pause between two parts of a body.
    pub idle: Duration,
    /// Longest time for the whole body.
    pub total: Duration,
}

impl Default for BodySettings {
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            idle: Duration::from_secs(10),
            total: Duration::from_mins(1),
        }
    }
}

/// What a client wants done. Only [`read`] makes one.
#[derive(Debug)]
pub struct Call {
    operation: Operation,
    headers: HeaderMap,
    accepts: Accepts,
}

/// The three things one can do with an MCP URL.
#[derive(Debug)]
pub enum Operation {
    /// POST: one message.
    Post {
        /// The message.
        message: Message,
        /// Its era.
        era: Era,
    },
    /// GET: the event stream of a legacy session.
    Listen,
    /// DELETE: the end of a legacy session.
    Close,
}

impl Call {
    /// What to do.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The client's headers. Not for forwarding: see `crate::upstream`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Which kinds of reply the client takes.
    pub fn accepts(&self) -> Accepts {
        self.accepts
    }

    /// The message, where there is one.
    pub fn message(&self) -> Option<&Message> {
        match &self.operation {
            Operation::Post { message, .. } => Some(message),
            Operation::Listen | Operation::Close => None,
        }
    }

    /// Whether the call belongs to the modern era, which has no sessions.
    pub fn is_modern(&self) -> bool {
        matches!(
            &self.operation,
            Operation::Post {
                era: Era::Modern,
                ..
            }
        )
    }

    /// Whether the server owes a message: not to a notification, an answer or the end of a session.
    pub fn expects_message(&self) -> bool {
        match &self.operation {
            Operation::Post { message, .. } => message.kind() == Kind::Request,
            Operation::Listen => true,
            Operation::Close => false,
        }
    }

    /// Whether the reply is a stream that stays open until somebody closes it.
    pub fn is_long_lived(&self) -> bool {
        match &self.operation {
            Operation::Post { message, .. } => message.method() == "subscriptions/listen",
            Operation::Listen => true,
            Operation::Close => false,
        }
    }

    /// Takes the call apart, to forward it.
    pub fn into_parts(self) -> (Operation, HeaderMap, Accepts) {
        (self.operation, self.headers, self.accepts)
    }
}

/// Reads the call. `received` counts the body's bytes, also when this fails.
pub async fn read<B>(
    parts: Parts,
    body: B,
    settings: &BodySettings,
    received: &mut u64,
) -> Result<Call, Error>
where
    B: http_body::Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let headers = parts.headers;
    let (operation, accepts) = match parts.method {
        Method::POST => {
            media_type(&headers)?;
            let accepts = Accepts::of(&headers.get_all(ACCEPT));
            if !accepts.any() {
                return Err(Error::NotAcceptable);
            }
            let bytes = collect(body, &headers, settings, received).await?;
            (post(bytes, &headers)?, accepts)
        }
        Method::GET => (legacy(Operation::Listen, &headers)?, events(&headers)?),
        Method::DELETE => (legacy(Operation::Close, &headers)?, Accepts::BOTH),
        _ => return Err(Error::MethodNotAllowed),
    };
    Ok(Call {
        operation,
        headers,
        accepts,
    })
}

fn post(body: Bytes, headers: &HeaderMap) -> Result<Operation, Error> {
    let message = Message::read(body)?;
    let era = era::classify(&message, headers)?;
    if era == Era::Modern {
        mirror::check(&message, headers)?;
    }
    Ok(Operation::Post { message, era })
}

/// GET and DELETE exist in legacy eras only; a client that names a modern version gets 405
/// (mcp.md §1.5).
fn legacy(operation: Operation, headers: &HeaderMap) -> Result<Operation, Error> {
    let modern = headers
        .get(VERSION)
        .is_some_and(|version| era::MODERN.iter().any(|modern| version == modern));
    if modern {
        return Err(Error::MethodNotAllowed);
    }
    era::legacy_header(headers)?;
    Ok(operation)
}

fn events(headers: &HeaderMap) -> Result<Accepts, Error> {
    let accepts = Accepts::of(&headers.get_all(ACCEPT));
    if accepts.events {
        Ok(Accepts::EVENTS)
    } else {
        Err(Error::NotAcceptable)
    }
}

/// Exactly one `application/json`, whose only parameter may be `charset=utf-8`, and no encoding:
/// a page without our consent can only send other types (HN-17), and a compressed body has no size
/// before it is too late (RX-13).
fn media_type(headers: &HeaderMap) -> Result<(), Error> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let only = types.next().filter(|_| types.next().is_none());
    let json = only
        .and_then(|value| value.to_str().ok())
        .is_some_and(is_json);
    if json && !headers.contains_key(CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(Error::UnsupportedMediaType)
    }
}

fn is_json(value: &str) -> bool {
    let (essence, parameter) = match value.split_once(';') {
        Some((essence, parameter)) => (essence, Some(parameter.trim())),
        None => (value, None),
    };
    essence.trim().eq_ignore_ascii_case("application/json")
        && parameter.is_none_or(|parameter| {
            parameter.is_empty()
                || parameter.eq_ignore_ascii_case("charset=utf-8")
                || parameter.eq_ignore_ascii_case("charset=\"utf-8\"")
        })
}

const VERSION: &str = "mcp-protocol-version";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// HN-17, RX-13.
    #[test]
    fn only_plain_json_is_read() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
        ] {
            assert!(media_type(&with(&[(CONTENT_TYPE, good)])).is_ok(), "{good}");
        }
        for bad in [
            &[][..],
            &[(CONTENT_TYPE, "text/plain")],
            &[(CONTENT_TYPE, "application/json; charset=utf-16")],
            &[(CONTENT_TYPE, "application/jsonp")],
            &[(CONTENT_TYPE, "application/json, text/plain")],
            &[
                (CONTENT_TYPE, "application/json"),
                (CONTENT_TYPE, "application/json"),
            ],
            &[
                (CONTENT_TYPE, "application/json"),
                (CONTENT_ENCODING, "gzip"),
            ],
            &[
                (CONTENT_TYPE, "application/json"),
                (CONTENT_ENCODING, "identity"),
            ],
        ] {
            let outcome = media_type(&with(bad));
            assert!(
                matches!(outcome, Err(Error::UnsupportedMediaType)),
                "{bad:?}"
            );
        }
    }

    fn with(lines: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }
}
