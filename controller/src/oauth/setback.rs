//! What goes wrong on the way through our pages, and the only mapping of it to a page that people can
//! act on. None of these ever redirects: whoever could be sent somewhere is not known well enough.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::params::Repeated;
use crate::{error::Error, store::StoreError, vault::Unreadable};

/// Why somebody does not see what they asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Setback {
    /// No tenant at this address.
    #[error("there is no tenant at this address")]
    NoTenant,
    /// A parameter is there twice.
    #[error("a parameter is repeated")]
    Repeated(#[source] Repeated),
    /// The login is over, or it is another browser's.
    #[error("no such login in this browser")]
    NoTransaction,
    /// The form is not one that we gave this browser for this purpose.
    #[error("the form is not ours")]
    Form,
    /// The user is disabled, or gone.
    #[error("the user may not sign in")]
    User,
    /// The database, or a key.
    #[error("not available at the moment")]
    Inside(#[source] Error),
}

impl Setback {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoTenant => StatusCode::NOT_FOUND,
            Self::Repeated(_) => StatusCode::BAD_REQUEST,
            Self::NoTransaction | Self::Form | Self::User => StatusCode::FORBIDDEN,
            Self::Inside(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Setback {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
    }
}

impl From<StoreError> for Setback {
    fn from(error: StoreError) -> Self {
        Self::Inside(error.into())
    }
}

impl From<Unreadable> for Setback {
    fn from(error: Unreadable) -> Self {
        Self::Inside(error.into())
    }
}

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        Self::Inside(error)
    }
}

impl From<Repeated> for Setback {
    fn from(error: Repeated) -> Self {
        Self::Repeated(error)
    }
}
