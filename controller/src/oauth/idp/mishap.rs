//! What goes wrong on the way to a provider and back, and the only mapping of it to what people see:
//! the login page again where another try or another way may help, else a page that says what to do.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use uuid::Uuid;

use super::{directory::Unavailable, redeem::Refusal};
use crate::{
    auth::problem::Problem,
    error::{Error, chain},
    oauth::{
        pages::{Look, Trouble},
        setback::Setback,
    },
    store::StoreError,
    vault::Unreadable,
};

/// What people are told besides.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) look: Look,
    /// What the provider's button says.
    pub(super) provider: String,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mishap {
    /// What can happen on every page.
    #[error("{0}")]
    Setback(Setback),
    /// The request itself.
    #[error("{0}")]
    Request(Problem),
    /// No such provider is offered.
    #[error("no such identity provider")]
    NoProvider(Box<Look>),
    /// The provider does not answer.
    #[error("the identity provider is not available")]
    Unavailable(Box<Scene>, #[source] Unavailable),
    /// Somebody declined there, or may not come here.
    #[error("the identity provider answered {1}")]
    Declined(Box<Scene>, String),
    /// What came back is not what must come back.
    #[error("the identity provider's answer is refused")]
    Refused(Box<Scene>, #[source] Refusal),
    /// The provider vouches for somebody whom we do not let in.
    #[error("not let in: {1}")]
    Outside(Box<Scene>, Outside),
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

impl IntoResponse for Mishap {
    fn into_response(self) -> Response {
        let page = match self {
            Self::Setback(setback) => return setback.into_response(),
            Self::Request(problem) => return problem.into_response(),
            Self::NoProvider(look) => Trouble {
                look: Some(*look),
                status: StatusCode::NOT_FOUND,
                title: "This way to sign in is not offered".to_owned(),
                text: "It was removed or switched off.".to_owned(),
                next: texts(&[
                    "Go back to the sign-in page, load it again and choose another way.",
                ]),
                correlation: None,
            },
            Self::Unavailable(ref scene, _) => Trouble {
                look: Some(scene.look.clone()),
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: format!("{} does not answer", scene.provider),
                text: "You cannot be signed in there at the moment.".to_owned(),
                next: texts(&[
                    "Go back to the sign-in page and try again, or choose another way to sign in.",
                    "If it goes on, tell your administrator.",
                ]),
                correlation: Some(log(&self)),
            },
            Self::Declined(ref scene, ref code) => declined(scene, code),
            Self::Refused(ref scene, _) => Trouble {
                look: Some(scene.look.clone()),
                status: StatusCode::BAD_REQUEST,
                title: "Signing in did not work".to_owned(),
                text: format!(
                    "What came back from {} is not an answer that we can accept.",
                    scene.provider
                ),
                next: texts(&[
                    "Go back to the sign-in page and try again.",
                    "If it happens again, tell your administrator.",
                ]),
                correlation: Some(log(&self)),
            },
            Self::Outside(ref scene, outside) => outside.page(scene, log(&self)),
        };
        page.response()
    }
}

fn declined(scene: &Scene, code: &str) -> Trouble {
    let text = match code {
        "access_denied" => format!("At {} it was declined.", scene.provider),
        code => format!("{} did not sign you in. It says: {code}.", scene.provider),
    };
    Trouble {
        look: Some(scene.look.clone()),
        status: StatusCode::FORBIDDEN,
        title: "You are not signed in".to_owned(),
        text,
        next: texts(&[
            "Go back to the sign-in page and try again, or choose another way to sign in.",
            "If you may not sign in there, ask your administrator.",
        ]),
        correlation: None,
    }
}

impl Outside {
    fn page(self, scene: &Scene, correlation: String) -> Trouble {
        let (text, next): (&str, &str) = match self {
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
                "Tell your administrator: the claim for the login of new users is missing or not fit.",
            ),
            Self::Taken => (
                "knows you under a name that somebody else has here already. Accounts are never \
                 joined by their names.",
                "Sign in the way you did before, or ask your administrator.",
            ),
        };
        Trouble {
            look: Some(scene.look.clone()),
            status: StatusCode::FORBIDDEN,
            title: "You have no account here".to_owned(),
            text: format!("{} {text}", scene.provider),
            next: texts(&[next]),
            correlation: Some(correlation),
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

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

impl From<Setback> for Mishap {
    fn from(setback: Setback) -> Self {
        Self::Setback(setback)
    }
}

impl From<Problem> for Mishap {
    fn from(problem: Problem) -> Self {
        Self::Request(problem)
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
