//! The fourth step: how the client comes to have an id (RFC 7591, client-id metadata documents).

use serde_json::Value;

use super::{profile::Way, report::Step, server_metadata::Server, texts, visit::Visit};
use crate::web::{Answer, Ask};

/// Who the client is from here on.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    pub(super) auth_method: String,
}

/// Registers as the client does, with a redirect URI at this port. `None` if the walk ends here.
pub(super) async fn walk(
    visit: &Visit<'_>,
    server: &Server,
    port: u16,
) -> (Step, Option<Registered>) {
    let mut step = Step::new("registration");
    let habits = &visit.profile.registration;
    for way in &habits.order {
        match (way, &habits.document, &server.registration_endpoint) {
            (Way::Document, Some(document), _) if takes(visit, &mut step, server) => {
                step.found = format!("by its document {document}");
                let registered = Registered {
                    client_id: document.clone(),
                    client_secret: None,
                    auth_method: "none".into(),
                };
                return (step, Some(registered));
            }
            (Way::Dynamic, _, Some(endpoint)) => {
                let registered = register(visit, &mut step, endpoint, port).await;
                return (step, registered);
            }
            (Way::Document | Way::Dynamic, ..) => {}
        }
    }
    step.problem(
        format!("{} finds no way to register", visit.profile.title),
        "allow one: aldgate tenant oauth set NAME --dynamic-registration true --client-documents any",
    );
    (step, None)
}

/// Whether the client would use its document here.
fn takes(visit: &Visit<'_>, step: &mut Step, server: &Server) -> bool {
    let none = server.auth_methods.iter().any(|method| method == "none");
    if server.takes_documents && visit.profile.registration.document_needs_none && !none {
        step.remark(
            "it does not use its document, because `none` is not among the authentication methods",
        );
        return false;
    }
    server.takes_documents
}

async fn register(
    visit: &Visit<'_>,
    step: &mut Step,
    endpoint: &str,
    port: u16,
) -> Option<Registered> {
    let body = visit.profile.registration(port);
    visit
        .preflight(step, endpoint, "POST", "content-type")
        .await;
    let ask = Ask::json(endpoint, &body).header("accept", "application/json");
    let answer = visit.ask(step, ask).await?;
    if refused(visit, step, &answer) {
        return None;
    }
    let document = visit.document(step, "the registration", &answer)?;
    if answer.status.as_u16() != 201 {
        step.problem(
            format!(
                "the registration is answered {}, must be 201",
                answer.status.as_u16()
            ),
            "pass the answer on as the controller gives it (RFC 7591 §3.2.1)",
        );
    }
    let client_id = document["client_id"].as_str().map(str::to_owned);
    if client_id.is_none() {
        step.problem(
            "the registration answers without `client_id`",
            "pass the answer on as the controller gives it",
        );
    }
    echoed(visit, step, &body, &document);
    step.found = format!("registered as {}", client_id.as_deref().unwrap_or("nobody"));
    Some(Registered {
        client_id: client_id?,
        client_secret: document["client_secret"].as_str().map(str::to_owned),
        auth_method: visit.profile.auth_method().to_owned(),
    })
}

/// Whether the registration was refused, with what mends it.
fn refused(visit: &Visit<'_>, step: &mut Step, answer: &Answer) -> bool {
    let title = &visit.profile.title;
    let status = answer.status.as_u16();
    if visit.forbidden(step, answer) {
        return true;
    }
    if answer.status.is_success() || answer.status.is_redirection() {
        return false;
    }
    let body = answer.json().unwrap_or_default();
    let error = body["error"].as_str().unwrap_or_default();
    let told = body["error_description"].as_str().unwrap_or_default();
    let fix = match (status, error) {
        (429, _) => format!(
            "wait {} s; do not limit registrations by address in front of the gateway, for many people share one and {title} registers before they click",
            match answer.header("retry-after") { "" => "some", seconds => seconds }
        ),
        (_, "invalid_redirect_uri") => format!(
            "accept every redirect URI that {title} registers, private-use schemes and several of them included; one refused refuses them all"
        ),
        (_, "invalid_client_metadata") => {
            "accept metadata that is not known instead of refusing it".into()
        }
        _ => "look at the controller's log; `aldgate tenant oauth get` shows whether clients may register".into(),
    };
    step.problem(
        format!("the registration is answered {status} {error}: {told}"),
        fix,
    );
    true
}

/// What the client must find again in the answer.
fn echoed(visit: &Visit<'_>, step: &mut Step, sent: &Value, answered: &Value) {
    let title = &visit.profile.title;
    for name in &visit.profile.registration.echo {
        let known = texts(&answered[name.as_str()]);
        let lacking = texts(&sent[name.as_str()])
            .into_iter()
            .find(|sent| !known.contains(sent));
        if let Some(lacking) = lacking {
            step.problem(
                format!(
                    "the registration's answer lacks {lacking} in `{name}`, which {title} looks for"
                ),
                "pass the answer on as the controller gives it: all that was registered is in it",
            );
        }
    }
    let method = visit.profile.auth_method();
    let secret = answered["client_secret"].is_string();
    if method == "none" && secret {
        step.problem(
            format!("the registration gives a secret to {title}, which asked for `none`"),
            "register public clients without a secret",
        );
    }
    if method != "none" && !secret {
        step.problem(
            format!("the registration gives no secret to {title}, which asked for `{method}`"),
            "give clients that ask for a secret one",
        );
    }
    let named = answered["token_endpoint_auth_method"].as_str();
    if named.is_some_and(|named| named != method) {
        step.problem(
            format!(
                "the registration answers with `token_endpoint_auth_method` {}, not {method}",
                named.unwrap_or_default()
            ),
            "register clients with the method that they ask for",
        );
    }
}
