//! One fetch of a JWK set: through the dialer, which decides what may be called, without redirects,
//! credentials or cookies, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use egress::{DialError, Dialer, Endpoint, Stream};
use http::{
    HeaderMap, Request, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, HOST, USER_AGENT},
};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use token::jwt::{KeySet, KeySetError};
use tokio::time::timeout;

/// What an issuer has answered.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Its keys.
    pub(super) keys: KeySet,
    /// How long they are fresh, if it says so.
    pub(super) max_age: Option<Duration>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// No connection, or none allowed.
    #[error("connecting to the issuer")]
    Dial(#[source] DialError),
    /// The exchange broke off, or what was sent is not HTTP.
    #[error("talking to the issuer")]
    Http(#[source] hyper::Error),
    /// Not 200. Redirects are not followed.
    #[error("the issuer answered {0}")]
    Status(StatusCode),
    /// The body is too large or broke off.
    #[error("the issuer's answer broke off or is larger than {BYTES} bytes")]
    Body,
    /// The body is not what we need.
    #[error("the issuer's answer")]
    Keys(#[source] KeySetError),
    /// It took too long.
    #[error("the issuer did not answer within 5 s")]
    Deadline,
}

impl FetchError {
    /// The kind, for the metric.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Dial(DialError::Forbidden(_)) => "forbidden",
            Self::Dial(_) | Self::Http(_) => "unreachable",
            Self::Status(_) => "status",
            Self::Body | Self::Keys(_) => "unusable",
            Self::Deadline => "deadline",
        }
    }
}

/// Fetches the keys at this address, within 5 s as a whole.
pub(super) async fn fetch(dialer: &Dialer, endpoint: &Endpoint) -> Result<Fetched, FetchError> {
    timeout(DEADLINE, async {
        let stream = dialer
            .connect(&endpoint.origin, DEADLINE)
            .await
            .map_err(FetchError::Dial)?;
        exchange(stream, endpoint).await
    })
    .await
    .map_err(|_| FetchError::Deadline)?
}

async fn exchange(stream: Stream, endpoint: &Endpoint) -> Result<Fetched, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(FetchError::Http)?;
    let request = Request::get(endpoint.path_and_query.as_str())
        .header(HOST, endpoint.origin.authority())
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(USER_AGENT, "aldgate")
        .body(Empty::<Bytes>::new())
        .expect("an endpoint is a target and a host");
    let conversation = async move {
        let reply = sender
            .send_request(request)
            .await
            .map_err(FetchError::Http)?;
        if reply.status() != StatusCode::OK {
            return Err(FetchError::Status(reply.status()));
        }
        let max_age = max_age(reply.headers());
        let body = Limited::new(reply.into_body(), BYTES).collect().await;
        let body = body.map_err(|_| FetchError::Body)?.to_bytes();
        let keys = KeySet::parse_jwks(&body).map_err(FetchError::Keys)?;
        Ok(Fetched { keys, max_age })
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

/// How long a reply says that it is fresh (RFC 9111 §5.2.2).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
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

const DEADLINE: Duration = Duration::from_secs(5);
const BYTES: usize = 256 * 1024;
const HEADERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_read_from_cache_control() {
        for (line, age) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=300, must-revalidate", Some(300)),
            ("max-age=\"60\"", Some(60)),
            ("no-store, max-age=300", Some(0)),
            ("s-maxage=300", None),
            ("max-age=-1", None),
            ("max-age=x", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, line.parse().unwrap());
            assert_eq!(max_age(&headers), age.map(Duration::from_secs), "{line}");
        }
    }
}
