//! How fast clients may be registered and logins begun. Each network has a budget of its own, so that
//! a flood from one exhausts nobody else's; for clients a tenant has a much larger one, against floods
//! from everywhere. Kept in memory, by each controller for itself: it protects the database and need
//! not be exact.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use proto::id::TenantUid;
use tokio::time::Instant;

/// The budgets.
#[derive(Default)]
pub(crate) struct Budgets(Mutex<HashMap<Payer, Bucket>>);

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// A network's, for whatever it sends.
    Asking(String),
    /// A network's, for rows that it makes.
    Network(TenantUid, String),
    /// A tenant's, for all that are made.
    Tenant(TenantUid),
    /// A network's, for logins that it begins.
    Login(TenantUid, String),
    /// That of all who came when there was no room to count them one by one.
    Others,
}

/// Full, it is as good as not there.
struct Bucket {
    left: f64,
    at: Instant,
}

/// How much a budget holds, and how much comes back per second.
struct Size {
    most: f64,
    per_second: f64,
}

impl Budgets {
    /// Takes one from a budget; otherwise says in how many seconds there will be one.
    pub(crate) fn take(&self, payer: Payer) -> Result<(), u64> {
        self.take_at(payer, Instant::now())
    }

    fn take_at(&self, payer: Payer, now: Instant) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(&payer) && buckets.len() >= MOST {
            buckets.retain(|payer, bucket| !bucket.is_full(&payer.size(), now));
        }
        let payer = if buckets.contains_key(&payer) || buckets.len() < MOST {
            payer
        } else {
            Payer::Others
        };
        let size = payer.size();
        let bucket = buckets.entry(payer).or_insert(Bucket {
            left: size.most,
            at: now,
        });
        bucket.left = bucket.filled(&size, now);
        bucket.at = now;
        if bucket.left < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - bucket.left) / size.per_second);
            return Err(wait.as_secs().max(1));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

impl Payer {
    fn size(&self) -> Size {
        let (most, per_second) = match self {
            Self::Asking(_) => (600.0, 10.0),
            Self::Network(..) => (60.0, 0.2),
            // An office behind one address begins many in the morning.
            Self::Login(..) => (240.0, 2.0),
            Self::Tenant(_) => (800.0, 2.0),
            Self::Others => (60.0, 4.0),
        };
        Size { most, per_second }
    }
}

impl Bucket {
    fn filled(&self, size: &Size, now: Instant) -> f64 {
        let back = (now - self.at).as_secs_f64() * size.per_second;
        (self.left + back).min(size.most)
    }

    fn is_full(&self, size: &Size, now: Instant) -> bool {
        self.filled(size, now) >= size.most
    }
}

/// How many budgets are kept: some megabytes.
const MOST: usize = 50_000;

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{oauth::register::MOST_IDLE, store::client::IDLE_FOR};

    /// A23: who floods locks nobody else out.
    #[test]
    fn a_network_exhausts_its_own_budget_alone() {
        let (budgets, now) = (Budgets::default(), Instant::now());
        let from = |network: &str| Payer::Network(tenant(), network.to_owned());
        let taken = (0..1000).filter(|_| budgets.take_at(from("a"), now).is_ok());
        assert_eq!(taken.count(), 60);
        assert_eq!(budgets.take_at(from("a"), now), Err(5));
        assert_eq!(budgets.take_at(from("b"), now), Ok(()));
        let later = now + Duration::from_secs(5);
        assert_eq!(budgets.take_at(from("a"), later), Ok(()));
        assert!(budgets.take_at(from("a"), later).is_err());
    }

    /// A23: the table does not grow.
    #[test]
    fn there_are_only_so_many_budgets() {
        let (budgets, now) = (Budgets::default(), Instant::now());
        for network in 0..MOST + 1000 {
            let payer = Payer::Network(tenant(), network.to_string());
            let _ = budgets.take_at(payer, now);
        }
        let held = |budgets: &Budgets| budgets.0.lock().unwrap().len();
        assert!(held(&budgets) <= MOST + 1);
        let later = now + Duration::from_mins(5);
        assert_eq!(budgets.take_at(Payer::Tenant(tenant()), later), Ok(()));
        assert!(held(&budgets) <= 2);
    }

    /// A23: what a tenant pays for never fills its room with clients too young to be forgotten, at
    /// three controllers neither.
    #[test]
    fn a_tenant_s_budget_leaves_room_for_new_clients() {
        let size = Payer::Tenant(tenant()).size();
        let young = size.most + size.per_second * IDLE_FOR.as_seconds_f64();
        let room = u32::try_from(MOST_IDLE).unwrap();
        assert!(3.0 * young < f64::from(room), "{young}");
    }

    fn tenant() -> TenantUid {
        TenantUid::from_uuid(Uuid::nil())
    }
}
