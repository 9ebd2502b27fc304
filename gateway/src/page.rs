//! What a browser gets on an MCP URL: how to connect there. It is the body of the 401, and all of it
//! follows from the URL and the tenant, so that nobody learns whether there is such a server.

use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use http::{
    HeaderMap, Method,
    header::{ACCEPT, VARY},
    request::Parts,
};
use look::{Look, security};

use self::links::Links;
use crate::{error::Error, route::Target};

/// What opens or configures each client.
mod links;

/// A page, made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    html: Bytes,
    headers: HeaderMap,
}

#[derive(Template)]
#[template(path = "connect.html")]
struct Connect<'a> {
    look: &'a Look,
    /// What was called, as it was typed.
    url: &'a str,
    name: &'a str,
    links: Links,
    /// Whether people sign in, or need a key.
    signs_in: bool,
}

/// The refusal with a page in it, where a browser asks to see one.
pub(crate) fn put_into(error: Error, target: &Target, request: &Parts) -> Error {
    match error {
        Error::Unauthenticated(challenge) if is_wanted(request) => {
            let page = of(target, challenge.offers_sign_in());
            Error::Unauthenticated(challenge.with_page(page))
        }
        other => other,
    }
}

/// The page on how to connect to a target.
fn of(target: &Target, signs_in: bool) -> Page {
    let tenant = target.tenant();
    let look = tenant.map_or_else(
        || Arc::new(Look::plain()),
        |tenant| Arc::clone(&tenant.look),
    );
    let slug = tenant.map(|tenant| tenant.slug.as_str());
    let name = target.server().or(slug).unwrap_or("mcp");
    Page::new(&look, &target.url(), name, signs_in)
}

impl Page {
    fn new(look: &Look, url: &str, name: &str, signs_in: bool) -> Self {
        let page = Connect {
            look,
            url,
            name,
            links: Links::new(name, url),
            signs_in,
        };
        let mut headers = HeaderMap::new();
        security::write(&mut headers, &look.style, &[]);
        headers.insert(VARY, http::HeaderValue::from_static("accept"));
        Self {
            // Writing to a string does not fail.
            html: page.render().unwrap_or_default().into(),
            headers,
        }
    }

    pub(crate) fn body(&self) -> Bytes {
        self.html.clone()
    }

    /// Replaces what other bodies have.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }
}

/// Whether somebody looks at the URL with a browser: HTML by name, and before anything that MCP
/// clients take.
fn is_wanted(request: &Parts) -> bool {
    if request.method != Method::GET && request.method != Method::HEAD {
        return false;
    }
    let (mut html, mut other) = (0.0_f32, 0.0_f32);
    let lines = request.headers.get_all(ACCEPT).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight(parameters);
        match essence.trim().to_ascii_lowercase().as_str() {
            "text/html" | "application/xhtml+xml" => html = html.max(weight),
            "application/json" | "text/event-stream" => other = other.max(weight),
            _ => {}
        }
    }
    html > other
}

fn weight(parameters: &str) -> f32 {
    let mut parameters = parameters.split(';').map(str::trim);
    let weight = parameters.find_map(|parameter| parameter.strip_prefix("q="));
    weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests;
