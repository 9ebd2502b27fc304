//! JSON Web Tokens in requests: where one stands, and whom it makes of the caller. Whether it is
//! accepted is decided in `super::jwt`.

use token::{jwt::Refusal, session};

use super::{
    Attempt, Reason,
    caller::{Person, Proof},
    jwt, oauth,
    request::Request,
};
use crate::config::snapshot::{Jwt, Tenant};

/// Tries the one header of this issuer's tokens.
pub(super) async fn attempt(request: &Request<'_>, rules: &Jwt, jwt: &jwt::Jwt) -> Attempt {
    let text = if rules.compiled.rules().is_bare() {
        request.line(&rules.header)
    } else {
        request.after_scheme(&rules.header, "bearer")
    };
    let Some(text) = text else {
        return Attempt::Absent;
    };
    let Some(tenant) = request.tenant.filter(|tenant| !is_ours(tenant, text)) else {
        return Attempt::Rejected(Reason::Malformed);
    };
    let accepted = jwt.accept(text, tenant, &rules.compiled, request.now);
    let claims = match accepted.await {
        Ok(claims) => claims,
        Err(Refusal::Expired) => return Attempt::Expired,
        Err(Refusal::Malformed) => return Attempt::Rejected(Reason::Malformed),
        Err(Refusal::UnknownKey) => return Attempt::Rejected(Reason::Unverifiable),
        Err(Refusal::Invalid) => return Attempt::Rejected(Reason::Unknown),
    };
    // Such a header holds nothing else, so what may go on is exactly the token.
    let presented = request.presented(&rules.header);
    request.person(Person {
        subject: claims.subject.clone(),
        roles: claims.roles.clone(),
        groups: claims.groups.clone(),
        proof: Proof::Jwt {
            rules: *rules.compiled.rules().identity(),
            issuer: rules.compiled.rules().issuer().into(),
            claims,
            presented,
        },
    })
}

/// Other kinds of credentials of ours are not worth the look, and never go on to a server.
fn is_ours(tenant: &Tenant, text: &str) -> bool {
    text.starts_with(session::PREFIX) || text.starts_with("mcp_sk_") || oauth::is_of(tenant, text)
}
