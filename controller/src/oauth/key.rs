//! What a tenant's tokens are signed with. A key is announced first, so that every node knows it when
//! it begins to sign; it signs for 90 days, and what it signed is good until it has expired. The first
//! key of a tenant is made with the tenant, in the same revision.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use proto::{id::TenantUid, sync::v1::RevocationKind};
use time::OffsetDateTime;
use token::access::SigningKey;
use zeroize::Zeroizing;

pub(crate) use self::keeper::keep;
use super::rules::REVOCATION_LIFE;
use crate::{
    error::Error,
    store::{
        OneTenant, Tx,
        revocation::{CONFIG_LIFE, Revoked, Until},
        signing_key::{self as stored, State},
    },
    vault::{Place, Unreadable, Vault, WrappedTenantKey},
};

/// The task that sees to every tenant's keys.
mod keeper;

/// Private keys that were unsealed lately, so that not every token costs that again. Which of them
/// signs is the database's to say. Cloning is cheap.
#[derive(Clone, Default)]
pub(crate) struct Signers(Arc<Mutex<Known>>);

/// By tenant and kid.
type Known = HashMap<(TenantUid, String), Arc<SigningKey>>;

impl Signers {
    /// The key that signs for the tenant now, and [`Tx::moment`]; `None` while there is no key.
    pub(crate) async fn signer(
        &self,
        tx: &mut Tx<OneTenant>,
        vault: &Vault,
    ) -> Result<Option<(Arc<SigningKey>, OffsetDateTime)>, Error> {
        let Some((row, moment)) = tx.active_signing_key().await? else {
            return Ok(None);
        };
        let tenant = tx.tenant().uid;
        let id = (tenant, row.kid);
        if let Some(known) = self.keys().get(&id) {
            return Ok(Some((Arc::clone(known), moment)));
        }
        let keys = tx.tenant_keys().await?;
        let sealed = row.sealed.unwrap_or_default();
        let document: Zeroizing<Vec<u8>> =
            vault.open(&keys, &Place::signing_key(tenant, &id.1), &sealed)?;
        let key = SigningKey::from_pkcs8(&document).map_err(|_| Unreadable)?;
        let key = Arc::new(key);
        let mut known = self.keys();
        if known.len() >= MOST_SIGNERS {
            known.clear();
        }
        known.insert(id, Arc::clone(&key));
        Ok(Some((key, moment)))
    }

    fn keys(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new key, sealed for its row, that signs from `active_at` on.
pub(crate) fn create(
    vault: &Vault,
    keys: &[WrappedTenantKey],
    tenant: TenantUid,
    now: OffsetDateTime,
    active_at: OffsetDateTime,
) -> Result<stored::SigningKey, Unreadable> {
    let (key, document) = SigningKey::generate();
    let public = key.public();
    let place = Place::signing_key(tenant, key.kid());
    Ok(stored::SigningKey {
        kid: key.kid().to_owned(),
        x: public.x().to_vec(),
        y: public.y().to_vec(),
        sealed: Some(vault.seal(keys, &place, &document)?),
        created_at: now,
        active_at,
        retire_at: None,
        gone_at: None,
        revoked: false,
    })
}

/// Gives the locked tenant its next key: at once, or after nodes had time to learn of it.
pub(crate) async fn rotate(
    tx: &mut Tx<OneTenant>,
    vault: &Vault,
    at_once: bool,
) -> Result<stored::SigningKey, Error> {
    let now = tx.time();
    let active_at = if at_once { now } else { now + ANNOUNCED };
    let keys = tx.tenant_keys().await?;
    let key = create(vault, &keys, tx.tenant().uid, now, active_at)?;
    tx.insert_next_signing_key(&key, REVOCATION_LIFE).await?;
    Ok(key)
}

/// Takes a key of the locked tenant out of use with all that it signed; whether it was in use. If
/// nothing is left to sign with, there is a new key at once.
pub(crate) async fn revoke(
    tx: &mut Tx<OneTenant>,
    vault: &Vault,
    kid: &str,
) -> Result<bool, Error> {
    if !tx.revoke_signing_key(kid).await? {
        return Ok(false);
    }
    tx.revoke(Revoked {
        kind: RevocationKind::SigningKey,
        id: kid.to_owned(),
        until: Until::Ever,
        // Whoever stole it dates what they sign as they like: only config, which says that it is gone, lets it
        // be forgotten.
        life: CONFIG_LIFE,
    });
    if tx.active_signing_key().await?.is_none() {
        rotate(tx, vault, true).await?;
    }
    Ok(true)
}

/// The public keys with which the tenant's tokens are verified.
pub(crate) async fn public_keys(
    tx: &mut Tx<OneTenant>,
) -> Result<Vec<token::access::PublicKey>, Error> {
    let now = tx.time();
    let rows = tx.signing_keys().await?;
    let known = rows.iter().filter(|row| row.state(now) != State::Gone);
    // A point that is none verifies nothing.
    let keys =
        known.filter_map(|row| token::access::PublicKey::from_point(&row.kid, &row.x, &row.y).ok());
    Ok(keys.collect())
}

/// How long a key is known before it signs.
const ANNOUNCED: Duration = Duration::from_hours(1);
/// About 1 KiB each.
const MOST_SIGNERS: usize = 10_000;
