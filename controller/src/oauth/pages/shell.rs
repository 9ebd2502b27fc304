//! Status, headers and text of a page.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use look::{Style, security};

/// A page. `leads_to` are the URLs that its forms may end up at besides our own: browsers hold
/// `form-action` against each redirect that follows a form.
pub(super) fn respond(
    status: StatusCode,
    page: &impl Template,
    style: &Style,
    leads_to: &[String],
) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            // Writing to a string does not fail.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a page was not made"
            );
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, html).into_response();
    security::write(response.headers_mut(), style, leads_to);
    response
}

/// Says when to try again.
pub(super) fn retry_after(mut response: Response, seconds: u64) -> Response {
    let value = HeaderValue::from(seconds);
    response.headers_mut().insert(RETRY_AFTER, value);
    response
}
