//! Who is calling, as one of the authenticators found out. Whether they may is `crate::policy`'s
//! business; this only says what their credential gives them.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderName, HeaderValue};
use policy::Scopes;
use proto::id::{KeyUid, ServerUid};
use uuid::Uuid;

use super::recheck;
use crate::{
    config::snapshot::{Key, Snapshot, StaticToken, Tenant},
    limit::Gauge,
};

/// Somebody who proved who they are to a server of the tenant. Only [`super::authenticate`] makes
/// one.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) tenant: Arc<Tenant>,
    /// Whose authenticators accepted; none where the URL names no server there is.
    pub(super) server: Option<ServerUid>,
    pub(super) credential: Credential,
}

/// What they proved it with.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// An API key, found by this hash.
    Key(Arc<Key>, [u8; 32]),
    /// A static token, found by this verifier, and the header it came in.
    Static(Arc<StaticToken>, [u8; 32], Presented),
    /// Anything that names somebody whom config does not list.
    Person(Arc<Person>),
}

/// Somebody whom config does not list.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) principal: Uuid,
    pub(super) subject: Box<str>,
    pub(super) roles: Box<[Box<str>]>,
    pub(super) groups: Box<[Box<str>]>,
    pub(super) gauge: Arc<Gauge>,
    /// When the credential stops working.
    pub(super) expires: Option<SystemTime>,
    pub(super) proof: Proof,
}

/// What is particular to a kind.
#[derive(Debug)]
pub(super) enum Proof {
    /// Nothing was presented.
    Anonymous,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Kind {
    /// By an API key.
    ApiKey,
    /// By a JSON Web Token of another issuer.
    Jwt,
    /// By a session token.
    Session,
    /// By a static token.
    Static,
    /// By the word of a proxy in front of us.
    Forwarded,
    /// Not at all.
    Anonymous,
}

impl Kind {
    /// As the access log writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::Session => "session",
            Self::Static => "static",
            Self::Forwarded => "forwarded",
            Self::Anonymous => "anonymous",
        }
    }
}

/// The header that a credential came in; the value is marked sensitive.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Its name.
    pub header: HeaderName,
    /// Its value, whole.
    pub value: HeaderValue,
}

/// Whether a caller's own credential may go on to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding<'a> {
    /// Never: it is ours, or there is none.
    Never,
    /// To its server: the operator said so.
    Always,
    /// Where it was issued for: one of these is its URL or origin.
    Audience(&'a [Box<str>]),
}

/// The program that calls, as far as credentials tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client<'a> {
    /// The holder of an API key, by itself or through session tokens.
    Key(KeyUid),
    /// As a token's `client_id` or `azp` names it.
    Named(&'a str),
}

impl Caller {
    /// The tenant whose credential it is.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The principal's id, to which sessions are bound.
    pub fn principal(&self) -> Uuid {
        match &self.credential {
            Credential::Key(key, _) => key.uid.uuid(),
            Credential::Static(token, ..) => token.principal,
            Credential::Person(person) => person.principal,
        }
    }

    /// How they proved who they are.
    pub fn kind(&self) -> Kind {
        match &self.credential {
            Credential::Key(..) => Kind::ApiKey,
            Credential::Static(..) => Kind::Static,
            Credential::Person(person) => match person.proof {
                Proof::Anonymous => Kind::Anonymous,
            },
        }
    }

    /// What the policy calls them.
    pub fn subject(&self) -> &str {
        match &self.credential {
            Credential::Key(key, _) => &key.subject,
            Credential::Static(token, ..) => &token.subject,
            Credential::Person(person) => &person.subject,
        }
    }

    /// The roles that the credential gives.
    pub fn roles(&self) -> &[Box<str>] {
        match &self.credential {
            Credential::Key(..) => &[],
            Credential::Static(token, ..) => &token.roles,
            Credential::Person(person) => &person.roles,
        }
    }

    /// The groups that the credential names.
    pub fn groups(&self) -> &[Box<str>] {
        match &self.credential {
            Credential::Key(..) | Credential::Static(..) => &[],
            Credential::Person(person) => &person.groups,
        }
    }

