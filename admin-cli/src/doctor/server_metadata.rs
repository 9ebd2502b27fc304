//! The third step: the metadata of the authorization server (RFC 8414, `OpenID` Connect Discovery).

use serde_json::Value;
use url::Url;

use super::{
    profile::{Comparison, ServerPlace},
    report::Step,
    resource_metadata::Resource,
    texts,
    visit::Visit,
};
use crate::web::Ask;

/// What it says.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: Option<String>,
    pub(super) auth_methods: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) takes_documents: bool,
    /// Whether every answer names the issuer (RFC 9207).
    pub(super) names_itself: bool,
}

/// Looks where the client looks. `None` if the walk ends here.
pub(super) async fn walk(visit: &Visit<'_>, resource: &Resource) -> (Step, Option<Server>) {
    let mut step = Step::new("server metadata");
    let Ok(issuer) = resource.issuer.parse::<Url>() else {
        step.problem(
            format!(
                "`authorization_servers[0]` is {}, which is no URL",
                resource.issuer
            ),
            "set the tenant's host: aldgate tenant update NAME --host https://…",
        );
        return (step, None);
    };
    for place in &visit.profile.server_metadata.order {
        let Some(url) = url_of(&issuer, *place) else {
            continue;
        };
        let ask = Ask::get(&url)
            .header("accept", "application/json")
            .header("mcp-protocol-version", "2025-06-18");
        let Some(answer) = visit.ask(&mut step, ask).await else {
            return (step, None);
        };
        if answer.status.is_client_error() {
            continue;
        }
        if answer.status.is_server_error() {
            step.problem(
                format!(
                    "{url} is answered {}, on which clients give up instead of looking further",
                    answer.status.as_u16()
                ),
                "look at the controller: the gateway asks it for this document",
            );
            return (step, None);
        }
        let what = format!("the metadata at {url}");
        let Some(document) = visit.document(&mut step, &what, &answer) else {
            return (step, None);
        };
        visit
            .preflight(&mut step, &url, "GET", "mcp-protocol-version")
            .await;
        step.found = url;
        let server = read(visit, &mut step, &resource.issuer, &document);
        return (step, server);
    }
    step.problem(
        format!("no metadata of {} is found", resource.issuer),
        "let /.well-known/oauth-authorization-server and all below it through to the gateway",
    );
    (step, None)
}

fn read(visit: &Visit<'_>, step: &mut Step, expected: &str, document: &Value) -> Option<Server> {
    let title = &visit.profile.title;
    let text = |name: &str| document[name].as_str().map(str::to_owned);
    let issuer = text("issuer").unwrap_or_default();
    let same = match visit.profile.server_metadata.issuer {
        Comparison::Equal => issuer == expected,
        Comparison::Prefix => issuer.trim_end_matches('/') == expected.trim_end_matches('/'),
    };
    if !same {
        step.problem(
            format!("`issuer` is {issuer}, must be {expected} because {title} compares it with `authorization_servers[0]`"),
            "let one origin serve both documents: set the tenant's host to it, and pass the header Host on unchanged",
        );
    }
    if !texts(&document["code_challenge_methods_supported"]).contains(&"S256".to_owned()) {
        step.problem(
            "`code_challenge_methods_supported` lacks S256, without which clients refuse the server",
            "pass the document on as the controller writes it",
        );
    }
    let auth_methods = texts(&document["token_endpoint_auth_methods_supported"]);
    if !auth_methods
        .iter()
        .any(|method| method == visit.profile.auth_method())
    {
        step.problem(
            format!(
                "`token_endpoint_auth_methods_supported` lacks `{}`, which {title} needs",
                visit.profile.auth_method()
            ),
            "pass the document on as the controller writes it",
        );
    }
    let names_itself = document["authorization_response_iss_parameter_supported"] == true;
    if visit.profile.server_metadata.needs_iss && !names_itself {
        step.problem(
            format!("`authorization_response_iss_parameter_supported` is not true, without which {title} uses another redirect URI for each connector"),
            "pass the document on as the controller writes it",
        );
    }
    let required = ["authorization_endpoint", "token_endpoint"];
    for name in required.into_iter().chain(["registration_endpoint"]) {
        if let Some(url) = text(name) {
            visit.secure(step, &format!("`{name}`"), &url);
        } else if required.contains(&name) {
            step.problem(
                format!("`{name}` is missing"),
                "pass the document on as the controller writes it",
            );
        }
    }
    Some(Server {
        issuer,
        authorization_endpoint: text("authorization_endpoint")?,
        token_endpoint: text("token_endpoint")?,
        registration_endpoint: text("registration_endpoint"),
        auth_methods,
        scopes: texts(&document["scopes_supported"]),
        takes_documents: document["client_id_metadata_document_supported"] == true,
        names_itself,
    })
}

/// The URL of a place; none where two places are one.
fn url_of(issuer: &Url, place: ServerPlace) -> Option<String> {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let path = match place {
        ServerPlace::Oauth => format!("/.well-known/oauth-authorization-server{path}"),
        ServerPlace::Openid => format!("/.well-known/openid-configuration{path}"),
        ServerPlace::OpenidAppended if path.is_empty() => return None,
        ServerPlace::OpenidAppended => format!("{path}/.well-known/openid-configuration"),
    };
    let mut url = issuer.clone();
    url.set_path(&path);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_an_issuer_with_a_path() {
        let issuer = "https://gw.test/t/acme".parse().unwrap();
        assert_eq!(
            url_of(&issuer, ServerPlace::Oauth).unwrap(),
            "https://gw.test/.well-known/oauth-authorization-server/t/acme"
        );
        assert_eq!(
            url_of(&issuer, ServerPlace::OpenidAppended).unwrap(),
            "https://gw.test/t/acme/.well-known/openid-configuration"
        );
        let root = "https://acme.test".parse().unwrap();
        assert_eq!(url_of(&root, ServerPlace::OpenidAppended), None);
    }
}
