//! One fetch of a JWK set: what the dialer lets through, bounded in time and size.

use std::time::Duration;

use egress::{
    DialError, Dialer, Endpoint,
    fetch::{self, Limits},
};
use http::StatusCode;
use token::jwt::{KeySet, KeySetError};

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
    /// No answer, or none of a sensible size.
    #[error("asking the issuer")]
    Exchange(#[source] fetch::FetchError),
    /// Not 200. Redirects are not followed.
    #[error("the issuer answered {0}")]
    Status(StatusCode),
    /// The body is not what we need.
    #[error("the issuer's answer")]
    Keys(#[source] KeySetError),
}

impl FetchError {
    /// The kind, for the metric.
    pub(super) fn label(&self) -> &'static str {
        use fetch::FetchError as Exchange;
        match self {
            Self::Exchange(Exchange::Dial(DialError::Forbidden(_))) => "forbidden",
            Self::Exchange(Exchange::Dial(_) | Exchange::Http(_)) => "unreachable",
            Self::Exchange(Exchange::Deadline) => "deadline",
            Self::Status(_) => "status",
            Self::Exchange(Exchange::Body | Exchange::TooLarge | Exchange::Encoded)
            | Self::Keys(_) => "unusable",
        }
    }
}

/// Fetches the keys at this address, within 5 s as a whole.
pub(super) async fn fetch(dialer: &Dialer, endpoint: &Endpoint) -> Result<Fetched, FetchError> {
    let reply = fetch::get(dialer, endpoint, ACCEPT, LIMITS)
        .await
        .map_err(FetchError::Exchange)?;
    if reply.status() != StatusCode::OK {
        return Err(FetchError::Status(reply.status()));
    }
    let keys = KeySet::parse_jwks(reply.body()).map_err(FetchError::Keys)?;
    let max_age = fetch::max_age(reply.headers());
    Ok(Fetched { keys, max_age })
}

const ACCEPT: &str = "application/jwk-set+json, application/json";
const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    bytes: 256 << 10,
};
