//! API keys.

use std::time::SystemTime;

use policy::Scopes;
use proto::{
    id::{KeyUid, TenantUid},
    name::Slug,
    sync::v1::KeyConfig,
};

use super::{Fault, invalid, moment, parsed, same};
use crate::config::snapshot::ServerSet;

/// A key.
#[derive(Debug)]
pub(in crate::config) struct KeySpec {
    /// SHA-256 of the secret.
    pub(in crate::config) sha256: [u8; 32],
    /// SHA-256 of the secret before, and until when it works.
    pub(in crate::config) previous: Option<([u8; 32], SystemTime)>,
    /// The last segment of its name.
    pub(in crate::config) slug: Slug,
    /// What it opens.
    pub(in crate::config) servers: ServerSet,
    /// What it may do there; none means everything.
    pub(in crate::config) scopes: Option<Scopes>,
    /// A disabled key is refused.
    pub(in crate::config) disabled: bool,
    /// When it stops working.
    pub(in crate::config) expires: Option<SystemTime>,
}

pub(super) fn key(
    (tenant, uid): (TenantUid, KeyUid),
    config: &KeyConfig,
) -> Result<KeySpec, Fault> {
    same("uid", &config.uid, uid)?;
    same("tenant_uid", &config.tenant_uid, tenant)?;
    let slug = parsed("slug", &config.slug)?;
    let servers = if config.all_servers {
        ServerSet::All
    } else {
        let uids = config.server_uids.iter();
        let uids = uids.map(|uid| parsed("server_uids", uid));
        ServerSet::Only(uids.collect::<Result<_, _>>()?)
    };
    // A list with one bad scope must not become one with fewer limits.
    let scopes = Scopes::parse(&config.scopes).map_err(|fault| invalid(&fault.field))?;
    Ok(KeySpec {
        sha256: sha256("sha256", &config.sha256)?,
        previous: previous(config)?,
        slug,
        servers,
        scopes: Some(scopes).filter(|scopes| !scopes.is_empty()),
        disabled: config.disabled,
        expires: moment("expire_time", config.expire_time)?,
    })
}

fn previous(config: &KeyConfig) -> Result<Option<([u8; 32], SystemTime)>, Fault> {
    if config.previous_sha256.is_empty() {
        return Ok(None);
    }
    let until = moment("previous_expire_time", config.previous_expire_time)?;
    let until = until.ok_or_else(|| invalid("previous_expire_time"))?;
    Ok(Some((
        sha256("previous_sha256", &config.previous_sha256)?,
        until,
    )))
}

fn sha256(field: &str, bytes: &[u8]) -> Result<[u8; 32], Fault> {
    bytes.try_into().map_err(|_| invalid(field))
}
