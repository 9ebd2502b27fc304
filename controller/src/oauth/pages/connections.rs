//! What is connected in somebody's name, and the buttons that end it.
//!
//! Forms: `POST /connections/disconnect` (`csrf`, `grant`: its uid, or `all`); `POST /logout` (`csrf`).

use askama::Template;
use proto::id::GrantUid;
use time::OffsetDateTime;

use super::{
    Look, Response, StatusCode,
    client::{ClientShown, RedirectShown, Standing},
    moment::Moment,
    permission::{Permission, Reach},
    shell,
};

/// The page that lists connections.
#[derive(Debug, Template)]
#[template(path = "connections.html")]
pub(crate) struct Connections {
    pub(crate) look: Look,
    pub(crate) csrf: String,
    /// Who is signed in.
    pub(crate) user: String,
    pub(crate) all: Vec<ConnectionShown>,
    /// Something was just disconnected.
    pub(crate) disconnected: bool,
    pub(crate) now: OffsetDateTime,
}

/// A connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionShown {
    pub(crate) grant: GrantUid,
    pub(crate) client: ClientShown,
    /// `None` for what a device was given.
    pub(crate) redirect: Option<RedirectShown>,
    pub(crate) reach: Reach,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) created: OffsetDateTime,
    pub(crate) last_used: Option<OffsetDateTime>,
    /// When it ends unless it is used.
    pub(crate) ends: OffsetDateTime,
}

impl Connections {
    pub(crate) fn response(self) -> Response {
        shell::respond(StatusCode::OK, &self, &self.look.style, &[])
    }
}

impl ConnectionShown {
    fn since(&self) -> Moment {
        Moment::date(self.created)
    }

    fn used(&self, now: &OffsetDateTime) -> Option<Moment> {
        self.last_used.map(|used| Moment::ago(used, *now))
    }

    fn until(&self) -> Moment {
        Moment::date(self.ends)
    }

    /// Reading alone, or changing too.
    fn may(&self) -> String {
        let labels: Vec<_> = self
            .permissions
            .iter()
            .map(|one| one.kind.label())
            .collect();
        let mut once: Vec<&str> = Vec::new();
        for label in labels {
            if !once.contains(&label) {
                once.push(label);
            }
        }
        once.join(", ").to_lowercase()
    }
}
