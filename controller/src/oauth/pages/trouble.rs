//! What went wrong and what to do about it, and what is done.

use askama::Template;

use super::{Look, Response, StatusCode, shell};

/// An error that a person reads.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// `None` when the tenant could not be looked up.
    pub(crate) look: Option<Look>,
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    /// The cause, in words that the reader knows.
    pub(crate) text: String,
    /// What to do, one step each.
    pub(crate) next: Vec<String>,
    /// Names it in the log.
    pub(crate) correlation: Option<String>,
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage<'a> {
    look: &'a Look,
    title: &'a str,
    text: &'a str,
    next: &'a [String],
    correlation: Option<&'a str>,
}

impl Trouble {
    pub(crate) fn response(self) -> Response {
        let look = self.look.unwrap_or_else(Look::plain);
        let page = TroublePage {
            look: &look,
            title: &self.title,
            text: &self.text,
            next: &self.next,
            correlation: self.correlation.as_deref(),
        };
        shell::respond(self.status, &page, &look.style, &[])
    }
}

/// Something that is done, and nothing is left to do.
#[derive(Debug, Template)]
#[template(path = "done.html")]
pub(crate) struct Done {
    pub(crate) look: Look,
    pub(crate) title: String,
    pub(crate) text: String,
}

impl Done {
    pub(crate) fn response(self) -> Response {
        shell::respond(StatusCode::OK, &self, &self.look.style, &[])
    }
}