    /// The program that calls, if the credential tells.
    pub fn client(&self) -> Option<Client<'_>> {
        match &self.credential {
            Credential::Key(key, _) => Some(Client::Key(key.uid)),
            Credential::Static(..) => None,
            Credential::Person(person) => match person.proof {
                Proof::Anonymous => None,
            },
        }
    }

    /// For the record: the name of the key or static token, else the subject.
    pub fn name(&self) -> &str {
        match &self.credential {
            Credential::Key(key, _) => key.slug.as_str(),
            Credential::Static(token, ..) => token.slug.as_str(),
            Credential::Person(person) => &person.subject,
        }
    }

    /// What the principal has open.
    pub fn gauge(&self) -> &Arc<Gauge> {
        match &self.credential {
            Credential::Key(key, _) => key.gauge(),
            Credential::Static(token, ..) => &token.gauge,
            Credential::Person(person) => &person.gauge,
        }
    }

    /// Whether the credential opens this server at all.
    pub fn opens(&self, server: ServerUid) -> bool {
        self.server == Some(server)
            && match &self.credential {
                Credential::Key(key, _) => key.servers.contains(server),
                Credential::Static(token, ..) => token.server == server,
                Credential::Person(person) => match person.proof {
                    Proof::Anonymous => true,
                },
            }
    }

    /// What the credential is limited to; none means it is not.
    pub fn scopes(&self) -> Option<&Scopes> {
        match &self.credential {
            Credential::Key(key, _) => key.scopes.as_ref(),
            Credential::Static(..) => None,
            Credential::Person(person) => match person.proof {
                Proof::Anonymous => None,
            },
        }
    }

    /// Whether the tenant's policy has a say. API keys, and sessions to which the key gave no roles,
    /// may do everything that their scopes allow unless the policy names them.
    pub fn obeys_policy(&self) -> bool {
        match &self.credential {
            Credential::Key(key, _) => self.tenant.policy().names_subject(&key.subject),
            Credential::Static(..) => true,
            Credential::Person(person) => match person.proof {
                Proof::Anonymous => true,
            },
        }
    }

    /// The header that the credential came in, where it may go on to a server.
    pub fn presented(&self) -> Option<&Presented> {
        match &self.credential {
            Credential::Static(_, _, presented) => Some(presented),
            Credential::Key(..) => None,
            Credential::Person(person) => match person.proof {
                Proof::Anonymous => None,
            },
        }
    }

    /// Whether the credential may go on to the server.
    pub fn forwarding(&self) -> Forwarding<'_> {
        match &self.credential {
            Credential::Static(token, ..) if token.passthrough => Forwarding::Always,
            Credential::Static(..) | Credential::Key(..) => Forwarding::Never,
            Credential::Person(person) => match person.proof {
                Proof::Anonymous => Forwarding::Never,
            },
        }
    }

    /// The static token.
    pub fn static_token(&self) -> Option<&StaticToken> {
        match &self.credential {
            Credential::Static(token, ..) => Some(token),
            Credential::Key(..) | Credential::Person(_) => None,
        }
    }

    /// When the credential stops working; none means not by itself.
    pub fn expires(&self) -> Option<SystemTime> {
        match &self.credential {
            Credential::Key(key, sha256) => {
                let secret = self.tenant.secret(sha256).and_then(|secret| secret.expires);
                [secret, key.expires].into_iter().flatten().min()
            }
            Credential::Static(token, ..) => token.expires,
            Credential::Person(person) => person.expires,
        }
    }

    /// Whether the credential would still be accepted at the same server.
    pub fn still_valid(&self, snapshot: &Snapshot, now: SystemTime) -> bool {
        self.renewed(snapshot, now).is_some()
    }

    /// The same caller as of this snapshot, with the rights that they have now; none if the
    /// credential would not be accepted any more at the same server.
    pub fn renewed(&self, snapshot: &Snapshot, now: SystemTime) -> Option<Self> {
        recheck::renewed(self, snapshot, now)
    }
}
