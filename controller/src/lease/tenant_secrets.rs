//! What nodes make and check a tenant's session ids, cursors and credentials with: keys that seal, one
//! for each UTC day, of the last seven days, so that old sessions open, and tomorrow's; peppers; and
//! the shared secrets of JWT issuers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::bytes::Bytes;
use proto::{
    id::TenantUid,
    node::v1::{JwtSecret, Pepper, SessionKey, TenantSecrets},
};

use seal::session::SessionCipher;

use super::offer::wrapped;
use crate::{
    sync::{rows::JwtSecretRow, state::TenantSealed},
    vault::{Place, Unreadable, Vault, WrappedTenantKey},
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

/// The key that sealed a token that names this one, for those who open sealed tokens themselves.
pub fn opening_key(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[WrappedTenantKey],
    kid: &str,
) -> Option<SessionCipher> {
    let (version, day) = kid.split_once('d')?;
    let (version, day) = (version.parse::<u32>().ok()?, day.parse::<u32>().ok()?);
    let keys = vault.tenant_keys(tenant, keys);
    let key = keys.iter().find(|key| key.version() == version)?;
    Some(SessionCipher::new(kid, &key.session_key(day)))
}

/// A tenant's secrets as of `today`. A JWT secret that does not open is left out: tokens of its issuer
/// are refused, everything else goes on.
pub(super) fn of(
    vault: &Vault,
    tenant: TenantUid,
    sealed: &TenantSealed,
    today: u32,
) -> Result<TenantSecrets, Unreadable> {
    let keys = wrapped(&sealed.keys);
    let key = vault.tenant_key(tenant, &keys)?;
    let days = today.saturating_sub(DAYS_BACK)..=today.saturating_add(1);
    Ok(TenantSecrets {
        tenant_uid: tenant.to_string(),
        session_keys: days
            .map(|day| SessionKey {
                kid: kid(key.version(), day),
                key: Bytes::from_owner(Wiped(key.session_key(day))),
                not_before: Some(start(day).into()),
                not_after: Some((start(day) + OPENS_FOR).into()),
            })
            .collect(),
        // Of older keys too: verifiers made with them stay.
        peppers: vault
            .tenant_keys(tenant, &keys)
            .iter()
            .map(|key| Pepper {
                id: key.version().to_string(),
                key: Bytes::from_owner(Wiped(key.pepper())),
            })
            .collect(),
        jwt_secrets: jwt_secrets(vault, tenant, &keys, sealed),
    })
}

fn jwt_secrets(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[WrappedTenantKey],
    sealed: &TenantSealed,
) -> Vec<JwtSecret> {
    let open = |row: &JwtSecretRow| {
        let place = Place::jwt_secret(tenant, row.secret_id);
        let Ok(value) = vault.open(keys, &place, &row.sealed) else {
            metrics::counter!("aldgate_jwt_secrets_unreadable_total").increment(1);
            tracing::error!(
                tenant.id = %tenant,
                secret.id = %row.secret_id,
                "the secret of a JWT issuer cannot be read"
            );
            return None;
        };
        Some(JwtSecret {
            uid: row.secret_id.to_string(),
            value: Bytes::from_owner(value),
        })
    };
    sealed.jwt_secrets.iter().filter_map(open).collect()
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
