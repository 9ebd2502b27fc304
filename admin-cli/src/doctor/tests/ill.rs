//! Servers that are ill in one way, and what a client's examination of one says.

use std::time::Duration;

use serde_json::Value;

use super::{super::*, healthy::healthy};
use crate::{
    args::Format,
    scripted::{Arrived, Reply, Scripted},
};

/// Examines a server that is ill in one way; that step must fail and say so. Returns what people read.
pub(super) async fn breaks(
    client: &str,
    step: &str,
    told: &str,
    ill: impl Fn(&Arrived, &mut Reply) + Send + Sync + 'static,
) -> String {
    let server = Scripted::start(move |request| {
        let mut reply = healthy(&request);
        ill(&request, &mut reply);
        reply
    })
    .await;
    let report = examine(&Profile::all()[client], &server).await;
    let lines = report.lines().join("\n");
    let found = report
        .steps
        .iter()
        .find(|found| found.name == step)
        .unwrap();
    assert_eq!(found.outcome, Outcome::Failed, "{client}, {step}:\n{lines}");
    let named = found
        .problems
        .iter()
        .any(|problem| problem.fix.contains(told) || problem.what.contains(told));
    assert!(named, "{client}, {step}, {told}:\n{lines}");
    assert!(!report.is_ok());
    lines
}

pub(super) async fn examine(profile: &Profile, server: &Scripted) -> Report {
    let person = Person {
        login: "ada".into(),
        password: "correct".into(),
    };
    let printer = Printer::new(Format::Json);
    connect(profile, &server.url("/mcp"), Some(&person), &printer)
        .await
        .unwrap()
}

/// Changes the JSON of a document.
pub(super) fn edit(
    request: &Arrived,
    reply: &mut Reply,
    path: &str,
    change: impl FnOnce(&mut Value),
) {
    if request.method == "OPTIONS" || !request.path.contains(path) {
        return;
    }
    let mut body: Value = serde_json::from_str(&reply.2).unwrap();
    change(&mut body);
    reply.2 = body.to_string();
}

/// Refuses an authorization by redirect.
pub(super) fn refuse(request: &Arrived, reply: &mut Reply, error: &str) {
    if request.path != "/authorize" {
        return;
    }
    let to = format!(
        "{}?error={error}&state={}&iss={}",
        request.param("redirect_uri").unwrap_or_default(),
        request.param("state").unwrap_or_default(),
        request.origin
    );
    *reply = (303, vec![("location", to)], String::new());
}

/// Where the consent page sends people.
pub(super) fn location<'a>(request: &Arrived, reply: &'a mut Reply) -> Option<&'a mut String> {
    if (request.method.as_str(), request.path.as_str()) != ("POST", "/consent") {
        return None;
    }
    reply.1.first_mut().map(|(_, location)| location)
}

pub(super) fn visit_to(url: &str, client: &str) -> Visit<'static> {
    Visit {
        web: Web::within(Duration::from_secs(5)).unwrap(),
        profile: &Profile::all()[client],
        url: url.parse().unwrap(),
        typed: url.to_owned(),
    }
}
