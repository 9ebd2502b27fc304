//! Access tokens of the tenant's own authorization server, `Authorization: Bearer eyJ…` (RFC 9068).
//! One token costs one signature check per node. What a token must be is decided in the `token`
//! crate; here, whether it is for the URL that was called.

use std::{fmt, slice, sync::Arc};

use policy::Scopes;
use token::{
    access::{self, AccessToken, PublicKey},
    jwt::Refusal,
};

use super::{
    Attempt, Reason,
    caller::{Person, Proof},
    remembered::{Remembered, TokenId},
    request::Request,
    uses::GrantUses,
    verifications::Verifications,
};
use crate::{config::snapshot::Tenant, route::Target};

/// The scope of everything that a user may do: what clients are told to ask for.
pub(crate) const SCOPE: &str = "mcp";

/// Tokens that were verified, shared by all cores. Clones are the same.
#[derive(Clone)]
pub struct Oauth(Arc<Shared>);

struct Shared {
    remembered: Remembered<Verified>,
    uses: GrantUses,
    verifications: Verifications,
}

/// A token with the key that signed it.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) token: AccessToken,
    pub(super) key: PublicKey,
    /// What it is limited to; none means that it is not.
    pub(super) scopes: Option<Scopes>,
}

/// Tries what stands in `Authorization`.
pub(super) fn attempt(request: &Request<'_>, oauth: &Oauth) -> Attempt {
    let Some(text) = request.bearer() else {
        return Attempt::Absent;
    };
    let (Some(tenant), true) = (request.tenant, text.starts_with(START)) else {
        return Attempt::Rejected(Reason::Malformed);
    };
    let verified = match oauth.verify(text, tenant, request) {
        Ok(verified) => verified,
        Err(Refusal::Expired) => return Attempt::Expired,
        Err(Refusal::Malformed) => return Attempt::Rejected(Reason::Malformed),
        Err(Refusal::UnknownKey | Refusal::Invalid) => return Attempt::Rejected(Reason::Unknown),
    };
    let token = &verified.token;
    if *token.issuer != *request.target.issuer() || !opens(token, request.target) {
        return Attempt::Rejected(Reason::Foreign);
    }
    if !is_named(token) {
        return Attempt::Rejected(Reason::Malformed);
    }
    request.person(Person {
        subject: token.username.clone(),
        roles: token.roles.clone(),
        groups: token.groups.clone(),
        proof: Proof::Oauth(verified),
    })
}

/// Whether a text is a token that one of the tenant's keys may have signed, whatever else it is.
pub(super) fn is_of(tenant: &Tenant, text: &str) -> bool {
    let kid = access::kid_of(text);
    kid.is_some_and(|kid| tenant.signing_key(&kid).is_some())
}

impl Oauth {
    /// No tokens yet. Of those that come, `uses` hears once.
    pub fn new(uses: GrantUses) -> Self {
        Self(Arc::new(Shared {
            remembered: Remembered::new(),
            uses,
            verifications: Verifications::counted_in("aldgate_access_token_verifications_total"),
        }))
    }

    fn verify(
        &self,
        text: &str,
        tenant: &Tenant,
        request: &Request<'_>,
    ) -> Result<Arc<Verified>, Refusal> {
        if text.len() > access::MAX {
            return Err(Refusal::Malformed);
        }
        let id = TokenId::of(tenant.uid, &ITSELF, text);
        // A withdrawn key's tokens die with it.
        let holds = |held: &Verified| held.counts(tenant) && request.now < held.token.ends();
        self.0.remembered.recall_or(&id, holds, || {
            let outcome = Verified::new(text, tenant, request);
            self.0.verifications.count(&outcome);
            if let Ok(verified) = &outcome {
                self.0.uses.note(&verified.token);
            }
            outcome
        })
    }
}

impl Verified {
    fn new(text: &str, tenant: &Tenant, request: &Request<'_>) -> Result<Self, Refusal> {
        let kid = access::kid_of(text).ok_or(Refusal::Invalid)?;
        let key = tenant.signing_key(&kid).ok_or(Refusal::UnknownKey)?;
        let issuer = request.target.issuer();
        let keys = slice::from_ref(key);
        let token = access::verify(text, issuer, tenant.uid, keys, request.now)?;
        Ok(Self {
            scopes: limits(&token),
            key: key.clone(),
            token,
        })
    }

    /// Whether the tenant still vouches for the key that signed it.
    pub(super) fn counts(&self, tenant: &Tenant) -> bool {
        tenant.signing_key(self.key.kid()) == Some(&self.key)
    }

    /// Whose name it bears: a user's, or that of a client that acts for itself.
    pub(super) fn authority(&self) -> &'static [u8] {
        match self.token.grant {
            Some(_) => b"user",
            None => b"client",
        }
    }

    /// What a client should ask for to be able to do more and nothing less.
    pub(super) fn wider(&self) -> String {
        // RFC 6749 §3.3: nothing that would end the parameter it is put in.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let kept = self.token.scopes.iter().map(|scope| &**scope);
        let kept = kept.filter(|scope| *scope != SCOPE && *scope != READ);
        let kept = kept.filter(|scope| scope.bytes().all(is_plain));
        kept.fold(SCOPE.to_owned(), |wider, scope| wider + " " + scope)
    }
}

/// Whether it names its holder as it may: a user by a name that is free, or a client that acts for
/// itself by the name that is ours to give.
fn is_named(token: &AccessToken) -> bool {
    match token.grant {
        Some(_) => token::is_subject(&token.username),
        None => token
            .username
            .strip_prefix("clients/")
            .is_some_and(token::is_subject),
    }
}

/// Whether one of its audiences is the URL that was called, in its canonical form, or that of all of
/// the tenant's servers together.
fn opens(token: &AccessToken, target: &Target) -> bool {
    token.audiences.iter().any(|audience| {
        let rest = audience.strip_prefix(target.issuer());
        match rest.and_then(|rest| rest.strip_prefix("/mcp")) {
            Some("") => true,
            Some(rest) => target
                .server()
                .is_some_and(|server| rest.strip_prefix('/') == Some(server)),
            None => false,
        }
    })
}

/// A token without either scope is good for nothing here: its client asked for something else.
fn limits(token: &AccessToken) -> Option<Scopes> {
    let has = |wanted: &str| token.scopes.iter().any(|scope| **scope == *wanted);
    match (has(SCOPE), has(READ)) {
        (true, _) => None,
        (false, true) => Some(Scopes::reading()),
        (false, false) => Some(Scopes::nothing()),
    }
}

impl fmt::Debug for Oauth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oauth").finish_non_exhaustive()
    }
}

/// The scope of what only reads.
const READ: &str = "mcp:read";
/// `{"` in base64: how the header of a token begins.
const START: &str = "eyJ";
/// A tenant has one authorization server.
const ITSELF: [u8; 32] = [0; 32];

#[cfg(test)]
mod tests;
