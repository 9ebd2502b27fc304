//! The second step: the metadata of the MCP URL (RFC 9728), which names the authorization server.

use serde_json::Value;

use super::{
    challenge::Challenge,
    profile::{Comparison, ResourcePlace},
    report::Step,
    visit::Visit,
};
use crate::web::Ask;

/// What it says.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// What identifies it, and tokens are asked for.
    pub(super) uri: String,
    pub(super) issuer: String,
    pub(super) scopes: Vec<String>,
}

/// Looks where the client looks. `None` if the walk ends here.
pub(super) async fn walk(visit: &Visit<'_>, challenge: &Challenge) -> (Step, Option<Resource>) {
    let mut step = Step::new("resource metadata");
    let habits = &visit.profile.resource_metadata;
    let mut found = None;
    for place in &habits.order {
        let Some(url) = url_of(visit, challenge, *place) else {
            continue;
        };
        let Some(answer) = visit.ask(&mut step, asking(&url)).await else {
            return (step, None);
        };
        if answer.status.is_client_error() {
            continue;
        }
        let what = format!("the metadata at {url}");
        let Some(document) = visit.document(&mut step, &what, &answer) else {
            return (step, None);
        };
        visit
            .preflight(&mut step, &url, "GET", "mcp-protocol-version")
            .await;
        found = Some((url, document));
        break;
    }
    for place in &habits.also {
        present(visit, &mut step, challenge, *place).await;
    }
    let Some((url, document)) = found else {
        step.problem(
            "no metadata of the MCP URL is found",
            "let /.well-known/oauth-protected-resource and all below it through to the gateway",
        );
        return (step, None);
    };
    step.found = url;
    let resource = read(visit, &mut step, &document);
    (step, resource)
}

/// Where it must be found as well.
async fn present(visit: &Visit<'_>, step: &mut Step, challenge: &Challenge, place: ResourcePlace) {
    let Some(url) = url_of(visit, challenge, place) else {
        return;
    };
    let Some(answer) = visit.ask(step, asking(&url)).await else {
        return;
    };
    if !answer.status.is_success() {
        step.problem(
            format!(
                "{url} is answered {}, and {} looks there",
                answer.status.as_u16(),
                visit.profile.title
            ),
            format!("let {url} through to the gateway"),
        );
    }
}

fn asking(url: &str) -> Ask {
    Ask::get(url)
        .header("accept", "application/json")
        .header("mcp-protocol-version", "2025-06-18")
}

fn read(visit: &Visit<'_>, step: &mut Step, document: &Value) -> Option<Resource> {
    let title = &visit.profile.title;
    let resource = document["resource"].as_str().unwrap_or_default();
    let typed = visit.url.as_str();
    let fits = match visit.profile.resource_metadata.resource {
        Comparison::Equal => resource == visit.typed || resource == typed,
        Comparison::Prefix => is_above(resource, typed),
    };
    if !fits {
        let must = match visit.profile.resource_metadata.resource {
            Comparison::Equal => format!(
                "must be {} because {title} compares for equality",
                visit.typed
            ),
            Comparison::Prefix => format!(
                "must be {} or a parent of it, which {title} checks",
                visit.typed
            ),
        };
        step.problem(
            format!("`resource` is {resource}, {must}"),
            format!("connect {title} to {resource}, or set the tenant's host to the origin that people type: aldgate tenant update NAME --host ORIGIN"),
        );
    }
    visit.secure(step, "`resource`", resource);
    let servers = document["authorization_servers"].as_array();
    let issuer = servers.and_then(|servers| servers.first()?.as_str());
    let Some(issuer) = issuer else {
        step.problem(
            "`authorization_servers` names none",
            "put `oauth` into the authenticators of the server",
        );
        return None;
    };
    visit.secure(step, "`authorization_servers[0]`", issuer);
    Some(Resource {
        uri: resource.to_owned(),
        issuer: issuer.to_owned(),
        scopes: super::texts(&document["scopes_supported"]),
    })
}

fn url_of(visit: &Visit<'_>, challenge: &Challenge, place: ResourcePlace) -> Option<String> {
    let mut url = visit.url.clone();
    url.set_fragment(None);
    let path = match place {
        ResourcePlace::Challenge => return challenge.resource_metadata.clone(),
        ResourcePlace::Inserted => format!("{WELL_KNOWN}{}", url.path().trim_end_matches('/')),
        ResourcePlace::Root => WELL_KNOWN.to_owned(),
    };
    url.set_path(&path);
    Some(url.into())
}

/// Whether a URL is the other, or one of its parents by whole segments.
fn is_above(parent: &str, url: &str) -> bool {
    let parent = parent.trim_end_matches('/');
    let rest = url.trim_end_matches('/').strip_prefix(parent);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_ends_at_a_segment() {
        assert!(is_above("https://a.test/mcp", "https://a.test/mcp/files"));
        assert!(is_above("https://a.test/", "https://a.test/mcp"));
        assert!(!is_above("https://a.test/mc", "https://a.test/mcp"));
    }
}
