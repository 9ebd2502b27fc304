//! One resource of the stream → its runtime form, or the reason why not. Pure, and every limit is
//! an error value: whatever a controller sends, one bad resource costs that resource only. What is
//! done with a refused one is decided in `super::replica`.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, SystemTime},
};

use prost::Message;
use proto::{
    id::{KeyUid, ServerUid, TenantUid},
    name::{Slug, StreamName},
    sync::v1::{AuthScheme, KeyConfig, Kind, ServerConfig, TenantConfig, Upsert},
};
use url::Url;

use super::snapshot::{Authenticators, EgressMode, ServerSet, TenantSpec};

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
    /// About a tenant.
    Tenant(TenantUid, TenantSpec),
    /// About a server of the tenant.
    Server(TenantUid, ServerUid, ServerSpec),
    /// About a key of the tenant.
    Key(TenantUid, KeyUid, KeySpec),
}

/// A server without its credential.
#[derive(Debug, Clone)]
pub(super) struct ServerSpec {
    /// The segment in public URLs.
    pub(super) slug: Slug,
    /// The MCP endpoint.
    pub(super) endpoint: egress::Endpoint,
    /// The endpoint as it was registered.
    pub(super) url: Box<str>,
    /// How long a `tools/call` may take to its first byte.
    pub(super) first_byte_timeout: Duration,
    /// Which credential goes with this version.
    pub(super) need: CredentialNeed,
    /// How its callers prove who they are.
    pub(super) authenticators: Option<Arc<Authenticators>>,
    /// Which credential calls carry.
    pub(super) egress: EgressMode,
    /// Tools whose definitions were given by hand.
    pub(super) tools: Arc<HashMap<Box<str>, policy::Class>>,
}

/// Which credential goes with a version of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialNeed {
    /// None.
    None,
    /// The lease of exactly this generation.
    Generation(u64),
    /// It wants one and has none that may be sent: calls fail.
    Detached,
}

/// A key.
#[derive(Debug)]
pub(super) struct KeySpec {
    /// SHA-256 of the secret.
    pub(super) sha256: [u8; 32],
    /// The last segment of its name.
    pub(super) slug: Slug,
    /// What it opens.
    pub(super) servers: ServerSet,
    /// A disabled key is refused.
    pub(super) disabled: bool,
    /// When it stops working.
    pub(super) expires: Option<SystemTime>,
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

/// When the server's config does not say.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_mins(5);

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
            Ok(Spec::Tenant(uid, tenant(uid, decode(upsert)?)?))
        }
        (Kind::Server, StreamName::Server(tenant, uid)) => {
            let config: ServerConfig = decode(upsert)?;
            let slug = config.slug.parse().ok();
            let spec = server((tenant, uid), &config).map_err(|fault| Fault { slug, ..fault })?;
            Ok(Spec::Server(tenant, uid, spec))
        }
        (Kind::Key, StreamName::Key(tenant, uid)) => Ok(Spec::Key(
            tenant,
            uid,
            key((tenant, uid), &decode(upsert)?)?,
        )),
        _ => Err(invalid("kind")),
    }
}

fn tenant(uid: TenantUid, config: TenantConfig) -> Result<TenantSpec, Fault> {
    same("uid", &config.uid, uid)?;
    let slug = parsed("slug", &config.slug)?;
    let canonical_origin = origin("canonical_origin", config.canonical_origin)?;
    let aliases = config.alias_origins.into_iter();
    let alias_origins = aliases
        .map(|alias| origin("alias_origins", alias))
        .collect::<Result<_, _>>()?;
    // What browsers send as `Origin` is only compared, so it need not be an address we understand.
    let visible = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !config.allowed_origins.iter().all(visible) {
        return Err(invalid("allowed_origins"));
    }
    Ok(TenantSpec {
        uid,
        slug,
        canonical_origin,
        alias_origins,
        allowed_origins: config.allowed_origins.into_iter().map(Into::into).collect(),
        authenticators: Arc::default(),
        limits: None,
    })
}

fn server(
    (tenant, uid): (TenantUid, ServerUid),
    config: &ServerConfig,
) -> Result<ServerSpec, Fault> {
    same("uid", &config.uid, uid)?;
    same("tenant_uid", &config.tenant_uid, tenant)?;
    let slug = parsed("slug", &config.slug)?;
    let endpoint = egress::Endpoint::parse(&config.url).map_err(|_| invalid("url"))?;
    let first_byte_timeout = match config.first_byte_timeout {
        None => FIRST_BYTE_TIMEOUT,
        Some(timeout) => Duration::try_from(timeout)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(|| invalid("first_byte_timeout"))?,
    };
    let scheme = AuthScheme::try_from(config.auth_scheme).ok();
    let need = match scheme.unwrap_or(AuthScheme::Unspecified) {
        AuthScheme::Unspecified => {
            let detail = format!("auth_scheme {}", config.auth_scheme);
            return Err(fault(Reason::UnknownEnum, detail));
        }
        AuthScheme::None => CredentialNeed::None,
        AuthScheme::Bearer | AuthScheme::ApiKey => {
            match (config.credential_detached, config.lease_generation) {
                (true, _) | (false, 0) => CredentialNeed::Detached,
                (false, generation) => CredentialNeed::Generation(generation),
            }
        }
    };
    Ok(ServerSpec {
        slug,
        endpoint,
        first_byte_timeout,
        need,
        url: config.url.as_str().into(),
        authenticators: None,
        egress: EgressMode::Shared,
        tools: Arc::default(),
    })
}

fn key((tenant, uid): (TenantUid, KeyUid), config: &KeyConfig) -> Result<KeySpec, Fault> {
    same("uid", &config.uid, uid)?;
    same("tenant_uid", &config.tenant_uid, tenant)?;
    let slug = parsed("slug", &config.slug)?;
    let sha256 = config.sha256.as_ref().try_into();
    let sha256 = sha256.map_err(|_| invalid("sha256"))?;
    let servers = if config.all_servers {
        ServerSet::All
    } else {
        let uids = config.server_uids.iter();
        let uids = uids.map(|uid| parsed("server_uids", uid));
        ServerSet::Only(uids.collect::<Result<_, _>>()?)
    };
    let expires = config.expire_time.map(SystemTime::try_from).transpose();
    Ok(KeySpec {
        sha256,
        slug,
        servers,
        disabled: config.disabled,
        expires: expires.map_err(|_| invalid("expire_time"))?,
    })
}

fn decode<M: Message + Default>(upsert: &Upsert) -> Result<M, Fault> {
    M::decode(upsert.body.clone()).map_err(|error| fault(Reason::Undecodable, error.to_string()))
}

/// `scheme://host[:port]` exactly as a browser would write it, so that texts can be compared.
fn origin(field: &str, text: String) -> Result<Box<str>, Fault> {
    let canonical = Url::parse(&text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    });
    canonical
        .then(|| text.into_boxed_str())
        .ok_or_else(|| invalid(field))
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
