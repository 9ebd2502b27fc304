//! Static tokens: `Authorization: Bearer …` or `Basic …`, `Api-Key: …`, `X-API-Key: …` (S0-10). What
//! is compared is an HMAC under the tenant's pepper, and only among the tokens of the server that is
//! called.

use std::sync::Arc;

use http::{HeaderName, header::AUTHORIZATION};
use proto::id::ServerUid;
use token::fixed::{TokenType, verifier};
use uuid::Uuid;

use super::{Attempt, Reason, caller::Credential, request::Request};
use crate::config::snapshot::TenantSecrets;

/// Tries each header there is.
pub(super) fn attempt(request: &Request<'_>) -> Attempt {
    let mut outcome = Attempt::Absent;
    for name in HEADERS {
        let Some(line) = request.line(&name) else {
            continue;
        };
        outcome = outcome.or(check(request, &name, line));
        if outcome.is_final() {
            break;
        }
    }
    outcome
}

fn check(request: &Request<'_>, name: &HeaderName, line: &str) -> Attempt {
    let Some((kind, value)) = read(name, line) else {
        return Attempt::Rejected(Reason::Malformed);
    };
    let Some(tenant) = request.tenant else {
        return Attempt::Rejected(Reason::Unknown);
    };
    // For a server that does not exist, nobody's, the same is done as for one that does.
    let server = request.server.unwrap_or(ServerUid::from_uuid(Uuid::nil()));
    let mut peppers = tenant
        .secrets()
        .into_iter()
        .flat_map(TenantSecrets::peppers);
    let found = peppers.find_map(|pepper| {
        let verifier = verifier(pepper, kind, value.as_bytes());
        let token = tenant.static_token(server, kind, verifier)?;
        Some((token, verifier))
    });
    let Some((token, verifier)) = found else {
        return Attempt::Rejected(Reason::Unknown);
    };
    if token.disabled {
        return Attempt::Rejected(Reason::Disabled);
    }
    if token.expires.is_some_and(|expires| expires <= request.now) {
        return Attempt::Expired;
    }
    let presented = token.passthrough.then(|| request.presented(name)).flatten();
    Attempt::Accepted(Credential::Static(Arc::clone(token), verifier, presented))
}

/// The type and the value that a header's line gives.
fn read<'a>(name: &HeaderName, line: &'a str) -> Option<(TokenType, &'a str)> {
    let (kind, value) = if *name == AUTHORIZATION {
        let (scheme, value) = line.split_once(' ')?;
        let of_scheme = |kind: &TokenType| {
            let own = kind.scheme();
            own.is_some_and(|own| own.eq_ignore_ascii_case(scheme))
        };
        (TokenType::ALL.into_iter().find(of_scheme)?, value)
    } else {
        let of_header = |kind: &TokenType| name == kind.header();
        (TokenType::ALL.into_iter().find(of_header)?, line)
    };
    (!value.is_empty()).then_some((kind, value))
}

const HEADERS: [HeaderName; 3] = [
    AUTHORIZATION,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
];
