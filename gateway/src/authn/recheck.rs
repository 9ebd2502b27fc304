//! Whether the credential of an open stream still counts, by a later snapshot and clock (TK-11,
//! TK-12, TK-16). Nothing is verified again that config cannot change: a signature stays good.

use std::{sync::Arc, time::SystemTime};

use super::{
    caller::{Caller, Credential, Person, Proof},
    session::Session,
};
use crate::config::snapshot::{Authenticator, Authenticators, ServerSlot, Snapshot, Tenant};

/// The same caller as of this snapshot; none if they would not be let in any more.
pub(super) fn renewed(caller: &Caller, snapshot: &Snapshot, now: SystemTime) -> Option<Caller> {
    let tenant = snapshot.tenant_by_slug(caller.tenant.slug.as_str());
    let tenant = tenant.filter(|tenant| tenant.uid == caller.tenant.uid)?;
    let check = Check {
        before: &caller.tenant,
        tenant,
        authenticators: authenticators(caller, tenant)?,
        now,
    };
    let renewed = Caller {
        tenant: Arc::clone(tenant),
        server: caller.server,
        credential: check.credential(&caller.credential)?,
    };
    let opens = caller.server.is_none_or(|server| renewed.opens(server));
    opens.then_some(renewed)
}

/// What the server asks of its callers now; none if it is gone.
fn authenticators<'a>(caller: &Caller, tenant: &'a Tenant) -> Option<&'a Authenticators> {
    let own = match caller.server {
        Some(server) => tenant.server_by_uid(server)?,
        None => return Some(tenant.authenticators()),
    };
    ServerSlot::authenticators(own).or(Some(tenant.authenticators()))
}

struct Check<'a> {
    before: &'a Tenant,
    tenant: &'a Arc<Tenant>,
    authenticators: &'a Authenticators,
    now: SystemTime,
}

impl Check<'_> {
    fn credential(&self, held: &Credential) -> Option<Credential> {
        match held {
            Credential::Key(held, sha256) => {
                self.configured(|one| matches!(one, Authenticator::ApiKey(_)))?;
                let secret = self.tenant.secret(sha256)?;
                let good = secret.key.uid == held.uid && !secret.key.disabled;
                (good && !secret.expired(self.now))
                    .then(|| Credential::Key(Arc::clone(&secret.key), *sha256))
            }
            Credential::Static(held, verifier, presented) => {
                self.configured(|one| matches!(one, Authenticator::Static))?;
                let token = self
                    .tenant
                    .static_token(held.server, held.kind, *verifier)?;
                let good = token.uid == held.uid && !token.disabled && !self.past(token.expires);
                good.then(|| Credential::Static(Arc::clone(token), *verifier, presented.clone()))
            }
            Credential::Person(held, principal, gauge) => {
                let person = self.person(held)?;
                Some(Credential::Person(person, *principal, Arc::clone(gauge)))
            }
        }
    }

    fn person(&self, held: &Arc<Person>) -> Option<Arc<Person>> {
        match &held.proof {
            Proof::Jwt { rules, claims, .. } => {
                self.configured(|one| match one {
                    Authenticator::Jwt(jwt) => jwt.compiled.rules().identity() == rules,
                    _ => false,
                })?;
                (self.now < claims.expires).then(|| Arc::clone(held))
            }
            Proof::Oauth(verified) => {
                self.configured(|one| *one == Authenticator::Oauth)?;
                let issuer = self.still_issues(&verified.token.issuer);
                let good = issuer && verified.counts(self.tenant);
                (good && self.now < verified.token.ends()).then(|| Arc::clone(held))
            }
            Proof::Session(held) => {
                self.configured(|one| matches!(one, Authenticator::Session))?;
                let token = held.token.clone();
                if token.expires <= self.now {
                    return None;
                }
                let session = Session::new(self.tenant, token, self.now).ok()?;
                Some(Arc::new(Person::of_session(session)))
            }
            Proof::Forwarded(peer) => {
                self.configured(|one| match one {
                    Authenticator::Forwarded(rules) => rules.trusts(*peer),
                    _ => false,
                })?;
                Some(Arc::clone(held))
            }
            Proof::Anonymous => {
                let roles = self.authenticators.anonymous()?;
                Some(Arc::new(Person::anonymous(roles)))
            }
        }
    }

    /// The authenticator that accepted, if it is still there.
    fn configured(&self, accepted: impl Fn(&Authenticator) -> bool) -> Option<()> {
        let mut list = self.authenticators.list().iter();
        list.any(accepted).then_some(())
    }

    /// Whether an issuer is the tenant's as it was: its place in the path layout stays, its canonical
    /// origin may be another by now.
    fn still_issues(&self, issuer: &str) -> bool {
        *self.before.canonical_origin != *issuer || *self.tenant.canonical_origin == *issuer
    }

    fn past(&self, end: Option<SystemTime>) -> bool {
        end.is_some_and(|end| end <= self.now)
    }
}
