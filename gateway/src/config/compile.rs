//! One resource of the stream → its runtime form, or the reason why not. Pure, and every limit is
//! an error value: whatever a controller sends, one bad resource costs that resource only. What is
//! done with a refused one is decided in `super::replica`.

mod key;
mod server;
mod static_token;
mod tenant;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

use policy::Policy;
use prost::Message;
use proto::{
    access::v1 as access,
    id::{KeyUid, ServerUid, StaticTokenUid, TenantUid},
    name::{Slug, StreamName},
    sync::v1::{Kind, ServerConfig, Upsert},
};

pub(super) use self::{
    key::KeySpec,
    server::{Content, CredentialNeed, ServerSpec},
    static_token::TokenSpec,
};
use super::snapshot::{Authenticators, TenantSpec};
use crate::limit::Limits;

/// A resource as it was sent, compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Its name.
    pub(super) name: Name,
    /// The revision that last changed it.
    pub(super) revision: u64,
    /// What it says.
    pub(super) outcome: Result<Spec, Fault>,
}

/// The name of a resource: one of those we know, or whatever else was sent. Both count in the digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Name {
    /// Of the known form.
    Known(StreamName),
    /// Of any other.
    Strange(Box<str>),
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Strange(text.into()), Self::Known)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => name.fmt(f),
            Self::Strange(text) => f.write_str(text),
        }
    }
}

/// What a resource says.
#[derive(Debug)]
pub(super) enum Spec {
    /// About a tenant, and what of it was left out.
    Tenant(TenantUid, TenantSpec, Option<Fault>),
    /// About a server of the tenant.
    Server(TenantUid, ServerUid, ServerSpec),
    /// About a key of the tenant.
    Key(TenantUid, KeyUid, KeySpec),
    /// About a static token of the tenant.
    StaticToken(TenantUid, StaticTokenUid, TokenSpec),
    /// The tenant's policy.
    Policy(TenantUid, Arc<Policy>),
    /// How many calls per time tenants allow that say nothing else.
    Defaults(Arc<Limits>),
}

/// Why a resource cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The stable code.
    pub(super) reason: Reason,
    /// For people; no values, because config may hold what should not be logged.
    pub(super) detail: String,
    /// The slug, if so much could be read: the place where 503 is answered.
    pub(super) slug: Option<Slug>,
}

/// The stable codes of faults and refusals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// The body is not the message that the kind says.
    Undecodable,
    /// No such kind of resource is known here.
    UnknownKind,
    /// An enum has a value that is not known here.
    UnknownEnum,
    /// A field has a value that it may not have.
    InvalidField,
    /// The credential cannot be decrypted, or what was decrypted cannot be sent.
    CredentialUnreadable,
    /// The lease is for another origin than the server's.
    CredentialOriginMismatch,
    /// The lease did not come in time.
    LeaseTimeout,
    /// What the controller gave as its reason for refusing the lease.
    Refused(Box<str>),
}

impl Reason {
    /// A controller's own word, if it is one.
    pub(super) fn of_refusal(code: &str) -> Self {
        let word = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        if code == "CREDENTIAL_UNREADABLE" || code.is_empty() || !code.bytes().all(word) {
            Self::CredentialUnreadable
        } else {
            Self::Refused(code.into())
        }
    }

    /// As it travels.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Undecodable => "UNDECODABLE",
            Self::UnknownKind => "UNKNOWN_KIND",
            Self::UnknownEnum => "UNKNOWN_ENUM",
            Self::InvalidField => "INVALID_FIELD",
            Self::CredentialUnreadable => "CREDENTIAL_UNREADABLE",
            Self::CredentialOriginMismatch => "CREDENTIAL_ORIGIN_MISMATCH",
            Self::LeaseTimeout => "LEASE_TIMEOUT",
            Self::Refused(code) => code,
        }
    }
}

