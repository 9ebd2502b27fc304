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

/// What the authenticators look at.
mod request;

/// Whether an open stream's credential still counts.
mod recheck;

/// Whether a credential was revoked.
mod standing;

/// API keys.
mod api_key;

/// Session tokens.
mod session;

/// Static tokens.
mod fixed;

/// What a proxy in front of us says.
mod forwarded;

/// Access tokens of the tenant's authorization server.
pub mod oauth;

/// Which grants' access tokens were presented.
pub mod uses;

/// JSON Web Tokens in requests.
mod bearer_jwt;

/// JSON Web Tokens.
pub mod jwt;

/// The keys of issuers that publish them.
mod jwks;

/// Tokens that were verified.
mod remembered;

/// How many.
mod verifications;

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::{Instant, SystemTime},
};

use http::{HeaderMap, header::AUTHORIZATION};

pub use self::{
    caller::{Caller, Client, Forwarding, Kind, Presented},
    challenge::{Challenge, MissingScope, Reason},
    standing::Standing,
};
use self::{
    caller::{Credential, Person},
    jwt::Jwt,
    oauth::Oauth,
    request::Request,
    uses::GrantUses,
};
pub(crate) use self::{oauth::SCOPE, principal::principal};
use crate::{
    config::snapshot::{Authenticator, Authenticators, ServerSlot},
    error::Error,
    revocation::Revocations,
    route::Target,
};

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
    /// It is this one's, but nobody could say how much its principal has open.
    Crowded,
}

/// What credentials are verified with, shared by all cores. Clones are the same.
#[derive(Debug, Clone)]
pub struct Verifiers {
    /// Of tokens of other issuers.
    pub jwt: Jwt,
    /// Of tokens of tenants' authorization servers.
    pub oauth: Oauth,
    /// What is revoked.
    pub revocations: Revocations,
}

impl Verifiers {
    /// With these keys of other issuers, and what is known to be revoked; tells which grants are in use.
    pub fn new(jwt: Jwt, uses: GrantUses, revocations: Revocations) -> Self {
        Self {
            jwt,
            oauth: Oauth::new(uses),
            revocations,
        }
    }
}

/// What is asked of the callers of an MCP URL: as its server says, or as its tenant does, who speaks
/// for servers that do not exist, too.
pub(crate) fn authenticators(target: &Target) -> &Authenticators {
    static NOBODYS: LazyLock<Authenticators> = LazyLock::new(Authenticators::default);
    let Some(tenant) = target.tenant() else {
        return &NOBODYS;
    };
    let server = target.server().and_then(|name| tenant.server(name));
    let own = server.and_then(ServerSlot::authenticators);
    own.unwrap_or(tenant.authenticators())
}

/// Finds the caller.
pub async fn authenticate(
    verifiers: &Verifiers,
    target: &Target,
    headers: &HeaderMap,
    peer: SocketAddr,
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
        target,
        tenant,
        server: slot.map(ServerSlot::uid),
        headers,
        peer: peer.ip().to_canonical(),
        now,
    };
    let authenticators = authenticators(target);
    match (request.try_all(verifiers, authenticators).await, tenant) {
        (Attempt::Accepted(credential), Some(tenant)) => {
            let caller = Caller {
                tenant: Arc::clone(tenant),
                server: request.server,
                credential,
            };
            match caller.standing(&verifiers.revocations, Instant::now()) {
                Standing::Good => Ok(caller),
                Standing::Unknown => Err(Error::Unconfirmed),
                Standing::Revoked => {
                    let challenge = Challenge::new(authenticators, target, Reason::Revoked);
                    Err(Error::Unauthenticated(challenge))
                }
            }
        }
        (Attempt::Crowded, _) => Err(Error::TooManyCalls),
        (outcome, _) => {
            let challenge = Challenge::new(authenticators, target, outcome.reason());
            Err(Error::Unauthenticated(challenge))
        }
    }
}

impl Request<'_> {
    /// Tries all in their order until one accepts.
    async fn try_all(&self, verifiers: &Verifiers, authenticators: &Authenticators) -> Attempt {
        let mut outcome = Attempt::Absent;
        for authenticator in authenticators.list() {
            let attempt = match authenticator {
                Authenticator::ApiKey(header) => api_key::attempt(self, header),
                Authenticator::Jwt(rules) => bearer_jwt::attempt(self, rules, &verifiers.jwt).await,
                Authenticator::Oauth => oauth::attempt(self, &verifiers.oauth),
                Authenticator::Session => session::attempt(self),
                Authenticator::Static => fixed::attempt(self),
                Authenticator::Forwarded(rules) => forwarded::attempt(self, rules),
                // Last, whatever its place: a bad credential is never nobody's (TK-10).
                Authenticator::Anonymous(_) => Attempt::Absent,
            };
            outcome = outcome.or(attempt);
            if outcome.is_final() {
                return outcome;
            }
        }
        match (outcome, authenticators.anonymous()) {
            (Attempt::Absent, Some(roles)) => self.person(Person::anonymous(roles)),
            (outcome, _) => outcome,
        }
    }

    /// Somebody whom config does not list, once it is known what they have open.
    fn person(&self, person: Person) -> Attempt {
        let Some(tenant) = self.tenant else {
            return Attempt::Rejected(Reason::Unknown);
        };
        let principal = person.principal(tenant.uid);
        match tenant.principals().of(principal) {
            Some(gauge) => {
                Attempt::Accepted(Credential::Person(Arc::new(person), principal, gauge))
            }
            None => Attempt::Crowded,
        }
    }
}

impl Attempt {
    /// This one, unless the next says more: acceptance counts most, then what is genuine. A credential
    /// of another kind has not the form of this one, which says nothing.
    fn or(self, next: Self) -> Self {
        match (&self, &next) {
            (Self::Rejected(Reason::Malformed), Self::Rejected(_)) => next,
            (Self::Accepted(_) | Self::Crowded, _)
            | (Self::Expired, Self::Expired | Self::Rejected(_) | Self::Absent)
            | (Self::Rejected(_), Self::Rejected(_) | Self::Absent) => self,
            _ => next,
        }
    }

    fn is_final(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Crowded)
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Absent | Self::Accepted(_) | Self::Crowded => Reason::Absent,
            Self::Rejected(reason) => *reason,
            Self::Expired => Reason::Expired,
        }
    }
}

#[cfg(test)]
mod tests;
