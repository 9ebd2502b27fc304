//! API keys: `Authorization: Bearer mcp_sk_…`, or bare in a header of their own.

use std::sync::Arc;

use token::ApiKey;

use super::{Attempt, Reason, caller::Credential, request::Request};
use crate::config::snapshot::ApiKeyHeader;

/// Tries the key in `Authorization`, then the one in the other header.
pub(super) fn attempt(request: &Request<'_>, header: &ApiKeyHeader) -> Attempt {
    let attempt = match request.bearer() {
        Some(text) => check(request, text),
        None => Attempt::Absent,
    };
    match request.line(&header.name) {
        Some(text) if !attempt.is_final() => attempt.or(check(request, text)),
        _ => attempt,
    }
}

fn check(request: &Request<'_>, text: &str) -> Attempt {
    let Ok(sha256) = ApiKey::lookup(text) else {
        return Attempt::Rejected(Reason::Malformed);
    };
    let Some(secret) = request.tenant.and_then(|tenant| tenant.secret(&sha256)) else {
        return Attempt::Rejected(Reason::Unknown);
    };
    if secret.key.disabled {
        return Attempt::Rejected(Reason::Disabled);
    }
    if secret.expired(request.now) {
        return Attempt::Expired;
    }
    Attempt::Accepted(Credential::Key(Arc::clone(&secret.key), sha256))
}
