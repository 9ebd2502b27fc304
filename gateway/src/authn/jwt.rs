//! Tokens of other issuers: which keys count, and that one token costs one signature check per node.
//! What a token must be is decided in the `token` crate; where it stands in a request, by whoever
//! calls [`Jwt::accept`].

use std::{
    fmt,
    sync::{Arc, LazyLock, OnceLock},
    time::SystemTime,
};

use egress::{Dialer, Endpoint};
use proto::{access::v1::JwtAuthenticator, id::TenantUid};
use runtime::shutdown::Tasks;
use token::jwt::{Claims, Fault, KeySet, Refusal, Rules, Source, verify};
use tokio_util::sync::CancellationToken;

use super::{
    jwks::{Registry, Remote},
    remembered::{Remembered, TokenId},
    verifications::Verifications,
};
use crate::config::snapshot::{Authenticator, Tenant};

/// Keys of all issuers and tokens that were verified, shared by all cores. Clones are the same.
#[derive(Clone)]
pub struct Jwt(Arc<Shared>);

struct Shared {
    registry: Registry,
    remembered: Remembered<Claims>,
    verifications: Verifications,
}

impl Jwt {
    /// No keys and no tokens yet. Keys are fetched through this dialer.
    pub fn new(dialer: Dialer) -> Self {
        Self(Arc::new(Shared {
            registry: Registry::new(dialer),
            remembered: Remembered::new(),
            verifications: Verifications::counted_in("aldgate_jwt_verifications_total"),
        }))
    }

    /// Fetches and refreshes keys until told to stop; on the control runtime, once.
    pub async fn run(self, tasks: Tasks, stop: CancellationToken) {
        self.0.registry.run(tasks, stop).await;
    }

    /// Has the keys that a tenant's config names at hand before the first token comes, and keeps those
    /// that it still names. Nothing waits.
    pub fn prefetch(&self, tenant: &Tenant) {
        for authenticator in tenant.all_authenticators() {
            if let Authenticator::Jwt(jwt) = authenticator {
                jwt.compiled.remote(tenant.uid, &self.0.registry);
            }
        }
    }

    /// What the token says, if this authenticator of the tenant accepts it at this time. Waits at most
    /// 3 s, and only for keys that are being fetched because the token names one that is not known.
    pub async fn accept(
        &self,
        token: &str,
        tenant: &Tenant,
        jwt: &CompiledJwt,
        now: SystemTime,
    ) -> Result<Arc<Claims>, Refusal> {
        if token.len() > token::jwt::MAX {
            return Err(Refusal::Malformed);
        }
        let id = TokenId::of(tenant.uid, jwt.rules.identity(), token);
        let keys = jwt.keys(tenant, &self.0.registry);
        match self.judge(&id, token, jwt, &keys, now) {
            Err(Refusal::UnknownKey) => {}
            judged => return judged,
        }
        let Some(remote) = jwt.remote(tenant.uid, &self.0.registry) else {
            return Err(Refusal::UnknownKey);
        };
        remote.renew(&self.0.registry).await;
        // Another request may have had them fetched in the meantime.
        let newer = jwt.keys(tenant, &self.0.registry);
        if Arc::ptr_eq(&keys, &newer) {
            return Err(Refusal::UnknownKey);
        }
        self.judge(&id, token, jwt, &newer, now)
    }

    fn judge(
        &self,
        id: &TokenId,
        token: &str,
        jwt: &CompiledJwt,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Arc<Claims>, Refusal> {
        // A withdrawn key's tokens die with it.
        let holds = |claims: &Claims| now < claims.expires && keys.holds(claims.key);
        self.0.remembered.recall_or(id, holds, || {
            let outcome = verify(token, &jwt.rules, keys, now);
            self.0.verifications.count(&outcome);
            outcome
        })
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}

/// One `jwt` authenticator of one tenant. Two are equal if they accept the same.
pub struct CompiledJwt {
    rules: Rules,
    /// Where the keys are, if they are to be fetched.
    endpoint: Option<Endpoint>,
    remote: OnceLock<Option<Arc<Remote>>>,
}

impl CompiledJwt {
    /// The authenticator as config has it, or the field that is wrong.
    pub fn compile(config: &JwtAuthenticator) -> Result<Self, Fault> {
        let rules = Rules::compile(config)?;
        let endpoint = match rules.source() {
            Source::Remote(url) => Some(Endpoint::parse(url).map_err(|error| Fault {
                field: "jwks_uri".into(),
                problem: error.to_string(),
            })?),
            Source::Pinned(_) | Source::Secret(_) => None,
        };
        Ok(Self {
            rules,
            endpoint,
            remote: OnceLock::new(),
        })
    }

    /// What it accepts, and in which header.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The keys that count now; none if they are not here.
    fn keys(&self, tenant: &Tenant, registry: &Registry) -> Arc<KeySet> {
        let keys = match self.rules.source() {
            Source::Remote(_) => self
                .remote(tenant.uid, registry)
                .and_then(|remote| remote.keys()),
            Source::Pinned(pinned) => Some(Arc::clone(pinned.keys())),
            Source::Secret(uid) => tenant
                .secrets()
                .and_then(|secrets| secrets.jwt_keys(uid))
                .cloned(),
        };
        keys.unwrap_or_else(|| Arc::clone(&NONE))
    }

    /// The keys at the address, shared with everything else of the tenant that names it.
    fn remote(&self, tenant: TenantUid, registry: &Registry) -> Option<&Arc<Remote>> {
        self.remote
            .get_or_init(|| registry.remote(tenant, self.endpoint.as_ref()?))
            .as_ref()
    }
}

impl PartialEq for CompiledJwt {
    fn eq(&self, other: &Self) -> bool {
        self.rules.identity() == other.rules.identity()
    }
}

impl Eq for CompiledJwt {}

impl fmt::Debug for CompiledJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledJwt")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

static NONE: LazyLock<Arc<KeySet>> = LazyLock::new(Arc::default);

#[cfg(test)]
mod tests;
