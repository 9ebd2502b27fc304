//! Which grants' access tokens were presented here, until a controller is told: whoever refreshed last
//! got the answer then, so the refresh token before that is no longer needed. Requests only note it;
//! what does not fit is forgotten, for the grant's next token tells the same.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use metrics::{Counter, counter};
use proto::{
    id::{GrantUid, TenantUid},
    sync::v1,
};
use token::access::AccessToken;

/// The grants in use that no controller was told of. Clones are the same.
#[derive(Clone)]
pub struct GrantUses(Arc<Shared>);

struct Shared {
    /// When the newest token of each was issued.
    gathered: Mutex<HashMap<(TenantUid, GrantUid), SystemTime>>,
    dropped: Counter,
}

impl GrantUses {
    /// None yet.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            gathered: Mutex::default(),
            dropped: counter!("aldgate_grant_uses_dropped_total"),
        }))
    }

    /// A token was presented that was not known before.
    pub(crate) fn note(&self, token: &AccessToken) {
        let Some(grant) = token.grant else { return };
        let issued = token.issued_at();
        let mut gathered = self.lock();
        let room = gathered.len() < MOST;
        match gathered.entry((token.tenant, grant)) {
            Entry::Occupied(mut newest) => {
                let newest = newest.get_mut();
                *newest = issued.max(*newest);
            }
            Entry::Vacant(place) if room => {
                place.insert(issued);
            }
            Entry::Vacant(_) => self.0.dropped.increment(1),
        }
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All there is to tell. It counts as told.
    pub(crate) fn take(&self) -> v1::GrantUses {
        let gathered = std::mem::take(&mut *self.lock());
        let used = |((tenant, grant), issued): ((TenantUid, GrantUid), SystemTime)| v1::GrantUse {
            tenant_uid: tenant.to_string(),
            grant_uid: grant.to_string(),
            issue_time: Some(issued.into()),
        };
        v1::GrantUses {
            uses: gathered.into_iter().map(used).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantUid, GrantUid), SystemTime>> {
        let gathered = &self.0.gathered;
        gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for GrantUses {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GrantUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("GrantUses");
        shown
            .field("waiting", &self.lock().len())
            .finish_non_exhaustive()
    }
}

/// How many grants wait at most; controllers take no more of them at once.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::{NoContext, Timestamp, Uuid};

    use super::*;

    /// Each grant waits once, with its newest token, and none waits for ever.
    #[test]
    fn what_waits_is_bounded_and_told_once() {
        let uses = GrantUses::new();
        for (grant, seconds) in [(1, 10), (1, 30), (1, 20), (2, 5)] {
            uses.note(&token(Some(grant), seconds));
        }
        uses.note(&token(None, 10));
        let mut told = uses.take().uses;
        told.sort_by(|one, other| one.grant_uid.cmp(&other.grant_uid));
        let shown = told.iter().map(|used| {
            let issued = used.issue_time.unwrap();
            (used.grant_uid.as_str(), issued.seconds)
        });
        let ids = [1, 2].map(|id| uid(id).to_string());
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [(ids[0].as_str(), 30), (ids[1].as_str(), 5)]
        );
        assert!(uses.is_empty() && uses.take().uses.is_empty());

        for grant in 0..=MOST as u128 {
            uses.note(&token(Some(grant), 1));
        }
        uses.note(&token(Some(0), 2));
        let told = uses.take().uses;
        assert_eq!(told.len(), MOST);
        let newest = told.iter().map(|used| used.issue_time.unwrap().seconds);
        assert_eq!(newest.max(), Some(2), "who waits is told of still");
    }

    fn uid(id: u128) -> GrantUid {
        GrantUid::from_uuid(Uuid::from_u128(id))
    }

    fn token(grant: Option<u128>, issued: u64) -> AccessToken {
        AccessToken {
            issuer: "https://acme.test".into(),
            audiences: Box::default(),
            subject: "0190b7c2-6f00-7abc-8def-0123456789ab".into(),
            username: "ada".into(),
            client: "client-1".into(),
            scopes: Box::default(),
            roles: Box::default(),
            groups: Box::default(),
            tenant: TenantUid::from_uuid(Uuid::from_u128(1)),
            grant: grant.map(uid),
            id: Uuid::new_v7(Timestamp::from_unix(NoContext, issued, 0)),
            issued: SystemTime::UNIX_EPOCH + Duration::from_secs(issued),
            expires: SystemTime::UNIX_EPOCH + Duration::from_hours(1),
        }
    }
}
