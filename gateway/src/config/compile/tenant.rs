//! Tenants themselves, their policies, and what holds for all of them.

use std::{sync::Arc, time::Duration};

use look::Look;
use policy::Policy;
use proto::{
    access::v1::RateLimits,
    id::TenantUid,
    sync::v1::{DefaultsConfig, PolicyConfig, SigningKey, TenantConfig},
};
use token::access::PublicKey;
use url::Url;

use super::{Fault, Reason, authenticators, fault, invalid, parsed, same};
use crate::{config::snapshot::TenantSpec, limit::Limits};

/// The tenant, and what of it was left out: a signing key that cannot be used costs its own tokens
/// and nothing else. The version before would know a key that was taken back since.
pub(super) fn tenant(
    uid: TenantUid,
    config: TenantConfig,
) -> Result<(TenantSpec, Option<Fault>), Fault> {
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
    let (signing_keys, left_out) = signing_keys(&config.signing_keys);
    let given = config.revocation_grace.map(Duration::try_from);
    let revocation_grace = grace(given.and_then(Result::ok));
    let spec = TenantSpec {
        uid,
        slug,
        canonical_origin,
        alias_origins,
        allowed_origins: config.allowed_origins.into_iter().map(Into::into).collect(),
        authenticators: authenticators(config.authenticators.as_ref())?.unwrap_or_default(),
        limits: config.limits.as_ref().map(limits).transpose()?,
        look: Arc::new(Look::new(
            &config.display_name,
            &config.branding.unwrap_or_default(),
        )),
        signing_keys,
        revocation_grace,
    };
    Ok((spec, left_out))
}

fn signing_keys(sent: &[SigningKey]) -> (Box<[PublicKey]>, Option<Fault>) {
    let mut keys: Vec<PublicKey> = Vec::new();
    let mut left_out = None;
    for (at, sent) in sent.iter().enumerate() {
        let key = PublicKey::from_point(&sent.kid, &sent.x, &sent.y).ok();
        let twice = keys.iter().any(|known| known.kid() == sent.kid);
        match key.filter(|key| !key.kid().is_empty() && !twice && keys.len() < MOST_KEYS) {
            Some(key) => keys.push(key),
            None => {
                left_out.get_or_insert_with(|| invalid(&format!("signing_keys[{at}]")));
            }
        }
    }
    (keys.into(), left_out)
}

/// Unset means the default; shorter than a missed heartbeat or two, nobody would be served.
fn grace(given: Option<Duration>) -> Duration {
    given.map_or(REVOCATION_GRACE, |given| given.max(SHORTEST_GRACE))
}

pub(super) fn policy(tenant: TenantUid, config: &PolicyConfig) -> Result<Arc<Policy>, Fault> {
    same("tenant_uid", &config.tenant_uid, tenant)?;
    let policy = config.policy.as_ref().ok_or_else(|| invalid("policy"))?;
    let compiled = Policy::compile(policy).map_err(|faults| {
        let first = faults.first().map_or("", |first| &*first.field);
        fault(Reason::InvalidField, format!("policy.{first}"))
    });
    compiled.map(Arc::new)
}

pub(super) fn defaults(config: &DefaultsConfig) -> Result<Arc<Limits>, Fault> {
    let limits = config.limits.as_ref().map(limits).transpose()?;
    Ok(limits.unwrap_or_default())
}

fn limits(config: &RateLimits) -> Result<Arc<Limits>, Fault> {
    let compiled = Limits::compile(config);
    compiled
        .map(Arc::new)
        .map_err(|field| invalid(&format!("limits.{field}")))
}

/// Announced, active and retiring ones, with room for an emergency.
const MOST_KEYS: usize = 16;

/// `scheme://host[:port]` exactly as a browser would write it, so that texts can be compared.
fn origin(field: &str, text: String) -> Result<Box<str>, Fault> {
    let canonical = Url::parse(&text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    });
    canonical
        .then(|| text.into_boxed_str())
        .ok_or_else(|| invalid(field))
}

const REVOCATION_GRACE: Duration = Duration::from_mins(10);
const SHORTEST_GRACE: Duration = Duration::from_secs(10);
