//! What requests hold of a client, checked.

use proto::admin::v1;
use token::jwt::KeySet;

use crate::{
    admin::{
        authenticator::check_roles,
        field::{Checks, DISPLAY_NAME},
    },
    oauth::{
        client::{AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN, intake},
        redirect::RedirectKind,
    },
    store::client::{AuthMethod, Metadata, Trust},
};

/// A client's fields, ready to be stored.
pub(super) struct Given {
    pub(super) display_name: String,
    pub(super) metadata: Metadata,
    pub(super) roles: Vec<String>,
    pub(super) trust: Trust,
}

/// Reads all fields of a client that an operator registers.
pub(super) fn read(checks: &mut Checks, given: v1::Client) -> Given {
    checks.line("client.display_name", &given.display_name, DISPLAY_NAME);
    let grant_types = grants(checks, given.grant_types);
    let (method, further) = method(checks, &given.token_endpoint_auth_method);
    redirects(checks, &given.redirect_uris, &grant_types);
    if method == AuthMethod::None && grant_types.iter().any(|grant| grant == CLIENT_CREDENTIALS) {
        let text = "must not be `none` for a client that gets tokens for itself";
        checks.refuse("client.token_endpoint_auth_method", text);
    }
    let jwks = keys(checks, method, &given.jwks, &given.jwks_uri);
    check_roles(checks, "client.roles", &given.roles);
    let trust = trust(checks, given.trust);
    if trust == Trust::Trusted
        && !given
            .redirect_uris
            .iter()
            .all(|uri| uri.starts_with("https://"))
    {
        let text = "trusted clients have https redirects only: others can be anybody's";
        checks.refuse("client.trust", text);
    }
    Given {
        display_name: given.display_name,
        metadata: Metadata {
            redirect_uris: given.redirect_uris,
            grant_types,
            token_endpoint_auth_method: method,
            further_auth_methods: further,
            jwks,
            jwks_uri: Some(given.jwks_uri).filter(|uri| !uri.is_empty()),
            ..Metadata::default()
        },
        roles: given.roles,
        trust,
    }
}

/// What the tenant thinks of a client.
pub(super) fn trust(checks: &mut Checks, given: i32) -> Trust {
    match v1::ClientTrust::try_from(given) {
        Ok(v1::ClientTrust::Unspecified | v1::ClientTrust::Ask) => Trust::Ask,
        Ok(v1::ClientTrust::Trusted) => Trust::Trusted,
        Ok(v1::ClientTrust::Blocked) => Trust::Blocked,
        Err(_) => {
            let text = "must be CLIENT_TRUST_ASK, CLIENT_TRUST_TRUSTED or CLIENT_TRUST_BLOCKED";
            checks.refuse("client.trust", text);
            Trust::Ask
        }
    }
}

fn redirects(checks: &mut Checks, given: &[String], grants: &[String]) {
    let field = "client.redirect_uris";
    if given.len() > intake::MOST_REDIRECTS {
        checks.refuse(field, format!("must be at most {}", intake::MOST_REDIRECTS));
    }
    if given.is_empty() && grants.iter().any(|grant| grant == AUTHORIZATION_CODE) {
        checks.refuse(field, "at least one is required for `authorization_code`");
    }
    for (at, uri) in given.iter().take(intake::MOST_REDIRECTS).enumerate() {
        let field = format!("{field}[{at}]");
        checks.keep(&field, RedirectKind::read(uri));
        if given[..at].contains(uri) {
            checks.refuse(field, "is there already; name it once");
        }
    }
}

fn grants(checks: &mut Checks, given: Vec<String>) -> Vec<String> {
    if given.is_empty() {
        return [AUTHORIZATION_CODE, REFRESH_TOKEN]
            .map(str::to_owned)
            .to_vec();
    }
    let known = [
        AUTHORIZATION_CODE,
        REFRESH_TOKEN,
        CLIENT_CREDENTIALS,
        DEVICE_CODE,
    ];
    for (at, grant) in given.iter().take(16).enumerate() {
        let field = format!("client.grant_types[{at}]");
        if !known.contains(&grant.as_str()) {
            checks.refuse(field, format!("must be one of `{}`", known.join("`, `")));
        } else if given[..at].contains(grant) {
            checks.refuse(field, "is there already; name it once");
        }
    }
    given
}

fn method(checks: &mut Checks, given: &str) -> (AuthMethod, Vec<AuthMethod>) {
    let default = AuthMethod::ClientSecretBasic;
    match (given, AuthMethod::of(given)) {
        ("", _) => (default, vec![AuthMethod::ClientSecretPost]),
        (_, Some(method)) => (method, Vec::new()),
        (_, None) => {
            let all = AuthMethod::ALL.map(AuthMethod::as_str).join("`, `");
            let text = format!("must be one of `{all}`");
            checks.refuse("client.token_endpoint_auth_method", text);
            (default, Vec::new())
        }
    }
}

/// The keys of a client that signs, and of no other.
fn keys(
    checks: &mut Checks,
    method: AuthMethod,
    jwks: &str,
    uri: &str,
) -> Option<serde_json::Value> {
    let wanted = method == AuthMethod::PrivateKeyJwt;
    match (jwks.is_empty(), uri.is_empty()) {
        (true, true) if wanted => {
            checks.refuse(
                "client.jwks",
                "or `jwks_uri` is required for `private_key_jwt`",
            );
        }
        (true, true) => {}
        (false, false) => checks.refuse("client.jwks", "only one of `jwks` and `jwks_uri`"),
        _ if !wanted => checks.refuse("client.jwks", "only for `private_key_jwt`, as `jwks_uri`"),
        (true, false) => {
            checks.keep("client.jwks_uri", egress::Endpoint::parse(uri));
            if !uri.starts_with("https://") {
                checks.refuse("client.jwks_uri", "must be https");
            }
        }
        (false, true) => {
            let set = KeySet::parse_jwks(jwks.as_bytes());
            let set = checks.keep("client.jwks", set);
            if jwks.len() > LONGEST_JWKS || set.is_some_and(|set| set.is_empty()) {
                checks.refuse(
                    "client.jwks",
                    "must hold keys for signatures, at most 16 KiB",
                );
            }
        }
    }
    serde_json::from_str(jwks).ok()
}

const LONGEST_JWKS: usize = 16 << 10;
