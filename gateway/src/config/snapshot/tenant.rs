//! A tenant with everything it has.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use look::Look;
use policy::Policy;
use proto::{
    id::{KeyUid, ServerUid, TenantUid},
    name::Slug,
};
use token::{access::PublicKey, fixed::TokenType};

use super::{Key, Secret, ServerSlot, StaticToken};
use crate::{
    config::{
        authenticators::{Authenticator, Authenticators},
        secrets::TenantSecrets,
        session_keys::SessionKeyring,
    },
    limit::{Gauge, Gauges, rate::Limits},
};

/// What config says about a tenant itself.
#[derive(Debug, Clone, PartialEq)]
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
    /// How callers of its servers prove who they are, where a server does not say.
    pub authenticators: Arc<Authenticators>,
    /// How many calls per time; none means the defaults of the installation.
    pub limits: Option<Arc<Limits>>,
    /// What people call it, and how its pages look.
    pub look: Arc<Look>,
    /// What its authorization server signs with; no two have the same name.
    pub signing_keys: Box<[PublicKey]>,
    /// How long credentials count while no feed of revocations confirms that they do.
    pub revocation_grace: Duration,
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
    /// What people call it, and how its pages look.
    pub look: Arc<Look>,
    /// How long credentials count while no feed of revocations confirms that they do.
    pub revocation_grace: Duration,
    signing_keys: Box<[PublicKey]>,
    authenticators: Arc<Authenticators>,
    limits: Option<Arc<Limits>>,
    servers: HashMap<Box<str>, ServerSlot>,
    keys: HashMap<KeyUid, Arc<Key>>,
    secrets_of_keys: HashMap<[u8; 32], Secret>,
    tokens: HashMap<(ServerUid, [u8; 32]), Arc<StaticToken>>,
    policy: Arc<Policy>,
    policy_revision: u64,
    secrets: Option<Arc<TenantSecrets>>,
    gauge: Arc<Gauge>,
    principals: Arc<Gauges>,
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
            look: spec.look,
            signing_keys: spec.signing_keys,
            revocation_grace: spec.revocation_grace,
            authenticators: spec.authenticators,
            limits: spec.limits,
            servers: HashMap::new(),
            keys: HashMap::new(),
            secrets_of_keys: HashMap::new(),
            tokens: HashMap::new(),
            policy: Arc::new(Policy::none()),
            policy_revision: 0,
            secrets: None,
            gauge,
            principals: Arc::default(),
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
        self.keys.insert(key.uid, Arc::clone(&key));
        let secret = Secret { key, expires: None };
        self.secrets_of_keys.insert(sha256, secret);
        self
    }

    /// With the secret that a key had before, which stops working at this time.
    pub fn with_previous_secret(
        mut self,
        sha256: [u8; 32],
        key: Arc<Key>,
        until: SystemTime,
    ) -> Self {
        let expires = Some(until);
        let secret = Secret { key, expires };
        self.secrets_of_keys.entry(sha256).or_insert(secret);
        self
    }

    /// With a static token whose value has this verifier.
    pub fn with_static_token(mut self, verifier: [u8; 32], token: Arc<StaticToken>) -> Self {
        self.tokens.insert((token.server, verifier), token);
        self
    }

    /// With this policy, as of this revision.
    pub fn with_policy(mut self, policy: Arc<Policy>, revision: u64) -> Self {
        self.policy = policy;
        self.policy_revision = revision;
        self
    }

    /// With what its sessions and credentials are made and checked with.
    pub fn with_secrets(mut self, secrets: Arc<TenantSecrets>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// With the gauges of its principals, which outlive every version of it.
    pub(in crate::config) fn with_principals(mut self, principals: Arc<Gauges>) -> Self {
        self.principals = principals;
        self
    }

    /// The server with this slug.
    pub fn server(&self, slug: &str) -> Option<&ServerSlot> {
        self.servers.get(slug)
    }

    /// The server with this id, under whatever slug.
    pub fn server_by_uid(&self, uid: ServerUid) -> Option<&ServerSlot> {
        self.servers.values().find(|slot| slot.uid() == uid)
    }

    /// The key with a secret of this SHA-256.
    pub fn secret(&self, sha256: &[u8; 32]) -> Option<&Secret> {
        self.secrets_of_keys.get(sha256)
    }

    /// The key with this id.
    pub fn key_by_uid(&self, uid: KeyUid) -> Option<&Arc<Key>> {
        self.keys.get(&uid)
    }

    /// The static token for this server whose value has this verifier, in this header.
    pub fn static_token(
        &self,
        server: ServerUid,
        kind: TokenType,
        verifier: [u8; 32],
    ) -> Option<&Arc<StaticToken>> {
        let token = self.tokens.get(&(server, verifier));
        token.filter(|token| token.kind == kind)
    }

    /// How callers of its servers prove who they are, where a server does not say.
    pub fn authenticators(&self) -> &Arc<Authenticators> {
        &self.authenticators
    }

    /// The key of its authorization server with this name.
    pub fn signing_key(&self, kid: &str) -> Option<&PublicKey> {
        self.signing_keys.iter().find(|key| key.kid() == kid)
    }

    /// Its own authenticators and those of its servers.
    pub fn all_authenticators(&self) -> impl Iterator<Item = &Authenticator> {
        let of_servers = self.servers.values().filter_map(ServerSlot::authenticators);
        let lists = of_servers.chain([&*self.authenticators]);
        lists.flat_map(Authenticators::list)
    }

    /// What callers may do; denies everything where nothing was set.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Which revision last changed the policy; 0 if none was set.
    pub fn policy_revision(&self) -> u64 {
        self.policy_revision
    }

    /// How many calls per time; none means the defaults of the installation.
    pub fn limits(&self) -> Option<&Arc<Limits>> {
        self.limits.as_ref()
    }

    /// What its sessions and credentials are made and checked with; none while no controller has
    /// sent any.
    pub fn secrets(&self) -> Option<&TenantSecrets> {
        self.secrets.as_deref()
    }

    /// The keys that seal its session ids; none while no controller has sent any.
    pub fn sessions(&self) -> Option<&SessionKeyring> {
        self.secrets().map(TenantSecrets::sessions)
    }

    /// What its principals without an API key or static token have open on this node.
    pub fn principals(&self) -> &Arc<Gauges> {
        &self.principals
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
    pub(in crate::config) fn rank(&self) -> (u64, TenantUid) {
        (self.revision, self.uid)
    }

    /// `host[:port]` of each of its origins, each once.
    pub(super) fn authorities(&self) -> BTreeSet<&str> {
        std::iter::once(&self.canonical_origin)
            .chain(&self.alias_origins)
            .filter_map(|origin| Some(origin.split_once("://")?.1))
            .collect()
    }
}
