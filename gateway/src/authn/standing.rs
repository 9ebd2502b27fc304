//! Whether a credential that was accepted still counts: it is not revoked, and this node knows enough
//! of revocations to say so (design.md §10).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::caller::{Caller, Credential, Proof};
use crate::revocation::{Confirmation, Facts, Revocations};

/// What a credential is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Good,
    /// It is revoked.
    Revoked,
    /// It may be revoked, for all that this node knows.
    Unknown,
}

impl Caller {
    /// What the credential is worth at this moment.
    pub fn standing(&self, revocations: &Revocations, now: Instant) -> Standing {
        if revocations.refuses(self.tenant.uid, &self.facts()) {
            return Standing::Revoked;
        }
        if self.is_confirmed(revocations, now) {
            Standing::Good
        } else {
            Standing::Unknown
        }
    }

    /// Whether this node would know if the credential were revoked.
    pub fn is_confirmed(&self, revocations: &Revocations, now: Instant) -> bool {
        match revocations.confirmed(now, self.tenant.revocation_grace) {
            Confirmation::Fresh | Confirmation::Grace => true,
            Confirmation::Stale => !self.is_revocable(),
        }
    }

    /// What revocations may name. What neither we nor a tenant's backend issued can only end with its
    /// tenant.
    fn facts(&self) -> Facts<'_> {
        match (&self.credential, self.proof()) {
            (Credential::Key(key, _), _) => Facts {
                key: Some(key.uid),
                ..Facts::default()
            },
            (_, Some(Proof::Oauth(verified))) => {
                let token = &verified.token;
                Facts {
                    token: Some(token.id),
                    grant: token.grant,
                    // Without a grant, a client acts for itself.
                    user: token.grant.map(|_| &*token.subject),
                    client: Some(&token.client),
                    signing_key: Some(verified.key.kid()),
                    issued: Some(token.issued_at()),
                    key: None,
                }
            }
            (_, Some(Proof::Session(session))) => Facts {
                token: Some(session.token.id),
                key: Some(session.key.uid),
                issued: Some(issued(&session.token)),
                ..Facts::default()
            },
            (Credential::Static(..) | Credential::Person(..), _) => Facts::default(),
        }
    }

    /// Whether there is a credential that somebody could have taken back.
    fn is_revocable(&self) -> bool {
        !matches!(self.proof(), Some(Proof::Forwarded(_) | Proof::Anonymous))
    }
}

/// When a session was made, to the millisecond, which its id tells; the token itself says the second.
fn issued(token: &token::session::SessionToken) -> SystemTime {
    let at = token.id.get_timestamp().map(|at| at.to_unix());
    at.map_or(token.issued, |(seconds, nanos)| {
        UNIX_EPOCH + Duration::new(seconds, nanos)
    })
}
