//! Signing in: with an identity provider of the tenant, or with a password kept here.
//!
//! Forms: `POST /login` (`t`, `csrf`, `login`, `password`), `POST /login/{idp}` (`t`, `csrf`).

use askama::Template;
use uuid::Uuid;

use super::{Look, Response, StatusCode, client::ClientShown, moment, shell};

/// The page that signs in.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct Login {
    pub(crate) look: Look,
    pub(crate) transaction: Uuid,
    pub(crate) csrf: String,
    /// Who asks for it; nobody when people come for their connections.
    pub(crate) client: Option<ClientShown>,
    /// Whether passwords are kept here.
    pub(crate) passwords: bool,
    pub(crate) providers: Vec<ProviderShown>,
    /// What was typed before.
    pub(crate) typed: String,
    pub(crate) problem: Option<LoginProblem>,
    /// URLs besides ours that may follow: the client's redirect URI, and the providers'
    /// authorization endpoints.
    pub(crate) leads_to: Vec<String>,
}

/// An identity provider to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderShown {
    pub(crate) slug: String,
    pub(crate) name: String,
}

/// Why signing in did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginProblem {
    /// No such user, or another password.
    Wrong,
    /// Too many attempts; the next after so many seconds.
    Slow(u64),
    /// Too many people sign in at once.
    Busy,
    /// The identity provider did not do its part.
    Provider,
    /// The identity provider vouches for somebody who has no account here.
    NoAccount,
}

impl Login {
    pub(crate) fn response(self) -> Response {
        let status = self.problem.map_or(StatusCode::OK, LoginProblem::status);
        let response = shell::respond(status, &self, &self.look.style, &self.leads_to);
        match self.problem {
            Some(LoginProblem::Slow(seconds)) => shell::retry_after(response, seconds),
            Some(LoginProblem::Busy) => shell::retry_after(response, 1),
            Some(LoginProblem::Wrong | LoginProblem::Provider | LoginProblem::NoAccount) | None => {
                response
            }
        }
    }

    fn wrong(&self) -> bool {
        self.problem == Some(LoginProblem::Wrong)
    }
}

impl LoginProblem {
    fn status(self) -> StatusCode {
        match self {
            Self::Wrong | Self::NoAccount => StatusCode::FORBIDDEN,
            Self::Slow(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Provider => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Wrong => "User name and password do not match. Please try again.".to_owned(),
            Self::Slow(seconds) => format!(
                "Too many attempts. Please try again in {}.",
                moment::wait(seconds)
            ),
            Self::Busy => "Many people are signing in. Please try again in a moment.".to_owned(),
            Self::Provider => "That did not work: the sign-in service gave no valid answer. \
                               Please try again, or choose another way."
                .to_owned(),
            Self::NoAccount => "You have no account here. Ask your administrator for one, or \
                                sign in as somebody else."
                .to_owned(),
        }
    }
}
