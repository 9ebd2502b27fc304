//! What goes wrong on the way to a provider and back, and the only mapping of it to what people see:
//! the login page again where another try or another way helps, else a page that says what to do.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::{directory::Unavailable, redeem::Refusal};
use crate::{
    error::{Error, chain},
    oauth::{
        guest::Guest,
        login::{self, Transaction},
        pages::{LoginProblem, Trouble},
        setback::Setback,
    },
    store::StoreError,
    vault::Unreadable,
};

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mishap {
    /// What can happen on every page.
    #[error("{0}")]
    Setback(Setback),
    /// No such provider is offered.
    #[error("no such identity provider")]
    NoProvider,
    /// What is needed of the provider cannot be had.
    #[error("the identity provider is not available")]
    Unavailable(#[source] Unavailable),
    /// The provider says that nobody signed in; this is its error code.
    #[error("the identity provider answered {0}")]
    Declined(String),
    /// What came back is not what must come back.
    #[error("the identity provider's answer is refused")]
    Refused(#[source] Refusal),
    /// The provider vouches for somebody whom we do not let in.
    #[error("whom the identity provider vouches for is not let in")]
    Outside(#[source] Outside),
}

/// Whom we do not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Outside {
    /// Nobody made them a user.
    #[error("there is no such user")]
    Unknown,
    /// They have no verified e-mail address in one of the domains.
    #[error("no verified address in the domains")]
    Domain,
    /// The claim that would be their login is not there, or is not fit.
    #[error("no fit login")]
    Login,
    /// Their login is another user's.
    #[error("the login is another user's")]
    Taken,
}

impl Mishap {
    /// What people see of it. With a transaction, they may try again.
    pub(super) async fn response(
        self,
        guest: &Guest,
        transaction: Option<&Transaction>,
    ) -> Response {
        if let (Some(problem), Some(transaction)) = (self.problem(), transaction) {
            log(&self);
            let page = login::page(guest, transaction, "", Some(problem)).await;
            return guest.answer(page);
        }
        let (status, title, text, next) = match &self {
            Self::Setback(_) => return self.setback(guest),
            Self::NoProvider => (
                StatusCode::NOT_FOUND,
                "This way to sign in is not offered",
                "It was removed or switched off.".to_owned(),
                "Go back to the sign-in page, load it again and choose another way.",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The sign-in service does not answer",
                "You cannot be signed in there at the moment.".to_owned(),
                "Go back to the sign-in page and try again, or choose another way.",
            ),
            Self::Declined(code) => (
                StatusCode::FORBIDDEN,
                "You are not signed in",
                match code.as_str() {
                    "access_denied" => "At the sign-in service it was declined.".to_owned(),
                    code => format!("The sign-in service says: {code}."),
                },
                "Go back to the sign-in page and try again, or choose another way.",
            ),
            Self::Refused(_) => (
                StatusCode::BAD_REQUEST,
                "Signing in did not work",
                "What came back from the sign-in service is not an answer that we can accept."
                    .to_owned(),
                "Go back to your app and connect again. If it happens again, tell your \
                 administrator.",
            ),
            Self::Outside(outside) => {
                let (text, next) = outside.words();
                let text = format!("The sign-in service {text}");
                (
                    StatusCode::FORBIDDEN,
                    "You have no account here",
                    text,
                    next,
                )
            }
        };
        let trouble = Trouble {
            look: Some(guest.look.clone()),
            status,
            title: title.to_owned(),
            text,
            next: vec![next.to_owned()],
            correlation: Some(log(&self)),
        };
        trouble.response()
    }

    fn setback(self, guest: &Guest) -> Response {
        match self {
            Self::Setback(setback) => guest.answer(Err(setback)),
            _ => guest.answer(Err(Setback::Malformed)),
        }
    }

    /// What the login page says of it, where another try or another way helps.
    fn problem(&self) -> Option<LoginProblem> {
        match self {
            Self::Unavailable(_) | Self::Refused(Refusal::Call(_) | Refusal::Keys(_)) => {
                Some(LoginProblem::Provider)
            }
            Self::Outside(Outside::Unknown) => Some(LoginProblem::NoAccount),
            Self::Setback(_)
            | Self::NoProvider
            | Self::Declined(_)
            | Self::Refused(_)
            | Self::Outside(_) => None,
        }
    }
}

impl Outside {
    /// What the sign-in service does, and what to do about it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unknown => (
                "knows you, but you have no account here.",
                "Ask your administrator for an account.",
            ),
            Self::Domain => (
                "knows you, but not with a verified e-mail address that is let in here.",
                "Sign in there with your work account, or ask your administrator.",
            ),
            Self::Login => (
                "does not say what you are to be called here.",
                "Tell your administrator: the claim for the login of new users is missing or not \
                 fit.",
            ),
            Self::Taken => (
                "knows you under a name that somebody else has here already. Accounts are never \
                 joined by their names.",
                "Sign in the way you did before, or ask your administrator.",
            ),
        }
    }
}

/// Names it in the log and on the page.
fn log(mishap: &Mishap) -> String {
    let correlation = Uuid::now_v7().to_string();
    tracing::warn!(
        correlation,
        error = chain(mishap),
        "signing in at an identity provider did not work"
    );
    correlation
}

impl From<Setback> for Mishap {
    fn from(setback: Setback) -> Self {
        Self::Setback(setback)
    }
}

impl From<Unavailable> for Mishap {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<Refusal> for Mishap {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Outside> for Mishap {
    fn from(outside: Outside) -> Self {
        Self::Outside(outside)
    }
}

impl From<StoreError> for Mishap {
    fn from(error: StoreError) -> Self {
        Self::Setback(error.into())
    }
}

impl From<Unreadable> for Mishap {
    fn from(error: Unreadable) -> Self {
        Self::Setback(error.into())
    }
}

impl From<Error> for Mishap {
    fn from(error: Error) -> Self {
        Self::Setback(error.into())
    }
}
