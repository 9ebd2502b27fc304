//! Who: what a client presents → [`Caller`]. It looks at header fields and the peer's address and at
//! nothing else, before any body is read; a credential in the URL does not exist for us.
//!
//! A server's authenticators are tried in their order, and the first that accepts wins. When all
//! reject, the first one's error is answered, whatever was wrong (S4-28, S4-29).

/// Who is calling.
mod caller;

/// What is answered when nobody accepts.
mod challenge;

/// The ids of principals that config gives none.
mod principal;

/// Whether an open stream's credential still counts.
mod recheck;

/// API keys.
mod api_key;

/// JSON Web Tokens.
pub mod jwt;

/// The keys of issuers that publish them.
mod jwks;

/// Tokens that were verified.
mod remembered;

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use proto::id::ServerUid;

use self::caller::Credential;
pub(crate) use self::principal::principal;
pub use self::{
    caller::{Caller, Client, Forwarding, Kind, Presented},
    challenge::{Challenge, Reason},
};
use crate::{
    config::snapshot::{Authenticator, Authenticators, ServerSlot, Tenant},
    error::Error,
    route::Target,
};

/// What the authenticators look at.
struct Request<'a> {
    tenant: Option<&'a Arc<Tenant>>,
    /// The server that the URL names, if there is such.
    server: Option<ServerUid>,
    headers: &'a HeaderMap,
    now: SystemTime,
}

/// What one authenticator makes of a request.
enum Attempt {
    /// It carries nothing that this one reads.
    Absent,
    /// It carries something that is no good.
    Rejected(Reason),
    /// It carries something genuine that was good once.
    Expired,
    /// It is this one's.
    Accepted(Credential),
}

/// Finds the caller.
pub async fn authenticate(
    target: &Target,
    headers: &HeaderMap,
    _peer: SocketAddr,
    now: SystemTime,
) -> Result<Caller, Error> {
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(Error::TwoCredentials);
    }
    let tenant = target.tenant();
    let slot = tenant
        .zip(target.server())
        .and_then(|(tenant, name)| tenant.server(name));
    let request = Request {
        tenant,
        server: slot.map(ServerSlot::uid),
        headers,
        now,
    };
    let default;
    let authenticators = match (authenticators(slot), tenant) {
        (Some(own), _) => own,
        (None, Some(tenant)) => tenant.authenticators(),
        (None, None) => {
            default = Authenticators::default();
            &default
        }
    };
    let mut outcome = Attempt::Absent;
    for authenticator in authenticators.list() {
        outcome = outcome.or(request.attempt(authenticator).await);
        if matches!(outcome, Attempt::Accepted(_)) {
            break;
        }
    }
    match (outcome, tenant) {
        (Attempt::Accepted(credential), Some(tenant)) => Ok(Caller {
            tenant: Arc::clone(tenant),
            server: request.server,
            credential,
        }),
        (outcome, _) => {
            let challenge = Challenge::new(authenticators, outcome.reason());
            Err(Error::Unauthenticated(challenge))
        }
    }
}

/// The authenticators of the server itself.
fn authenticators(slot: Option<&ServerSlot>) -> Option<&Authenticators> {
    match slot? {
        ServerSlot::Serving(server) => server.authenticators.as_deref(),
        ServerSlot::Quarantined(_) => None,
    }
}

impl Attempt {
    /// What was found, if there was anything to look at.
    fn of(found: Option<Self>) -> Self {
        found.unwrap_or(Self::Absent)
    }

    /// This one, unless the next says more: acceptance counts most, then what is genuine.
    fn or(self, next: Self) -> Self {
        match (&self, &next) {
            (Self::Accepted(_), _)
            | (Self::Expired, Self::Expired | Self::Rejected(_) | Self::Absent)
            | (Self::Rejected(_), Self::Rejected(_) | Self::Absent) => self,
            _ => next,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Absent | Self::Accepted(_) => Reason::Absent,
            Self::Rejected(reason) => *reason,
            Self::Expired => Reason::Expired,
        }
    }
}

impl<'a> Request<'a> {
    async fn attempt(&self, authenticator: &Authenticator) -> Attempt {
        match authenticator {
            Authenticator::ApiKey(header) => api_key::attempt(self, header),
            Authenticator::Jwt(_)
            | Authenticator::Session
            | Authenticator::Static
            | Authenticator::Forwarded(_)
            | Authenticator::Anonymous(_) => Attempt::Absent,
        }
    }

    /// What stands after `Bearer ` (RFC 6750 §2.1; the scheme's case does not matter, RFC 9110
    /// §11.1). Another scheme, or none, is a credential nobody has.
    fn bearer(&self) -> Option<&'a str> {
        self.scheme("bearer")
    }

    /// What stands after this scheme in `Authorization`; nothing that anybody has after another.
    fn scheme(&self, wanted: &str) -> Option<&'a str> {
        let line = self.line(&AUTHORIZATION)?;
        match line.split_once(' ') {
            Some((scheme, credential)) if scheme.eq_ignore_ascii_case(wanted) => Some(credential),
            _ => Some(""),
        }
    }

    /// The one line of a header. Two lines, or one that is not text, are a credential nobody has.
    fn line(&self, name: &HeaderName) -> Option<&'a str> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next()?;
        if lines.next().is_some() {
            return Some("");
        }
        Some(line.to_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
