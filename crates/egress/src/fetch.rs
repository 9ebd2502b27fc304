//! One bounded exchange with somebody else's HTTP server: through the dialer, which decides what may
//! be called, without redirects, cookies or compression, bounded in time and size. For documents and
//! keys that others publish, and for calls to identity providers; MCP has its own way.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, Uri,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{DialError, Dialer, Endpoint, Stream};

/// What an exchange may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it takes as a whole.
    pub time: Duration,
    /// How large the answer's body is.
    pub bytes: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, or none allowed.
    #[error("connecting to the server")]
    Dial(#[source] DialError),
    /// The exchange broke off, or what was sent is not HTTP.
    #[error("talking to the server")]
    Http(#[source] hyper::Error),
    /// The body broke off.
    #[error("the answer broke off")]
    Body,
    /// The body is larger than the limit.
    #[error("the answer is too large")]
    TooLarge,
    /// The body is compressed, which was not asked for.
    #[error("the answer is compressed")]
    Encoded,
    /// It took too long.
    #[error("the server did not answer in time")]
    Deadline,
}

/// Asks for what is at this address. The answer may have any status.
pub async fn get(
    dialer: &Dialer,
    endpoint: &Endpoint,
    accept: &'static str,
    limits: Limits,
) -> Result<Response<Bytes>, FetchError> {
    let mut request = Request::new(Bytes::new());
    let accept = HeaderValue::from_static(accept);
    request.headers_mut().insert(ACCEPT, accept);
    send(dialer, endpoint, request, limits).await
}

/// Sends a request to this address, whatever URI it has itself. The answer may have any status.
pub async fn send(
    dialer: &Dialer,
    endpoint: &Endpoint,
    mut request: Request<Bytes>,
    limits: Limits,
) -> Result<Response<Bytes>, FetchError> {
    *request.uri_mut() = Uri::from(endpoint.path_and_query.clone());
    let host = endpoint.origin.authority();
    let host = HeaderValue::from_str(&host).expect("an origin is printable");
    request.headers_mut().insert(HOST, host);
    let agent = HeaderValue::from_static("aldgate");
    request.headers_mut().entry(USER_AGENT).or_insert(agent);
    timeout(limits.time, async {
        let stream = dialer
            .connect(&endpoint.origin, limits.time)
            .await
            .map_err(FetchError::Dial)?;
        exchange(stream, request, limits.bytes).await
    })
    .await
    .map_err(|_| FetchError::Deadline)?
}

async fn exchange(
    stream: Stream,
    request: Request<Bytes>,
    bytes: usize,
) -> Result<Response<Bytes>, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(FetchError::Http)?;
    let conversation = async move {
        let reply = sender
            .send_request(request.map(Full::new))
            .await
            .map_err(FetchError::Http)?;
        let encoding = reply.headers().get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(FetchError::Encoded);
        }
        let (head, body) = reply.into_parts();
        let body = Limited::new(body, bytes).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => FetchError::TooLarge,
            None => FetchError::Body,
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    // How the connection ends shows in the conversation.
    let connection = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        fetched = conversation => fetched,
        () = connection => Err(FetchError::Deadline),
    }
}

/// Whether the body is JSON by its type: `application/json`, or a type that ends in `+json`.
pub fn is_json(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let essence = line.to_str().unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json")
}

/// How long a reply says that it is fresh (RFC 9111 §5.2.2).
pub fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(CACHE_CONTROL).iter();
    let directives = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase());
    let mut fresh = None;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse().ok();
            fresh = fresh.or_else(|| seconds.map(Duration::from_secs));
        }
    }
    fresh
}

const HEADERS: usize = 64;

#[cfg(test)]
mod tests;
