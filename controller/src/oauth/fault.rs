//! What goes wrong at the endpoints that programs call (RFC 6749 §5.2, RFC 7591 §3.2.2, RFC 8628
//! §3.5), and the only mapping of it to HTTP. What went wrong inside goes to the log under a
//! correlation id.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;
use tonic::Code as Grpc;
use uuid::Uuid;

use super::params::Unfit;
use crate::{
    error::{Error, chain},
    store::StoreError,
    vault::Unreadable,
};

/// Why a program is not given what it asks for. The description is for developers; ASCII without
/// quotes, and nothing that came with the request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// An error of the protocol.
    #[error("{}: {description}", code.as_str())]
    Protocol {
        /// Which.
        code: Code,
        /// What to do about it.
        description: String,
    },
    /// The client's credentials are no good; `basic` says that they came in `Authorization`.
    #[error("invalid_client")]
    Client {
        /// Whether to challenge for Basic.
        basic: bool,
        /// What to do about it.
        description: String,
    },
    /// Too many at once; try again after so many seconds.
    #[error("too many requests")]
    Slow(u64),
    /// The database, or a key.
    #[error("not available at the moment")]
    Inside(#[source] Error),
}

/// Error codes as the specifications spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidRequest,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    AccessDenied,
    LoginRequired,
    ConsentRequired,
    InvalidRedirectUri,
    InvalidClientMetadata,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    ServerError,
}

impl Code {
    /// On the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::ServerError => "server_error",
        }
    }
}

impl Fault {
    /// An error of the protocol.
    pub(crate) fn new(code: Code, description: impl Into<String>) -> Self {
        let description = description.into();
        Self::Protocol { code, description }
    }

    /// A client that is not known, or did not prove who it is.
    pub(crate) fn client(basic: bool, description: impl Into<String>) -> Self {
        let description = description.into();
        Self::Client { basic, description }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Protocol { .. } => StatusCode::BAD_REQUEST,
            Self::Client { .. } => StatusCode::UNAUTHORIZED,
            Self::Slow(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Inside(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What a program reads.
    fn said(&self) -> (&'static str, &str) {
        match self {
            Self::Protocol { code, description } => (code.as_str(), description),
            Self::Client { description, .. } => ("invalid_client", description),
            Self::Slow(_) => (
                "temporarily_unavailable",
                "Too many requests; try again later",
            ),
            Self::Inside(_) => ("temporarily_unavailable", "Not available at the moment"),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (error, description) = self.said();
        let mut body = json!({"error": error, "error_description": description});
        if let Self::Inside(error) = &self {
            let correlation = Uuid::now_v7().to_string();
            let failing = matches!(error.code(), Grpc::Unavailable | Grpc::Aborted);
            tracing::error!(
                correlation,
                failing,
                error = chain(error),
                "an OAuth call failed inside"
            );
            body["correlation"] = correlation.into();
        }
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        match self {
            Self::Client { basic: true, .. } => {
                let challenge = HeaderValue::from_static(r#"Basic realm="aldgate""#);
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::Slow(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Inside(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Protocol { .. } | Self::Client { basic: false, .. } => {}
        }
        response
    }
}

impl From<Unfit> for Fault {
    fn from(unfit: Unfit) -> Self {
        let text = match unfit {
            Unfit::Repeated(name) => {
                let known = name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                let name = if known { name.as_str() } else { "a parameter" };
                format!("{name} is there more than once")
            }
            Unfit::Zero => "A parameter holds a zero byte".to_owned(),
        };
        Self::new(Code::InvalidRequest, text)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Inside(error.into())
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        Self::Inside(error.into())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Inside(error)
    }
}
