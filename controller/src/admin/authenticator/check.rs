//! The rules for authenticators. Whatever is unknown, double, contradictory or left open is refused
//! with its field: it must never come to mean "no authentication" (S4-20, S4-30).

use std::collections::BTreeSet;

use ipnet::IpNet;
use prost::Message as _;
use proto::access::v1::{
    AnonymousAuthenticator, ApiKeyAuthenticator, Authenticator, Authenticators,
    ForwardedAuthenticator, JwtAuthenticator, authenticator::Kind,
};
use token::jwt::Rules;

use super::{super::header, Given, Secret};
use crate::admin::field::Checks;

/// Reads authenticators as given; `field` is where they stand in the request.
pub(super) fn read(checks: &mut Checks, field: &str, given: Authenticators) -> Given {
    if !given.provider.is_empty() {
        checks.refuse(
            format!("{field}.provider"),
            "is the old way of naming one kind, and used to mean no authentication; use `list`",
        );
    }
    if given.list.len() > MAX {
        checks.refuse(format!("{field}.list"), format!("must be at most {MAX}"));
        return Given::default();
    }
    if given.encoded_len() > MAX_BYTES {
        checks.refuse(format!("{field}.list"), "must have at most 256 KiB in all");
        return Given::default();
    }
    let mut seen = BTreeSet::new();
    let mut read = Given::default();
    for (at, Authenticator { kind }) in given.list.into_iter().enumerate() {
        let field = format!("{field}.list[{at}]");
        let Some(kind) = kind else {
            checks.refuse(
                field,
                "must name its kind: api_key, jwt, session, static, forwarded or anonymous",
            );
            continue;
        };
        let (name, issuer) = identity(&kind);
        let twice = !seen.insert((name, issuer));
        let field = format!("{field}.{name}");
        let (kind, secret) = kind_of(checks, &field, kind);
        if twice {
            let what = if name == "jwt" { ".issuer" } else { "" };
            checks.refuse(format!("{field}{what}"), "is there already; name it once");
        }
        read.list.push((field, kind, secret));
    }
    read
}

/// What no two of a list share.
fn identity(kind: &Kind) -> (&'static str, String) {
    match kind {
        Kind::ApiKey(_) => ("api_key", String::new()),
        Kind::Jwt(jwt) => ("jwt", jwt.issuer.clone()),
        Kind::Oauth(_) => ("oauth", String::new()),
        Kind::Session(_) => ("session", String::new()),
        Kind::Static(_) => ("static", String::new()),
        Kind::Forwarded(_) => ("forwarded", String::new()),
        Kind::Anonymous(_) => ("anonymous", String::new()),
    }
}

fn kind_of(checks: &mut Checks, field: &str, kind: Kind) -> (Kind, Secret) {
    match &kind {
        Kind::ApiKey(api_key) => check_api_key(checks, field, api_key),
        Kind::Forwarded(forwarded) => check_forwarded(checks, field, forwarded),
        Kind::Anonymous(AnonymousAuthenticator { roles }) => {
            check_roles(checks, &format!("{field}.roles"), roles);
        }
        Kind::Oauth(_) | Kind::Session(_) | Kind::Static(_) | Kind::Jwt(_) => {}
    }
    match kind {
        Kind::Jwt(jwt) => {
            let (jwt, secret) = read_jwt(checks, field, jwt);
            (Kind::Jwt(jwt), secret)
        }
        other => (other, Secret::None),
    }
}

fn check_api_key(checks: &mut Checks, field: &str, api_key: &ApiKeyAuthenticator) {
    if !api_key.header_name.is_empty() {
        let field = format!("{field}.header_name");
        checks.keep(field, header::check(&api_key.header_name));
    }
}

