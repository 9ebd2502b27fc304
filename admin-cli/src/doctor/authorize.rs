//! The fifth step: the authorization request, the person's answer, and the code that comes back.

use std::time::Duration;

use url::Url;

use super::{
    challenge::Challenge,
    person::{self, Led, Person},
    profile::ScopePlace,
    registration::Registered,
    report::{Outcome, Step},
    resource_metadata::Resource,
    server_metadata::Server,
    visit::Visit,
};
use crate::{
    callback::{Callback, Returned},
    output::Printer,
    pkce::{Pkce, random},
};

/// What the discovery found, and where the client listens.
pub(super) struct Found<'a> {
    pub(super) challenge: &'a Challenge,
    pub(super) resource: &'a Resource,
    pub(super) server: &'a Server,
    pub(super) registered: &'a Registered,
    pub(super) redirect_uri: &'a str,
}

/// A code, and what it is redeemed with.
pub(super) struct Code {
    pub(super) value: String,
    pub(super) verifier: String,
    pub(super) scope: Vec<String>,
}

/// Sends the person to the server. `None` if the walk ends here.
pub(super) async fn walk(
    visit: &Visit<'_>,
    found: &Found<'_>,
    callback: Callback,
    person: Option<&Person>,
    printer: &Printer,
) -> (Step, Option<Code>) {
    let mut step = Step::new("authorize");
    let (pkce, state) = (Pkce::new(), random());
    let scope = scopes(visit, found);
    let Some(url) = url(visit, found, &scope, &pkce.challenge, &state) else {
        step.problem(
            "`authorization_endpoint` is no URL",
            "set the tenant's host to an origin",
        );
        return (step, None);
    };
    let led = person::go(visit, &mut step, &url, found.redirect_uri, person).await;
    let returned = match led {
        Led::Nowhere => return (step, None),
        Led::Back(query) => Returned::parse(&query),
        Led::Page if visit.profile.hosted => {
            step.found =
                "the login page answers; a person would sign in now (--login does it here)".into();
            return (step, None);
        }
        Led::Page => {
            printer.note(&format!("Sign in, in a browser, at\n  {url}"));
            let Some(returned) = callback.wait(PATIENCE).await else {
                step.problem(
                    "nobody came back from the browser within 5 minutes",
                    "sign in at the URL that is printed, with a browser on this machine; or use --login",
                );
                return (step, None);
            };
            returned
        }
    };
    let code = read(visit, &mut step, found, &returned, &state);
    if step.outcome == Outcome::Ok {
        step.found = format!("allowed, code at {}", found.redirect_uri);
    }
    let code = code.map(|value| Code {
        value,
        verifier: pkce.verifier,
        scope,
    });
    (step, code)
}

/// The scopes that the client asks for.
fn scopes(visit: &Visit<'_>, found: &Found<'_>) -> Vec<String> {
    let habits = &visit.profile.scope;
    let published = &found.server.scopes;
    let named = habits.from.iter().map(|place| match place {
        ScopePlace::Challenge => {
            let scope = found.challenge.scope.as_deref().unwrap_or_default();
            scope.split_ascii_whitespace().map(str::to_owned).collect()
        }
        ScopePlace::Resource => found.resource.scopes.clone(),
        ScopePlace::Server => published.clone(),
    });
    let mut scopes: Vec<String> = named
        .into_iter()
        .find(|scopes: &Vec<_>| !scopes.is_empty())
        .unwrap_or_default();
    scopes.extend(habits.plus.iter().cloned());
    for (wanted, name) in [
        (habits.offline_access, "offline_access"),
        (habits.openid_if_published, "openid"),
    ] {
        if wanted && published.iter().any(|known| known == name) {
            scopes.push(name.to_owned());
        }
    }
    let mut seen = Vec::new();
    scopes.retain(|scope| {
        let new = !seen.contains(scope);
        seen.push(scope.clone());
        new
    });
    scopes
}

fn url(
    visit: &Visit<'_>,
    found: &Found<'_>,
    scope: &[String],
    challenge: &str,
    state: &str,
) -> Option<String> {
    let mut url: Url = found.server.authorization_endpoint.parse().ok()?;
    let mut query = url.query_pairs_mut();
    query.extend_pairs([
        ("response_type", "code"),
        ("client_id", &found.registered.client_id),
        ("redirect_uri", found.redirect_uri),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("state", state),
    ]);
    if !scope.is_empty() {
        query.append_pair("scope", &scope.join(" "));
    }
    if visit.profile.resource.authorize {
        query.append_pair("resource", &found.resource.uri);
    }
    query.extend_pairs(&visit.profile.authorize);
    drop(query);
    Some(url.into())
}

/// The code, after what every client checks of an answer.
fn read(
    visit: &Visit<'_>,
    step: &mut Step,
    found: &Found<'_>,
    returned: &Returned,
    state: &str,
) -> Option<String> {
    let issuer = &found.server.issuer;
    if returned.get("state") != Some(state) {
        step.problem(
            "`state` does not come back as it was sent",
            "send it back as it came",
        );
    }
    match returned.get("iss") {
        Some(iss) if iss != issuer => step.problem(
            format!(
                "`iss` of the answer is {iss}, must be {issuer}, which clients compare as text"
            ),
            "set the tenant's host to one origin, without a slash at its end",
        ),
        None if found.server.names_itself => step.problem(
            "the answer lacks `iss`, which the metadata promises",
            "pass the answer on as the controller writes it",
        ),
        Some(_) | None => {}
    }
    if let Some(error) = returned.get("error") {
        let told = returned.get("error_description").unwrap_or_default();
        step.problem(
            format!("the answer is {error}: {told}"),
            fix_of(visit, found, error),
        );
    }
    let code = returned.get("code").map(str::to_owned);
    if code.is_none() && step.outcome == Outcome::Ok {
        step.problem(
            "the answer holds no code",
            "pass the answer on as the controller writes it",
        );
    }
    code
}

fn fix_of(visit: &Visit<'_>, found: &Found<'_>, error: &str) -> String {
    let title = &visit.profile.title;
    match error {
        "invalid_scope" => format!(
            "grant every scope that is published, and drop those of OpenID Connect instead of refusing; {title} asked for `{}`",
            scopes(visit, found).join(" ")
        ),
        "invalid_target" => format!(
            "accept `resource` {}, as the metadata of the MCP URL names it",
            found.resource.uri
        ),
        "access_denied" => {
            "the user may not use this, or pressed Cancel; check their roles and `aldgate user get`"
                .into()
        }
        "login_required" | "consent_required" => "sign in first, in a browser".into(),
        _ => "look at the controller's log".into(),
    }
}

const PATIENCE: Duration = Duration::from_mins(5);
