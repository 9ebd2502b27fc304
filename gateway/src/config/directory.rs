//! Names → tenants, in many small shared parts. A copy costs one counter per part, and a change of
//! the copy copies the one part that it touches: with 100,000 tenants a delta costs microseconds,
//! and readers of the old directory are never disturbed.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use super::snapshot::Tenant;

/// The directory. Where several tenants claim a name, the one with the newest config has it: the
/// others can only be there because a newer version of them was refused.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    parts: Box<[Arc<Part>]>,
    hasher: RandomState,
    /// Who else claims a name; nearly always empty.
    rivals: HashMap<Box<str>, Vec<Arc<Tenant>>>,
}

type Part = HashMap<Box<str>, Arc<Tenant>>;

/// About 1,200 entries in each part at the largest size we plan for.
const PARTS: u64 = 256;

impl Directory {
    /// The tenant with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.parts[self.part_of(name)].get(name)
    }

    /// Lets a tenant claim a name that it does not claim yet.
    pub(super) fn enter(&mut self, name: &str, tenant: &Arc<Tenant>) {
        let mut winner = Arc::clone(tenant);
        if let Some(holder) = self.get(name).cloned() {
            let loser = if holder.rank() > winner.rank() {
                std::mem::replace(&mut winner, holder)
            } else {
                holder
            };
            self.rivals.entry(name.into()).or_default().push(loser);
        }
        let part = self.part_of(name);
        Arc::make_mut(&mut self.parts[part]).insert(name.into(), winner);
    }

    /// Takes a tenant's claim back; the next one's counts then.
    pub(super) fn leave(&mut self, name: &str, tenant: &Tenant) {
        let mut heir = None;
        if let Some(rivals) = self.rivals.get_mut(name) {
            rivals.retain(|rival| rival.uid != tenant.uid);
            rivals.sort_by_key(|rival| rival.rank());
            if self
                .get(name)
                .is_some_and(|holder| holder.uid == tenant.uid)
            {
                heir = self.rivals.get_mut(name).and_then(Vec::pop);
            }
            if self.rivals.get(name).is_some_and(Vec::is_empty) {
                self.rivals.remove(name);
            }
        }
        let part = self.part_of(name);
        let part = &mut self.parts[part];
        if part.get(name).is_none_or(|holder| holder.uid != tenant.uid) {
            return;
        }
        let part = Arc::make_mut(part);
        match heir {
            Some(heir) => drop(part.insert(name.into(), heir)),
            None => drop(part.remove(name)),
        }
    }

    fn part_of(&self, name: &str) -> usize {
        usize::try_from(self.hasher.hash_one(name) % PARTS).expect("less than PARTS")
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
            rivals: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proto::id::TenantUid;
    use uuid::Uuid;

    use super::*;
    use crate::config::snapshot::TenantSpec;

    #[test]
    fn a_copy_keeps_what_the_original_loses_and_shares_what_neither_changed() {
        let mut directory = Directory::default();
        for number in 0..1000 {
            directory.enter(&format!("name-{number}"), &tenant(number, 1));
        }
        let copy = directory.clone();
        directory.leave("name-7", &tenant(7, 1));

        assert_eq!(holder(&copy, "name-7"), Some(7));
        assert_eq!(holder(&directory, "name-7"), None);
        let mut parts = copy.parts.iter().zip(&directory.parts);
        assert!(
            parts
                .by_ref()
                .filter(|(one, other)| Arc::ptr_eq(one, other))
                .count()
                == 255
        );
    }

    #[test]
    fn the_newest_claim_to_a_name_counts_in_whatever_order_claims_come_and_go() {
        let (old, new) = (tenant(1, 5), tenant(2, 6));
        for order in [[&old, &new], [&new, &old]] {
            let mut directory = Directory::default();
            for claim in order {
                directory.enter("acme.test", claim);
            }
            assert_eq!(holder(&directory, "acme.test"), Some(2));
            let mut after = directory.clone();
            after.leave("acme.test", &new);
            assert_eq!(holder(&after, "acme.test"), Some(1));
            after.leave("acme.test", &old);
            assert_eq!(holder(&after, "acme.test"), None);
            directory.leave("acme.test", &old);
            assert_eq!(holder(&directory, "acme.test"), Some(2));
            assert!(directory.rivals.is_empty() && after.rivals.is_empty());
        }
    }

    fn tenant(number: u128, revision: u64) -> Arc<Tenant> {
        let spec = TenantSpec {
            uid: TenantUid::from_uuid(Uuid::from_u128(number)),
            slug: "acme".parse().unwrap(),
            canonical_origin: "https://acme.test".into(),
            alias_origins: Vec::new(),
            allowed_origins: HashSet::new(),
            authenticators: Arc::default(),
            limits: None,
            look: Arc::new(look::Look::new(
                "Acme",
                &proto::access::v1::Branding::default(),
            )),
            signing_keys: [].into(),
            revocation_grace: std::time::Duration::from_mins(10),
        };
        Arc::new(Tenant::new(spec, Arc::default()).with_revision(revision))
    }

    fn holder(directory: &Directory, name: &str) -> Option<u128> {
        Some(directory.get(name)?.uid.uuid().as_u128())
    }
}