/// Compiles what was sent. Never panics, whatever it is given.
pub(super) fn compile(upsert: &Upsert) -> Compiled {
    let name = Name::from(upsert.name.as_str());
    let outcome = guarded(|| spec(&name, upsert));
    Compiled {
        name,
        revision: upsert.revision,
        outcome,
    }
}

/// A panic while compiling is a bug of ours, but it must not cost more than the one resource.
fn guarded<T>(compile: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(compile))
        .unwrap_or_else(|_| Err(fault(Reason::Undecodable, "the node failed to read it")))
}

fn spec(name: &Name, upsert: &Upsert) -> Result<Spec, Fault> {
    let kind = match Kind::try_from(upsert.kind) {
        Ok(kind) if kind != Kind::Unspecified => kind,
        _ => return Err(fault(Reason::UnknownKind, format!("kind {}", upsert.kind))),
    };
    let Name::Known(name) = *name else {
        return Err(invalid("name"));
    };
    if upsert.tenant != name.tenant().to_string() {
        return Err(invalid("tenant"));
    }
    match (kind, name) {
        (Kind::Tenant, StreamName::Tenant(uid)) => {
            let (spec, left_out) = tenant::tenant(uid, decode(upsert)?)?;
            Ok(Spec::Tenant(uid, spec, left_out))
        }
        (Kind::Server, StreamName::Server(tenant, uid)) => {
            let config: ServerConfig = decode(upsert)?;
            let slug = config.slug.parse().ok();
            let spec =
                server::server((tenant, uid), &config).map_err(|fault| Fault { slug, ..fault })?;
            Ok(Spec::Server(tenant, uid, spec))
        }
        (Kind::Key, StreamName::Key(tenant, uid)) => Ok(Spec::Key(
            tenant,
            uid,
            key::key((tenant, uid), &decode(upsert)?)?,
        )),
        (Kind::StaticToken, StreamName::StaticToken(tenant, uid)) => {
            let spec = static_token::static_token((tenant, uid), &decode(upsert)?)?;
            Ok(Spec::StaticToken(tenant, uid, spec))
        }
        (Kind::Policy, StreamName::Policy(tenant)) => {
            let policy = tenant::policy(tenant, &decode(upsert)?)?;
            Ok(Spec::Policy(tenant, policy))
        }
        (Kind::Defaults, StreamName::Defaults) => {
            Ok(Spec::Defaults(tenant::defaults(&decode(upsert)?)?))
        }
        _ => Err(invalid("kind")),
    }
}

/// The authenticators of a tenant or server that has some.
fn authenticators(
    sent: Option<&access::Authenticators>,
) -> Result<Option<Arc<Authenticators>>, Fault> {
    let compiled = sent.map(Authenticators::compile).transpose();
    compiled
        .map(|list| list.map(Arc::new))
        .map_err(|field| invalid(&field))
}

fn decode<M: Message + Default>(upsert: &Upsert) -> Result<M, Fault> {
    M::decode(upsert.body.clone()).map_err(|error| fault(Reason::Undecodable, error.to_string()))
}

fn moment<T>(field: &str, sent: Option<T>) -> Result<Option<SystemTime>, Fault>
where
    SystemTime: TryFrom<T>,
{
    let moment = sent.map(SystemTime::try_from).transpose();
    moment.map_err(|_| invalid(field))
}

fn parsed<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| invalid(field))
}

/// A body must be about the resource that its name says.
fn same(field: &str, text: &str, uid: impl fmt::Display) -> Result<(), Fault> {
    (text == uid.to_string())
        .then_some(())
        .ok_or_else(|| invalid(field))
}

fn invalid(field: &str) -> Fault {
    fault(Reason::InvalidField, field)
}

fn fault(reason: Reason, detail: impl Into<String>) -> Fault {
    Fault {
        reason,
        detail: detail.into(),
        slug: None,
    }
}

#[cfg(test)]
mod tests;
