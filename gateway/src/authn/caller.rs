//! Who is calling, as one of the authenticators found out. Whether they may is `crate::policy`'s
//! business; this only says what their credential gives them.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use http::{HeaderName, HeaderValue};
use policy::Scopes;
use proto::id::{KeyUid, ServerUid, TenantUid};
use token::jwt::Claims;
use uuid::Uuid;

use super::{MissingScope, oauth::Verified, principal::principal, recheck, session::Session};
use crate::{
    config::snapshot::{Key, Snapshot, StaticToken, Tenant},
    limit::Gauge,
    route::Target,
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
    /// A static token, found by this verifier, and its header where that goes on.
    Static(Arc<StaticToken>, [u8; 32], Option<Presented>),
    /// Anything that names somebody whom config does not list: with their id, and what they have open.
    Person(Arc<Person>, Uuid, Arc<Gauge>),
}

/// Somebody whom config does not list.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) subject: Box<str>,
    pub(super) roles: Box<[Box<str>]>,
    pub(super) groups: Box<[Box<str>]>,
    pub(super) proof: Proof,
}

/// What is particular to a kind.
#[derive(Debug)]
pub(super) enum Proof {
    /// A token of another issuer.
    Jwt {
        /// Identifies the rules that accepted it.
        rules: [u8; 32],
        issuer: Box<str>,
        claims: Arc<Claims>,
        presented: Option<Presented>,
    },
    /// A token of the tenant's authorization server.
    Oauth(Arc<Verified>),
    /// A token that an API key had made.
    Session(Session),
    /// The word of this proxy.
    Forwarded(IpAddr),
    /// Nothing was presented.
    Anonymous,
}

impl Person {
    /// Somebody with a name and nothing else.
    pub(super) fn named(subject: &str, proof: Proof) -> Self {
        Self {
            subject: subject.into(),
            roles: Box::default(),
            groups: Box::default(),
            proof,
        }
    }

    /// Nobody in particular.
    pub(super) fn anonymous(roles: &[Box<str>]) -> Self {
        Self {
            roles: roles.into(),
            ..Self::named("anonymous", Proof::Anonymous)
        }
    }

    /// The user of a session.
    pub(super) fn of_session(session: Session) -> Self {
        let token = &session.token;
        Self {
            roles: token.roles.clone().unwrap_or_default(),
            groups: token.groups.clone(),
            ..Self::named(&token.user.clone(), Proof::Session(session))
        }
    }

    /// Their id at a tenant.
    pub(super) fn principal(&self, tenant: TenantUid) -> Uuid {
        let key;
        let (authority, subject) = match &self.proof {
            Proof::Jwt { issuer, .. } => (issuer.as_bytes(), &self.subject),
            // A user's name may change and become another's.
            Proof::Oauth(verified) => (verified.authority(), &verified.token.subject),
            Proof::Session(session) => {
                key = session.key.uid.uuid();
                (&key.as_bytes()[..], &self.subject)
            }
            Proof::Forwarded(_) | Proof::Anonymous => (&[][..], &self.subject),
        };
        principal(tenant, self.proof.kind(), authority, subject)
    }
}

