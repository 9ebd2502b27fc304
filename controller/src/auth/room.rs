//! Room for so many at once: altogether, of each tenant and of each network, so that nobody has all of
//! it. Whoever leaves makes room; nobody waits here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Where so many may be. Clones are the same room.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Inner>);

/// How many may be there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Altogether.
    pub(crate) all: usize,
    /// Of one tenant.
    pub(crate) tenant: usize,
    /// Of one network.
    pub(crate) network: usize,
}

/// Somebody's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Room,
    parties: [Party; 3],
}

#[derive(Debug)]
struct Inner {
    size: Size,
    taken: Mutex<HashMap<Party, usize>>,
}

/// For whom places are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Party {
    Everybody,
    Tenant(String),
    Network(String),
}

impl Room {
    /// An empty one.
    pub(crate) fn new(size: Size) -> Self {
        Self(Arc::new(Inner {
            size,
            taken: Mutex::default(),
        }))
    }

    /// A place for somebody in this network who is about this tenant; `None` while there is none.
    pub(crate) fn enter(&self, tenant: &str, network: &str) -> Option<Seat> {
        let parties = [
            Party::Everybody,
            Party::Tenant(tenant.to_owned()),
            Party::Network(network.to_owned()),
        ];
        let mut taken = self.taken();
        let is_full = |party| {
            let most = self.most(party);
            taken.get(party).is_some_and(|taken| *taken >= most)
        };
        if parties.iter().any(is_full) {
            return None;
        }
        for party in &parties {
            *taken.entry(party.clone()).or_default() += 1;
        }
        drop(taken);
        let room = self.clone();
        Some(Seat { room, parties })
    }

    fn most(&self, party: &Party) -> usize {
        match party {
            Party::Everybody => self.0.size.all,
            Party::Tenant(_) => self.0.size.tenant,
            Party::Network(_) => self.0.size.network,
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Party, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        for party in &self.parties {
            if let Some(count) = taken.get_mut(party) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(party);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A25: neither a network nor a tenant has all of it, and who leaves makes room.
    #[test]
    fn nobody_takes_the_room_of_others() {
        let room = Room::new(Size {
            all: 6,
            tenant: 4,
            network: 2,
        });
        let mut seats: Vec<_> = (0..2).map(|_| room.enter("acme", "a").unwrap()).collect();
        assert!(room.enter("acme", "a").is_none());
        assert!(room.enter("other", "a").is_none(), "a network is one");
        seats.extend((0..2).map(|_| room.enter("acme", "b").unwrap()));
        assert!(room.enter("acme", "c").is_none(), "a tenant is one");
        seats.push(room.enter("other", "c").unwrap());
        drop(seats.pop());
        seats.extend((0..2).map(|_| room.enter("other", "c").unwrap()));
        assert!(room.enter("third", "d").is_none(), "it is full");
        seats.clear();
        assert!(room.taken().is_empty());
    }
}
