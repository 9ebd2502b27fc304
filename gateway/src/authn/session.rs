//! Session tokens, `Authorization: Bearer alds_…`: what a tenant's backend had made for a user with an
//! API key (S2-9). They open nothing that the key does not open now.

use std::{sync::Arc, time::SystemTime};

use policy::Scopes;
use proto::id::ServerUid;
use token::session::{PREFIX, SessionToken, kid_of, open};

use super::{Attempt, Reason, caller::Person, request::Request};
use crate::config::snapshot::{Key, Tenant};

/// A session with the key behind it, as both are now.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) token: SessionToken,
    pub(super) key: Arc<Key>,
    /// What both allow; none means everything.
    pub(super) scopes: Option<Scopes>,
}

/// Tries what stands in `Authorization`.
pub(super) fn attempt(request: &Request<'_>) -> Attempt {
    let Some(text) = request.bearer() else {
        return Attempt::Absent;
    };
    let token = request.tenant.and_then(|tenant| {
        let cipher = tenant.sessions()?.opener(kid_of(text)?)?;
        Some((tenant, open(text, tenant.uid, cipher).ok()?))
    });
    let Some((tenant, token)) = token else {
        return Attempt::Rejected(match text.strip_prefix(PREFIX) {
            Some(_) => Reason::Unknown,
            None => Reason::Malformed,
        });
    };
    let expired = token.expires <= request.now;
    match Session::new(tenant, token, request.now) {
        Err(reason) => Attempt::Rejected(reason),
        Ok(_) if expired => Attempt::Expired,
        Ok(session) => request.person(Person::of_session(session)),
    }
}

impl Session {
    /// The session, if the key behind it may still be used.
    pub(super) fn new(
        tenant: &Tenant,
        token: SessionToken,
        now: SystemTime,
    ) -> Result<Self, Reason> {
        let key = tenant.key_by_uid(token.key).ok_or(Reason::Unknown)?;
        if key.disabled || key.expires.is_some_and(|expires| expires <= now) {
            return Err(Reason::Disabled);
        }
        if !token::is_subject(&token.user) {
            return Err(Reason::Malformed);
        }
        let own = Scopes::parse(&token.scopes).map_err(|_| Reason::Malformed)?;
        let scopes = match &key.scopes {
            Some(scopes) => own.intersect(scopes),
            None => own,
        };
        Ok(Self {
            key: Arc::clone(key),
            scopes: Some(scopes).filter(|scopes| !scopes.is_empty()),
            token,
        })
    }

    /// Whether both the token and the key open the server.
    pub(super) fn opens(&self, server: ServerUid) -> bool {
        let own = self.token.servers.as_ref();
        own.is_none_or(|own| own.contains(&server)) && self.key.servers.contains(server)
    }

    /// Whether whoever had it made said what its user is.
    pub(super) fn has_roles(&self) -> bool {
        self.token.roles.is_some() || !self.token.groups.is_empty()
    }
}
