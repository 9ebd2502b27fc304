//! The task that sees to every tenant's signing keys: a first one for tenants from before there were
//! any, the next one in time, and away with what signs no more. Every controller runs it; the tenant's
//! row is locked, so that only one of them does the work.

use std::{sync::Arc, time::Duration};

use proto::name::Slug;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{State, rotate};
use crate::{
    error::{Error, chain},
    store::{Author, Reach, Store, audit::Entry, signing_key::SigningKey},
    vault::Vault,
};

/// Sees to the keys until `soft` is cancelled.
pub(crate) async fn keep(store: Store, vault: Arc<Vault>, soft: CancellationToken) {
    loop {
        if let Err(error) = look(&store, &vault).await {
            tracing::warn!(error = chain(&error), "signing keys cannot be seen to");
        }
        let pause = soft.run_until_cancelled(tokio::time::sleep(EVERY));
        if pause.await.is_none() {
            return;
        }
    }
}

async fn look(store: &Store, vault: &Vault) -> Result<(), Error> {
    let author = Author::task("signingKeys.rotate");
    let mut tx = store.platform(author).await?;
    let (since, until) = bounds(tx.time());
    let due = tx.tenants_with_keys_due(since, until, AT_ONCE).await?;
    drop(tx);
    for slug in due {
        let Ok(slug) = slug.parse() else { continue };
        // One tenant whose keys cannot be read is not everybody's.
        if let Err(error) = attend(store, vault, &slug).await {
            tracing::warn!(
                tenant = slug.as_str(),
                error = chain(&error),
                "a tenant's signing keys cannot be seen to"
            );
        }
    }
    Ok(())
}

/// Does for one tenant what is due, if it still is.
pub(crate) async fn attend(store: &Store, vault: &Vault, slug: &Slug) -> Result<(), Error> {
    let author = Author::task("signingKeys.rotate");
    let Some(mut tx) = store.tenant(author, Reach::Platform, slug).await? else {
        return Ok(());
    };
    let Some(tenant) = tx.lock_tenant().await? else {
        return Ok(());
    };
    let keys = tx.signing_keys().await?;
    let now = tx.time();
    let made = match due(&keys, now) {
        Due::Nothing => None,
        Due::First => Some(rotate(&mut tx, vault, true).await?),
        Due::Next => Some(rotate(&mut tx, vault, false).await?),
    };
    tx.wipe_signing_keys().await?;
    let went = keys.iter().any(|key| {
        key.gone_at
            .is_some_and(|at| at <= now && at > tenant.updated_at)
    });
    let Some(resource) = made
        .map(|key| format!("{}/signingKeys/{}", tenant.name(), key.kid))
        .or_else(|| went.then(|| tenant.name()))
    else {
        tx.commit_unrecorded().await?;
        return Ok(());
    };
    tx.tell_signing_keys();
    let entry = Entry {
        resource,
        before: None,
        after: None,
    };
    tx.commit_change(&entry).await?;
    Ok(())
}

/// Which key a tenant needs.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// One that signs at once: nothing else does.
    First,
    /// One that follows the one that signs.
    Next,
}

fn due(keys: &[SigningKey], now: OffsetDateTime) -> Due {
    let (since, until) = bounds(now);
    let signs = |key: &&SigningKey| key.sealed.is_some() && key.state(now) == State::Active;
    if !keys.iter().any(|key| signs(&key)) {
        return Due::First;
    }
    let lasts = |key: &SigningKey| {
        key.sealed.is_some()
            && !key.revoked
            && key.active_at > since
            && key.retire_at.is_none_or(|at| at > until)
    };
    if keys.iter().any(lasts) {
        Due::Nothing
    } else {
        Due::Next
    }
}

/// A tenant is provided for by a key that began to sign after the first of these and signs beyond the
/// other.
fn bounds(now: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
    (now - LIFE + super::ANNOUNCED, now + super::ANNOUNCED)
}

/// How long a key signs.
const LIFE: Duration = Duration::from_hours(24 * 90);
const EVERY: Duration = Duration::from_mins(1);
const AT_ONCE: i64 = 500;

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    /// A43: there is always one key that signs, and the next is known before it does.
    #[test]
    fn the_next_key_is_made_in_time() {
        let now = datetime!(2026-11-21 10:00 UTC);
        let hours = |hours: i64| time::Duration::hours(hours);
        let key = |since: i64, retires: Option<i64>| SigningKey {
            kid: String::new(),
            x: Vec::new(),
            y: Vec::new(),
            sealed: Some(Vec::new()),
            created_at: now,
            active_at: now + hours(since),
            retire_at: retires.map(|at| now + hours(at)),
            gone_at: retires.map(|at| now + hours(at + 24)),
            revoked: false,
        };
        let old = -24 * 90 + 1;
        assert_eq!(due(&[], now), Due::First);
        assert_eq!(due(&[key(-1, None)], now), Due::Nothing);
        assert_eq!(due(&[key(old + 1, None)], now), Due::Nothing);
        assert_eq!(due(&[key(old - 1, None)], now), Due::Next);
        assert_eq!(
            due(&[key(old - 1, Some(1)), key(1, None)], now),
            Due::Nothing
        );
        assert_eq!(due(&[key(-9, Some(-1))], now), Due::First);
        let revoked = SigningKey {
            revoked: true,
            ..key(-1, None)
        };
        assert_eq!(due(&[revoked], now), Due::First);
    }
}
