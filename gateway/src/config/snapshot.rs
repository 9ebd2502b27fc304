//! What a node serves at one moment: tenants with their servers and keys, immutable and shared by
//! all threads. It is made of compiled parts only, so nothing here can fail; `super::replica` makes
//! it, and tests may make one by hand.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use proto::{
    id::{KeyUid, ServerUid, TenantUid},
    name::Slug,
};

use super::{directory::Directory, lease::Lease};
use crate::limit::Gauge;

pub use super::session_keys::SessionKeyring;

/// All tenants, found by the host or by the path segment that a client named.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    revision: u64,
    by_authority: Directory,
    by_slug: Directory,
}

impl Snapshot {
    /// A snapshot of these tenants.
    pub fn of(revision: u64, tenants: impl IntoIterator<Item = Arc<Tenant>>) -> Self {
        let mut snapshot = Self::default();
        let changes = tenants.into_iter().map(|tenant| (None, Some(tenant)));
        snapshot.exchange(revision, &changes.collect::<Vec<_>>());
        snapshot
    }

    /// The tenant that answers on this `host[:port]`: lower case, without the default port of the
    /// origin's scheme.
    pub fn tenant_by_authority(&self, authority: &str) -> Option<&Arc<Tenant>> {
        self.by_authority.get(authority)
    }

    /// The tenant with this segment in the path layout.
    pub fn tenant_by_slug(&self, slug: &str) -> Option<&Arc<Tenant>> {
        self.by_slug.get(slug)
    }

    /// The config revision up to which this node has received everything.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Puts tenants in the place of what they were, which brings the whole to this revision.
    pub(super) fn exchange(&mut self, revision: u64, changes: &[Change]) {
        self.revision = revision;
        for old in changes.iter().filter_map(|(old, _)| old.as_deref()) {
            for authority in old.authorities() {
                self.by_authority.leave(authority, old);
            }
            self.by_slug.leave(old.slug.as_str(), old);
        }
        for new in changes.iter().filter_map(|(_, new)| new.as_ref()) {
            for authority in new.authorities() {
                self.by_authority.enter(authority, new);
            }
            self.by_slug.enter(new.slug.as_str(), new);
        }
    }
}

/// What a tenant was and what it is from now on.
pub(super) type Change = (Option<Arc<Tenant>>, Option<Arc<Tenant>>);

/// What config says about a tenant itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSpec {
    /// Its id.
    pub uid: TenantUid,
    /// The segment in public URLs of the path layout.
    pub slug: Slug,
    /// `scheme://host[:port]` without default port.
    pub canonical_origin: Box<str>,
    /// Further origins that answer for the tenant.
    pub alias_origins: Vec<Box<str>>,
    /// Web origins, besides its own, whose pages may call its MCP URLs.
    pub allowed_origins: HashSet<Box<str>>,
}

/// A tenant with everything it has.
#[derive(Debug)]
pub struct Tenant {
    /// Its id.
    pub uid: TenantUid,
    /// The segment in public URLs of the path layout.
    pub slug: Slug,
    /// `scheme://host[:port]` without default port.
    pub canonical_origin: Box<str>,
    /// Further origins that answer for the tenant.
    pub alias_origins: Vec<Box<str>>,
    /// Web origins, besides its own, whose pages may call its MCP URLs.
    pub allowed_origins: HashSet<Box<str>>,
    servers: HashMap<Box<str>, ServerSlot>,
    keys: HashMap<[u8; 32], Arc<Key>>,
    sessions: Option<Arc<SessionKeyring>>,
    gauge: Arc<Gauge>,
    /// Which revision last changed the tenant itself.
    revision: u64,
}

impl Tenant {
    /// A tenant that has nothing yet.
    pub fn new(spec: TenantSpec, gauge: Arc<Gauge>) -> Self {
        Self {
            uid: spec.uid,
            slug: spec.slug,
            canonical_origin: spec.canonical_origin,
            alias_origins: spec.alias_origins,
            allowed_origins: spec.allowed_origins,
            servers: HashMap::new(),
            keys: HashMap::new(),
            sessions: None,
            gauge,
            revision: 0,
        }
    }

