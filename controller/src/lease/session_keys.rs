//! The keys that seal a tenant's MCP session ids: one for each UTC day, derived from the tenant's
//! key. Nodes get those of the last seven days, so that old sessions open, and tomorrow's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::bytes::Bytes;
use proto::{
    id::TenantUid,
    node::v1::{SessionKey, TenantSecrets},
};

use seal::session::SessionCipher;

use super::offer::wrapped;
use crate::{
    sync::rows::TenantKeyRow,
    vault::{Unreadable, Vault, WrappedTenantKey},
};

/// Days since 1970-01-01 UTC.
pub(super) fn day(now: SystemTime) -> u32 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs() / DAY.as_secs()).unwrap_or(u32::MAX)
}

/// When the next day begins.
pub(super) fn tomorrow(now: SystemTime) -> SystemTime {
    start(day(now).saturating_add(1))
}

/// The key that seals today, for those who make sealed tokens themselves.
pub fn sealing_key(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[WrappedTenantKey],
    now: SystemTime,
) -> Result<SessionCipher, Unreadable> {
    let key = vault.tenant_key(tenant, keys)?;
    let today = day(now);
    let kid = kid(key.version(), today);
    Ok(SessionCipher::new(&kid, &key.session_key(today)))
}

/// A tenant's keys around `today`.
pub(super) fn of(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[TenantKeyRow],
    today: u32,
) -> Result<TenantSecrets, Unreadable> {
    let key = vault.tenant_key(tenant, &wrapped(keys))?;
    let keys = today.saturating_sub(DAYS_BACK)..=today.saturating_add(1);
    Ok(TenantSecrets {
        tenant_uid: tenant.to_string(),
        session_keys: keys
            .map(|day| SessionKey {
                kid: kid(key.version(), day),
                key: Bytes::from_owner(Wiped(key.session_key(day))),
                not_before: Some(start(day).into()),
                not_after: Some((start(day) + OPENS_FOR).into()),
            })
            .collect(),
        ..TenantSecrets::default()
    })
}

/// Names one day's key.
fn kid(version: u32, day: u32) -> String {
    format!("{version}d{day}")
}

fn start(day: u32) -> SystemTime {
    UNIX_EPOCH + DAY * day
}

/// Makes the array readable as the slice that `Bytes` wants.
struct Wiped(zeroize::Zeroizing<[u8; 32]>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

const DAY: Duration = Duration::from_hours(24);
const DAYS_BACK: u32 = 7;

/// The day it seals, and seven more for the sessions that were begun on it.
const OPENS_FOR: Duration = Duration::from_hours(8 * 24);

#[cfg(test)]
mod tests;
