//! The sixth and seventh steps: the code is redeemed, and what came of it is renewed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    authorize::{Code, Found},
    report::Step,
    visit::Visit,
};
use crate::web::{Answer, Ask};

/// What was issued.
#[derive(Clone)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
}

/// Redeems the code.
pub(super) async fn redeem(
    visit: &Visit<'_>,
    found: &Found<'_>,
    code: &Code,
) -> (Step, Option<Tokens>) {
    let mut step = Step::new("token");
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", &code.value),
        ("redirect_uri", found.redirect_uri),
        ("code_verifier", &code.verifier),
    ];
    if visit.profile.resource.token {
        fields.push(("resource", &found.resource.uri));
    }
    let headers = "content-type, authorization";
    visit
        .preflight(&mut step, &found.server.token_endpoint, "POST", headers)
        .await;
    let tokens = ask(visit, &mut step, found, fields).await;
    let lacks = tokens
        .as_ref()
        .is_some_and(|tokens| tokens.refresh.is_none());
    if lacks && visit.profile.refresh.expected {
        step.problem(
            format!("no refresh token comes, though {} registered for it: it is signed out when the access token expires", visit.profile.title),
            "issue refresh tokens to every client that has the grant `refresh_token`, whether it asks for `offline_access` or not",
        );
    }
    (step, tokens)
}

/// Renews them.
pub(super) async fn renew(
    visit: &Visit<'_>,
    found: &Found<'_>,
    code: &Code,
    tokens: &Tokens,
) -> (Step, Option<Tokens>) {
    let Some(refresh) = &tokens.refresh else {
        return (Step::skipped("refresh", "there is no refresh token"), None);
    };
    let mut step = Step::new("refresh");
    let scope = code.scope.join(" ");
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh)];
    if visit.profile.refresh.scope && !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    if visit.profile.resource.refresh {
        fields.push(("resource", &found.resource.uri));
    }
    let renewed = ask(visit, &mut step, found, fields).await;
    // A server that does not rotate leaves the old one good.
    let renewed = renewed.map(|renewed| Tokens {
        refresh: renewed.refresh.or_else(|| tokens.refresh.clone()),
        ..renewed
    });
    (step, renewed)
}

async fn ask(
    visit: &Visit<'_>,
    step: &mut Step,
    found: &Found<'_>,
    mut fields: Vec<(&str, &str)>,
) -> Option<Tokens> {
    let client = found.registered;
    let secret = client.client_secret.as_deref().unwrap_or_default();
    let basic = client.auth_method == "client_secret_basic";
    if !basic {
        fields.push(("client_id", &client.client_id));
    }
    if client.auth_method == "client_secret_post" {
        fields.push(("client_secret", secret));
    }
    let mut ask =
        Ask::form(&found.server.token_endpoint, fields).header("accept", "application/json");
    if basic {
        let pair = STANDARD.encode(format!("{}:{secret}", client.client_id));
        ask = ask.header("authorization", &format!("Basic {pair}"));
    }
    let answer = visit.ask(step, ask).await?;
    if visit.forbidden(step, &answer) {
        return None;
    }
    let document = visit.document(step, "the token endpoint", &answer)?;
    if !answer.status.is_success() {
        refused(visit, step, &answer, &document);
        return None;
    }
    read(step, &answer, &document)
}

fn refused(visit: &Visit<'_>, step: &mut Step, answer: &Answer, document: &Value) {
    let title = &visit.profile.title;
    let error = document["error"].as_str().unwrap_or_default();
    let told = document["error_description"].as_str().unwrap_or_default();
    let fix = match error {
        "invalid_scope" => "take the scopes that were granted, and drop those of OpenID Connect".to_owned(),
        "invalid_client" => format!("know the client as it was registered; {title} registers anew on this, every time"),
        "invalid_grant" => "check that codes and refresh tokens reach one database, and that nothing repeats requests on the way".to_owned(),
        "invalid_target" => "accept `resource` as the metadata of the MCP URL names it, and do without it".to_owned(),
        _ => "look at the controller's log".to_owned(),
    };
    step.problem(
        format!("it is answered {} {error}: {told}", answer.status.as_u16()),
        fix,
    );
}

fn read(step: &mut Step, answer: &Answer, document: &Value) -> Option<Tokens> {
    let text = |name: &str| document[name].as_str().map(str::to_owned);
    let kind = text("token_type").unwrap_or_default();
    if kind != "Bearer" {
        step.problem(
            format!("`token_type` is {kind}, must be Bearer in this spelling"),
            "pass the answer on as the controller writes it",
        );
    }
    if !answer.header("cache-control").contains("no-store") {
        step.problem(
            "the answer may be cached: Cache-Control lacks no-store",
            "pass the header Cache-Control on as the controller writes it",
        );
    }
    let life = document["expires_in"].as_u64();
    if life.is_none() {
        step.remark("`expires_in` is missing; clients guess when to refresh");
    }
    step.found = format!(
        "access token for {} s, scope `{}`",
        life.unwrap_or_default(),
        text("scope").unwrap_or_default()
    );
    let Some(access) = text("access_token") else {
        step.problem(
            "`access_token` is missing",
            "pass the answer on as the controller writes it",
        );
        return None;
    };
    Some(Tokens {
        access,
        refresh: text("refresh_token"),
    })
}
