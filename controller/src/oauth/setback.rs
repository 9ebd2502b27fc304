//! What goes wrong on the way through our pages, and the only mapping of it to a page that people can
//! act on. None of these leads to a client: whoever could be sent there is not known well enough.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use uuid::Uuid;

use super::{
    client::NoClient,
    guest,
    pages::{Look, Trouble},
    params::Unfit,
};
use crate::{
    error::{Error, chain},
    store::StoreError,
    vault::Unreadable,
};

/// Why somebody does not see what they asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Setback {
    /// No tenant at this address.
    #[error("there is no tenant at this address")]
    NoTenant,
    /// Its pages are at another address: this one.
    #[error("the page is at the canonical origin")]
    Elsewhere(String),
    /// A parameter is there twice.
    #[error("the parameter {0} is repeated")]
    Repeated(String),
    /// Something is missing, or is no form.
    #[error("the request is malformed")]
    Malformed,
    /// More than anybody needs.
    #[error("the request is too large")]
    TooLarge,
    /// The login is over, or it is another browser's.
    #[error("no such login in this browser")]
    NoTransaction,
    /// The form is not one that we gave this browser for this purpose.
    #[error("the form is not ours")]
    Form,
    /// The user is disabled, or gone.
    #[error("the user may not sign in")]
    User,
    /// Nobody has this client id.
    #[error("no such client")]
    UnknownClient,
    /// The tenant refuses the client.
    #[error("the client is blocked")]
    BlockedClient,
    /// The client's document cannot be had.
    #[error("the client's document cannot be had")]
    Unreachable,
    /// The client's document is not what it must be.
    #[error("the client's document is unfit: {0}")]
    Unfit(String),
    /// The redirect URI is none of the client's.
    #[error("the redirect URI is not registered")]
    Redirect,
    /// Somebody's network begins logins too fast; in so many seconds it may go on.
    #[error("too many logins were begun; {0} s are left to wait")]
    Slow(u64),
    /// The database, or a key.
    #[error("not available at the moment")]
    Inside(#[source] Error),
}

impl Setback {
    /// The page about it.
    pub(crate) fn response(self, look: Option<Look>) -> Response {
        if let Self::Elsewhere(url) = &self {
            return guest::redirect(StatusCode::FOUND, url);
        }
        let (title, text) = self.words();
        let wait = match self {
            Self::Slow(seconds) => Some(seconds),
            _ => None,
        };
        let trouble = Trouble {
            look,
            status: self.status(),
            title: title.to_owned(),
            text: match &self {
                Self::Unfit(why) => format!("{text} {why}"),
                _ => text.to_owned(),
            },
            next: self.next().iter().map(|&step| step.to_owned()).collect(),
            correlation: self.correlation(),
        };
        let mut response = trouble.response();
        if let Some(seconds) = wait {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Elsewhere(_) => StatusCode::FOUND,
            Self::NoTenant => StatusCode::NOT_FOUND,
            Self::Repeated(_)
            | Self::Malformed
            | Self::UnknownClient
            | Self::BlockedClient
            | Self::Unreachable
            | Self::Unfit(_)
            | Self::Redirect => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoTransaction | Self::Form | Self::User => StatusCode::FORBIDDEN,
            Self::Slow(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Inside(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What happened: in short, and so that one knows why.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoTenant | Self::Elsewhere(_) => {
                ("Nothing here", "Nobody signs in at this address.")
            }
            Self::Repeated(_) => (
                "This request cannot be used",
                "The app sent something twice that must be there once.",
            ),
            Self::Malformed => (
                "This request cannot be used",
                "Something is missing in it, or cannot be read.",
            ),
            Self::TooLarge => (
                "This request cannot be used",
                "It is larger than any app needs.",
            ),
            Self::NoTransaction => (
                "This page is over",
                "It was used already, it is too old, or it was begun in another browser.",
            ),
            Self::Form => (
                "This form cannot be used",
                "It was not filled in on a page that this browser got from us just now.",
            ),
            Self::User => (
                "You cannot sign in",
                "Your account is disabled, or it is gone.",
            ),
            Self::UnknownClient => (
                "This app is not known here",
                "It uses a registration that does not exist here, or not any more.",
            ),
            Self::BlockedClient => (
                "This app is blocked",
                "Your administrator does not allow this app to connect.",
            ),
            Self::Unreachable => (
                "This app cannot be identified",
                "The document that says who it is could not be fetched. Its address must be public \
                 and answer 200 with JSON of at most 5 KB.",
            ),
            Self::Unfit(_) => (
                "This app cannot be identified",
                "The document that says who it is cannot be used:",
            ),
            Self::Redirect => (
                "This app asks for too much",
                "It wants you to be sent to an address that is not registered for it.",
            ),
            Self::Slow(_) => (
                "Too many people are signing in",
                "Where you are, many have begun to sign in within a short time. Nothing is wrong \
                 with your request.",
            ),
            Self::Inside(_) => (
                "That did not work",
                "Something went wrong on our side. Nothing was changed.",
            ),
        }
    }

    /// What to do about it.
    fn next(&self) -> &'static [&'static str] {
        match self {
            Self::NoTenant | Self::Elsewhere(_) => &["Check the address."],
            Self::Repeated(_) | Self::Malformed | Self::TooLarge => &[
                "Go back to your app and try again.",
                "If it happens again, report it to whoever makes the app.",
            ],
            Self::NoTransaction | Self::Form => &[
                "Go back to your app and connect again.",
                "Allow cookies for this site, and finish in the browser in which you began.",
            ],
            Self::User | Self::BlockedClient => &["Ask your administrator."],
            Self::UnknownClient => &[
                "In your app, remove this server and add it again: the app then registers anew.",
                "If you entered a client id yourself, compare it with the one that you were given.",
            ],
            Self::Unreachable => &[
                "Wait a minute and try again.",
                "If it happens again, ask your administrator.",
            ],
            Self::Unfit(_) => &["Report it to whoever makes the app."],
            Self::Redirect => &[
                "In your app, remove this server and add it again.",
                "If you did not just try to connect an app, close this page: somebody may be \
                 trying to get at your data.",
            ],
            Self::Slow(_) | Self::Inside(_) => &["Wait a minute and try again."],
        }
    }

    /// Names it in the log.
    fn correlation(&self) -> Option<String> {
        let Self::Inside(error) = self else {
            return None;
        };
        let correlation = Uuid::now_v7().to_string();
        tracing::error!(correlation, error = chain(error), "a page failed inside");
        Some(correlation)
    }
}

impl IntoResponse for Setback {
    fn into_response(self) -> Response {
        self.response(None)
    }
}

impl From<NoClient> for Setback {
    fn from(error: NoClient) -> Self {
        match error {
            NoClient::Unknown => Self::UnknownClient,
            NoClient::Blocked => Self::BlockedClient,
            NoClient::Unreachable => Self::Unreachable,
            NoClient::Unfit(why) => Self::Unfit(why),
            NoClient::Inside(error) => Self::Inside(error),
        }
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

impl From<Unfit> for Setback {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Repeated(name) => Self::Repeated(name),
            Unfit::Zero => Self::Malformed,
        }
    }
}
