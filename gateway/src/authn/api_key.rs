//! API keys: `Authorization: Bearer mcp_sk_…`, or bare in a header of their own.

use std::sync::Arc;

use token::ApiKey;

use super::{Attempt, Reason, Request, caller::Credential};
use crate::config::snapshot::ApiKeyHeader;

/// Tries the key in `Authorization`, then the one in the other header.
pub(super) fn attempt(request: &Request<'_>, header: &ApiKeyHeader) -> Attempt {
    let bearer = request.bearer().map(|text| check(request, text));
    let attempt = Attempt::of(bearer);
    if matches!(attempt, Attempt::Accepted(_)) {
        return attempt;
    }
    let bare = request.line(&header.name).map(|text| check(request, text));
    attempt.or(Attempt::of(bare))
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
