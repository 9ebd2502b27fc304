//! Whether a client may connect in somebody's name. Whose client it is, and where it sends people,
//! stand where nobody overlooks them.
//!
//! Forms: `POST /consent` (`t`, `csrf`, `decision=allow|deny`); `POST /logout` (`t`, `csrf`), which
//! ends the session and goes on with signing in for the same transaction.

use std::time::Duration;

use askama::Template;
use uuid::Uuid;

use super::{
    Look, Response, StatusCode,
    client::{ClientShown, RedirectShown, Standing},
    moment,
    permission::{Permission, Reach},
    shell,
};

/// The page that asks.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent {
    pub(crate) look: Look,
    pub(crate) transaction: Uuid,
    pub(crate) csrf: String,
    /// Who is signed in.
    pub(crate) user: String,
    pub(crate) client: ClientShown,
    pub(crate) redirect: RedirectShown,
    pub(crate) reach: Reach,
    pub(crate) permissions: Vec<Permission>,
    /// How long the connection lasts unused; `None` when it ends with its access token.
    pub(crate) idle_life: Option<Duration>,
    /// The client's redirect URI.
    pub(crate) leads_to: String,
}

impl Consent {
    pub(crate) fn response(self) -> Response {
        let leads_to = std::slice::from_ref(&self.leads_to);
        shell::respond(StatusCode::OK, &self, &self.look.style, leads_to)
    }

    fn lasts(&self) -> Option<String> {
        self.idle_life.map(moment::length)
    }
}