    /// As of this revision: the newer of two tenants has a name that both claim.
    pub fn with_revision(mut self, revision: u64) -> Self {
        self.revision = revision;
        self
    }

    /// With a server under this slug; a later one takes the slug from an earlier one.
    pub fn with_server(mut self, slug: &Slug, slot: ServerSlot) -> Self {
        self.servers.insert(slug.as_str().into(), slot);
        self
    }

    /// With a key whose secret has this SHA-256.
    pub fn with_key(mut self, sha256: [u8; 32], key: Arc<Key>) -> Self {
        self.keys.insert(sha256, key);
        self
    }

    /// With the keys that seal session ids.
    pub fn with_sessions(mut self, sessions: Arc<SessionKeyring>) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// The server with this slug.
    pub fn server(&self, slug: &str) -> Option<&ServerSlot> {
        self.servers.get(slug)
    }

    /// The key whose secret has this SHA-256.
    pub fn key(&self, sha256: &[u8; 32]) -> Option<&Arc<Key>> {
        self.keys.get(sha256)
    }

    /// The keys that seal its session ids; none while no controller has sent any.
    pub fn sessions(&self) -> Option<&SessionKeyring> {
        self.sessions.as_deref()
    }

    /// What the tenant has open on this node.
    pub fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }

    /// Whether pages of this web origin may call the tenant's MCP URLs.
    pub fn is_own_or_allowed_origin(&self, origin: &str) -> bool {
        *self.canonical_origin == *origin
            || self.alias_origins.iter().any(|alias| **alias == *origin)
            || self.allowed_origins.contains(origin)
    }

    /// Decides between tenants that claim the same name.
    pub(super) fn rank(&self) -> (u64, TenantUid) {
        (self.revision, self.uid)
    }

    /// `host[:port]` of each of its origins, each once.
    fn authorities(&self) -> BTreeSet<&str> {
        std::iter::once(&self.canonical_origin)
            .chain(&self.alias_origins)
            .filter_map(|origin| Some(origin.split_once("://")?.1))
            .collect()
    }
}

/// What stands under a server's slug.
#[derive(Debug, Clone)]
pub enum ServerSlot {
    /// It can be called.
    Serving(Arc<Server>),
    /// Config names it, but no version of it could be applied: 503.
    Quarantined(ServerUid),
}

/// A server as calls need it.
#[derive(Debug)]
pub struct Server {
    /// Its id.
    pub uid: ServerUid,
    /// The segment in public URLs.
    pub slug: Slug,
    /// The MCP endpoint.
    pub endpoint: egress::Endpoint,
    /// How long a `tools/call` may take to its first byte.
    pub first_byte_timeout: Duration,
    /// What to present to it.
    pub credential: CredentialUse,
}

/// What calls to a server carry.
#[derive(Debug, Clone)]
pub enum CredentialUse {
    /// Nothing: the server wants no credential.
    None,
    /// This credential.
    Attach(Arc<Lease>),
    /// Calls fail and nothing is sent: the origin changed after the credential was set, or none
    /// was set yet.
    Detached,
}

/// An API key.
#[derive(Debug)]
pub struct Key {
    /// Its id.
    pub uid: KeyUid,
    /// The last segment of its name, for the access log.
    pub slug: Slug,
    /// What it opens.
    pub servers: ServerSet,
    /// A disabled key is refused.
    pub disabled: bool,
    /// When it stops working; none means never.
    pub expires: Option<SystemTime>,
    gauge: Arc<Gauge>,
}

impl Key {
    /// A key that opens these servers, enabled and without end.
    pub fn new(uid: KeyUid, slug: Slug, servers: ServerSet, gauge: Arc<Gauge>) -> Self {
        Self {
            uid,
            slug,
            servers,
            disabled: false,
            expires: None,
            gauge,
        }
    }

    /// What the key's holders have open on this node.
    pub fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}

/// Which servers of its tenant a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSet {
    /// Every one.
    All,
    /// These; an empty set opens none.
    Only(HashSet<ServerUid>),
}

impl ServerSet {
    /// Whether the server is among them.
    pub fn contains(&self, server: ServerUid) -> bool {
        match self {
            Self::All => true,
            Self::Only(servers) => servers.contains(&server),
        }
    }
}
