//! On the way to an identity provider. It is a page and no redirect, because browsers hold
//! `form-action` against redirects that follow a form, and where a provider's page is, is not known
//! when ours is shown.

use askama::Template;
use http::{HeaderValue, header::REFRESH};

use super::{Look, Response, StatusCode, shell};

/// The page that goes on to a provider by itself.
#[derive(Debug, Template)]
#[template(path = "onward.html")]
pub(crate) struct Onward {
    pub(crate) look: Look,
    /// What people call the provider.
    pub(crate) provider: String,
    /// Where it is.
    pub(crate) url: String,
}

impl Onward {
    pub(crate) fn response(self) -> Response {
        let mut response = shell::respond(StatusCode::OK, &self, &self.look.style, &[]);
        // The link is there for browsers that do not go on by themselves.
        if let Ok(refresh) = HeaderValue::try_from(format!("0;url={}", self.url)) {
            response.headers_mut().insert(REFRESH, refresh);
        }
        response
    }
}