/// What a token of this issuer must be is the token crate's to judge, as on the nodes.
fn read_jwt(
    checks: &mut Checks,
    field: &str,
    mut jwt: JwtAuthenticator,
) -> (JwtAuthenticator, Secret) {
    // Output only: a client that sends back what it read must not choose a secret by it.
    jwt.secret_uid = String::new();
    let secret = match (jwt.secret.is_empty(), keys_given(&jwt)) {
        (true, true) => Secret::None,
        (true, false) => Secret::Stored,
        (false, _) => Secret::New(std::mem::take(&mut jwt.secret).into()),
    };
    let asked = match &secret {
        Secret::None => jwt.clone(),
        Secret::Stored => JwtAuthenticator {
            secret_uid: "stored".to_owned(),
            ..jwt.clone()
        },
        Secret::New(secret) => JwtAuthenticator {
            secret: secret.to_string(),
            ..jwt.clone()
        },
    };
    let judged = Rules::compile(&asked);
    drop(zeroize::Zeroizing::new(asked.secret));
    if let Err(fault) = judged {
        checks.refuse(format!("{field}.{}", fault.field), fault.problem);
    }
    for (list, length) in [
        ("audiences", jwt.audiences.len()),
        ("algorithms", jwt.algorithms.len()),
        ("required_claims", jwt.required_claims.len()),
    ] {
        if length > MAX_IN_LIST {
            let text = format!("must be at most {MAX_IN_LIST}");
            checks.refuse(format!("{field}.{list}"), text);
        }
    }
    for (name, text) in [
        ("issuer", &jwt.issuer),
        ("subject_claim", &jwt.subject_claim),
        ("roles_claim", &jwt.roles_claim),
        ("groups_claim", &jwt.groups_claim),
        ("token_type", &jwt.token_type),
    ] {
        checks.line(&format!("{field}.{name}"), text, MAX_TEXT);
    }
    for (at, text) in jwt.audiences.iter().take(MAX_IN_LIST).enumerate() {
        checks.line(&format!("{field}.audiences[{at}]"), text, MAX_TEXT);
    }
    for (at, claim) in jwt.required_claims.iter().take(MAX_IN_LIST).enumerate() {
        for text in claim.values.iter().chain([&claim.name]) {
            checks.line(&format!("{field}.required_claims[{at}]"), text, MAX_TEXT);
        }
    }
    (jwt, secret)
}

fn keys_given(jwt: &JwtAuthenticator) -> bool {
    !jwt.jwks_uri.is_empty() || !jwt.jwks.is_empty()
}

fn check_forwarded(checks: &mut Checks, field: &str, forwarded: &ForwardedAuthenticator) {
    let networks = &forwarded.source_networks;
    let list = format!("{field}.source_networks");
    if networks.is_empty() {
        checks.refuse(&list, "is required: the networks of the proxies to believe");
    } else if networks.len() > MAX_IN_LIST {
        checks.refuse(&list, format!("must be at most {MAX_IN_LIST}"));
    }
    for (at, text) in networks.iter().take(MAX_IN_LIST).enumerate() {
        let refusal = match text.parse::<IpNet>() {
            Err(_) => "must be a network, for example `10.0.0.0/8`",
            Ok(net) if net.prefix_len() == 0 => "would believe everybody; name the proxies",
            Ok(net) if net != net.trunc() => "has bits set behind its prefix",
            Ok(_) => continue,
        };
        checks.refuse(format!("{list}[{at}]"), refusal);
    }
    let headers = [
        ("user_header", &forwarded.user_header, "X-Forwarded-User"),
        (
            "groups_header",
            &forwarded.groups_header,
            "X-Forwarded-Groups",
        ),
    ];
    let headers = headers.map(|(name, given, default)| {
        if given.is_empty() {
            return default;
        }
        checks.keep(format!("{field}.{name}"), header::check_forwarded(given));
        given.as_str()
    });
    let [user, groups] = headers;
    if user.eq_ignore_ascii_case(groups) {
        let text = "must be another one than that of the user";
        checks.refuse(format!("{field}.groups_header"), text);
    }
}

/// Names of roles; what they grant is the policy's to say.
pub(in crate::admin) fn check_roles(checks: &mut Checks, field: &str, roles: &[String]) {
    if roles.len() > MAX_IN_LIST {
        checks.refuse(field, format!("must be at most {MAX_IN_LIST}"));
    }
    for (at, role) in roles.iter().take(MAX_IN_LIST).enumerate() {
        let field = format!("{field}[{at}]");
        if role.is_empty() {
            checks.refuse(&field, "must not be empty");
        }
        if roles[..at].contains(role) {
            checks.refuse(&field, "is there already; name it once");
        }
        checks.line(&field, role, MAX_TEXT);
    }
}

const MAX: usize = 16;
/// So that a server with its tools fits into one resource on the stream.
const MAX_BYTES: usize = 256 << 10;
const MAX_IN_LIST: usize = 64;
const MAX_TEXT: usize = 256;

#[cfg(test)]
mod tests;
