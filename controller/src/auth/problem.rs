//! Every way in which a request at the auth door can fail, and the only mapping of it to HTTP. What
//! the database said goes to the log under a correlation id.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;
use tonic::Code;
use uuid::Uuid;

use crate::{
    error::{Error, chain},
    store::StoreError,
    vault::Unreadable,
};

/// Why a request is not answered as wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// Not said by a gateway whose it is.
    #[error("Not forwarded by a gateway")]
    Unforwarded,
    /// No such path.
    #[error("Not found")]
    Path,
    /// Another method.
    #[error("Method not allowed")]
    Method,
    /// Too many requests at once.
    #[error("Too many requests at once")]
    Busy,
    /// It took too long.
    #[error("No answer in time")]
    Late,
    /// No credential.
    #[error("Invalid API key")]
    NoCredential,
    /// More than one.
    #[error("More than one Authorization header")]
    TwoCredentials,
    /// A credential that is none of the tenant's.
    #[error("Invalid API key")]
    InvalidCredential,
    /// A genuine one whose time is over.
    #[error("Token expired")]
    Expired,
    /// Not JSON by its type.
    #[error("The body must be application/json")]
    MediaType,
    /// More than 64 KiB.
    #[error("The body is too large")]
    TooLarge,
    /// Not the JSON that is wanted.
    #[error("The body cannot be read: {0}")]
    Json(String),
    /// A field at fault.
    #[error("`{field}` {text}")]
    Field {
        /// Which, for example `scopes[1]`.
        field: String,
        /// What is wrong with it.
        text: String,
    },
    /// A field that asks for more than the credential may do.
    #[error("`{field}` {text}")]
    Beyond {
        /// Which.
        field: String,
        /// What it asks too much.
        text: String,
    },
    /// The database, or a key.
    #[error("Not available at the moment")]
    Inside(#[source] Error),
}

impl Problem {
    pub(super) fn field(field: impl Into<String>, text: impl Into<String>) -> Self {
        let (field, text) = (field.into(), text.into());
        Self::Field { field, text }
    }

    pub(super) fn beyond(field: impl Into<String>, text: impl Into<String>) -> Self {
        let (field, text) = (field.into(), text.into());
        Self::Beyond { field, text }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unforwarded | Self::TwoCredentials | Self::Json(_) | Self::Field { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy | Self::Late => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoCredential | Self::InvalidCredential | Self::Expired => {
                StatusCode::UNAUTHORIZED
            }
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Beyond { .. } => StatusCode::FORBIDDEN,
            Self::Inside(error) => match error.code() {
                Code::Unavailable | Code::Aborted => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn class(&self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "authorization_error",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable_error",
            StatusCode::INTERNAL_SERVER_ERROR => "internal_error",
            _ => "invalid_request_error",
        }
    }

    fn at_fault(&self) -> Option<&str> {
        match self {
            Self::Field { field, .. } | Self::Beyond { field, .. } => Some(field),
            _ => None,
        }
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        let challenge = match self {
            Self::NoCredential => Some(CHALLENGE),
            Self::InvalidCredential => Some(CHALLENGE_INVALID),
            Self::Expired => Some(CHALLENGE_EXPIRED),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::Method) {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        // Some texts quote the request, which can be long.
        let text: String = self.to_string().chars().take(300).collect();
        let mut body = json!({"error": text, "status": status.as_u16(), "type": self.class()});
        if let Some(field) = self.at_fault() {
            body["field"] = field.into();
        }
        if let Self::Inside(error) = &self {
            let correlation = Uuid::now_v7().to_string();
            tracing::error!(
                correlation,
                error = chain(error),
                "an auth call failed inside"
            );
            body["correlation"] = correlation.into();
        }
        let mut response = (status, Json(body)).into_response();
        self.write_headers(response.headers_mut());
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Inside(error.into())
    }
}

impl From<Unreadable> for Problem {
    fn from(error: Unreadable) -> Self {
        Self::Inside(error.into())
    }
}

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="aldgate""#);
const CHALLENGE_INVALID: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="aldgate", error="invalid_token""#);
const CHALLENGE_EXPIRED: HeaderValue = HeaderValue::from_static(
    r#"Bearer realm="aldgate", error="invalid_token", error_description="The token expired""#,
);