impl Proof {
    fn kind(&self) -> Kind {
        match self {
            Self::Jwt { .. } => Kind::Jwt,
            Self::Oauth(_) => Kind::Oauth,
            Self::Session(_) => Kind::Session,
            Self::Forwarded(_) => Kind::Forwarded,
            Self::Anonymous => Kind::Anonymous,
        }
    }
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Kind {
    /// By an API key.
    ApiKey,
    /// By a JSON Web Token of another issuer.
    Jwt,
    /// By a token of the tenant's authorization server.
    Oauth,
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
            Self::Oauth => "oauth",
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
            Credential::Person(_, principal, _) => *principal,
        }
    }

    /// How they proved who they are.
    pub fn kind(&self) -> Kind {
        match &self.credential {
            Credential::Key(..) => Kind::ApiKey,
            Credential::Static(..) => Kind::Static,
            Credential::Person(person, ..) => person.proof.kind(),
        }
    }

    /// What the policy calls them.
    pub fn subject(&self) -> &str {
        match &self.credential {
            Credential::Key(key, _) => &key.subject,
            Credential::Static(token, ..) => &token.subject,
            Credential::Person(person, ..) => &person.subject,
        }
    }

    /// The roles that the credential gives.
    pub fn roles(&self) -> &[Box<str>] {
        match &self.credential {
            Credential::Key(..) => &[],
            Credential::Static(token, ..) => &token.roles,
            Credential::Person(person, ..) => &person.roles,
        }
    }

    /// The groups that the credential names.
    pub fn groups(&self) -> &[Box<str>] {
        match &self.credential {
            Credential::Key(..) | Credential::Static(..) => &[],
            Credential::Person(person, ..) => &person.groups,
        }
    }

    /// The program that calls, if the credential tells.
    pub fn client(&self) -> Option<Client<'_>> {
        match (&self.credential, self.proof()) {
            (Credential::Key(key, _), _) => Some(Client::Key(key.uid)),
            (_, Some(Proof::Session(session))) => Some(Client::Key(session.key.uid)),
            (_, Some(Proof::Jwt { claims, .. })) => claims.client.as_deref().map(Client::Named),
            (_, Some(Proof::Oauth(verified))) => Some(Client::Named(&verified.token.client)),
            _ => None,
        }
    }

    /// For the record: the name of the key or static token, else the subject.
    pub fn name(&self) -> &str {
        match &self.credential {
            Credential::Key(key, _) => key.slug.as_str(),
            Credential::Static(token, ..) => token.slug.as_str(),
            Credential::Person(person, ..) => &person.subject,
        }
    }

    /// What the principal has open.
    pub fn gauge(&self) -> &Arc<Gauge> {
        match &self.credential {
            Credential::Key(key, _) => key.gauge(),
            Credential::Static(token, ..) => &token.gauge,
            Credential::Person(_, _, gauge) => gauge,
        }
    }

    /// Whether the credential opens this server at all.
    pub fn opens(&self, server: ServerUid) -> bool {
        self.server == Some(server)
            && match (&self.credential, self.proof()) {
                (Credential::Key(key, _), _) => key.servers.contains(server),
                (Credential::Static(token, ..), _) => token.server == server,
                (_, Some(Proof::Session(session))) => session.opens(server),
                _ => true,
            }
    }

    /// What the credential is limited to; none means it is not.
    pub fn scopes(&self) -> Option<&Scopes> {
        match (&self.credential, self.proof()) {
            (Credential::Key(key, _), _) => key.scopes.as_ref(),
            (_, Some(Proof::Session(session))) => session.scopes.as_ref(),
            (_, Some(Proof::Oauth(verified))) => verified.scopes.as_ref(),
            _ => None,
        }
    }

    /// What is answered where this scope, `files:write`, is missing.
    pub fn lacks(&self, scope: String, target: &Target) -> MissingScope {
        match self.proof() {
            Some(Proof::Oauth(verified)) => MissingScope::of_token(verified.wider(), target),
            _ => MissingScope::of_key(scope),
        }
    }

    /// Whether the tenant's policy has a say. API keys, and sessions to which the key gave no roles,
    /// may do everything that their scopes allow unless the policy names them.
    pub fn obeys_policy(&self) -> bool {
        let unnamed = match (&self.credential, self.proof()) {
            (Credential::Key(..), _) => true,
            (_, Some(Proof::Session(session))) => !session.has_roles(),
            _ => false,
        };
        !unnamed || self.tenant.policy().names_subject(self.subject())
    }

    /// The key behind a session, where the policy limits that key: its sessions may do no more.
    pub fn limited_key(&self) -> Option<&str> {
        let Some(Proof::Session(session)) = self.proof() else {
            return None;
        };
        let key = &*session.key.subject;
        self.tenant.policy().names_subject(key).then_some(key)
    }

    /// The header that the credential came in, where it may go on to a server.
    pub fn presented(&self) -> Option<&Presented> {
        match (&self.credential, self.proof()) {
            (Credential::Static(_, _, presented), _) | (_, Some(Proof::Jwt { presented, .. })) => {
                presented.as_ref()
            }
            _ => None,
        }
    }

    /// Whether the credential may go on to the server.
    pub fn forwarding(&self) -> Forwarding<'_> {
        match (&self.credential, self.proof()) {
            (Credential::Static(token, ..), _) if token.passthrough => Forwarding::Always,
            (_, Some(Proof::Jwt { claims, .. })) => Forwarding::Audience(&claims.audiences),
            _ => Forwarding::Never,
        }
    }

    /// The static token.
    pub fn static_token(&self) -> Option<&StaticToken> {
        match &self.credential {
            Credential::Static(token, ..) => Some(token),
            Credential::Key(..) | Credential::Person(..) => None,
        }
    }

    pub(super) fn proof(&self) -> Option<&Proof> {
        match &self.credential {
            Credential::Person(person, ..) => Some(&person.proof),
            Credential::Key(..) | Credential::Static(..) => None,
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
            Credential::Person(person, ..) => match &person.proof {
                Proof::Jwt { claims, .. } => Some(claims.expires),
                Proof::Oauth(verified) => Some(verified.token.ends()),
                Proof::Session(session) => {
                    let key = session.key.expires;
                    key.into_iter().chain([session.token.expires]).min()
                }
                Proof::Forwarded(_) | Proof::Anonymous => None,
            },
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
