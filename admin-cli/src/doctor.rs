//! What happens when a client connects to an MCP URL, tried with that client's habits: from the first 401
//! to the first call. Each step says what it found and, where the client would fail, what mends it.
//!
//! It speaks as the clients do and knows nothing of the admin API, so it sees what they see.

mod authorize;
mod call;
mod challenge;
mod form;
mod person;
mod profile;
mod registration;
mod report;
mod resource_metadata;
mod server_metadata;
mod token;
mod visit;

use std::io;

use serde_json::Value;
use url::Url;

use self::{
    authorize::Found,
    report::{Outcome, Step},
    visit::Visit,
};
pub(crate) use self::{person::Person, profile::Profile, report::Report};
use crate::{
    callback::Callback,
    failure::Failure,
    output::Printer,
    web::{Web, WebError},
};

/// Connects as the client would.
pub(crate) async fn connect(
    profile: &Profile,
    typed: &str,
    person: Option<&Person>,
    printer: &Printer,
) -> Result<Report, Failure> {
    let url: Url = typed
        .parse()
        .map_err(|_| WebError::NotAUrl(typed.to_owned()))?;
    let visit = Visit {
        web: Web::within(profile.budget())?,
        profile,
        url,
        typed: typed.to_owned(),
    };
    let callback = listen(&visit).await.map_err(Failure::Listen)?;
    let mut report = Report::new(&profile.title, typed);
    walk(&visit, callback, person, printer, &mut report).await;
    for step in STEPS.iter().skip(report.steps.len()) {
        report.add(Step::skipped(step, "the step before did not get that far"));
    }
    Ok(report)
}

/// The steps in their order, each with what the ones before found.
async fn walk(
    visit: &Visit<'_>,
    callback: Callback,
    person: Option<&Person>,
    printer: &Printer,
    report: &mut Report,
) -> Option<()> {
    let port = callback.port();
    let (step, challenge) = challenge::walk(visit).await;
    report.add(step);
    // Clients look at the well-known places even where the challenge says nothing.
    let challenge = challenge?;
    let (step, resource) = resource_metadata::walk(visit, &challenge).await;
    report.add(step);
    let resource = resource?;
    let (step, server) = server_metadata::walk(visit, &resource).await;
    report.add(step);
    let server = server?;
    let (step, registered) = registration::walk(visit, &server, port).await;
    report.add(step);
    let registered = registered?;
    let redirect_uri = visit.profile.redirect_uri(port);
    let found = Found {
        challenge: &challenge,
        resource: &resource,
        server: &server,
        registered: &registered,
        redirect_uri: &redirect_uri,
    };
    let (step, code) = authorize::walk(visit, &found, callback, person, printer).await;
    report.add(step);
    let code = code?;
    let (step, tokens) = token::redeem(visit, &found, &code).await;
    report.add(step);
    let tokens = tokens?;
    let (step, renewed) = token::renew(visit, &found, &code, &tokens).await;
    let renewed = match step.outcome {
        Outcome::Failed => tokens,
        Outcome::Ok | Outcome::Skipped => renewed.unwrap_or(tokens),
    };
    report.add(step);
    report.add(call::walk(visit, &renewed).await);
    Some(())
}

/// Listens where the client would; one that is hosted elsewhere never comes back here.
async fn listen(visit: &Visit<'_>) -> io::Result<Callback> {
    let uri = visit.profile.redirect_uri(0);
    let path = uri.parse::<Url>().map(|uri| uri.path().to_owned());
    Callback::listen(&path.unwrap_or_default()).await
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

const STEPS: [&str; 8] = [
    "challenge",
    "resource metadata",
    "server metadata",
    "registration",
    "authorize",
    "token",
    "refresh",
    "call",
];

#[cfg(test)]
mod tests;
