//! The gauges of principals that config does not list: users of sessions and tokens, by id. A gauge
//! is here while somebody holds it, so the table is as large as what is open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use uuid::Uuid;

use super::Gauge;

/// One tenant's table, shared by all cores.
#[derive(Debug, Default)]
pub struct Gauges {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by_principal: HashMap<Uuid, Weak<Gauge>>,
    /// At this size, the dead are looked for.
    sweep_at: usize,
}

/// Principals of one tenant with something open on this node. A request of more than these is
/// refused: nobody could say how much they have open.
const MOST: usize = 1 << 16;

/// Below this, looking for the dead is not worth it.
const FEW: usize = 64;

impl Gauges {
    /// The gauge of a principal; none when too many others have something open.
    pub fn of(&self, principal: Uuid) -> Option<Arc<Gauge>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gauge) = held.by_principal.get(&principal).and_then(Weak::upgrade) {
            return Some(gauge);
        }
        held.sweep();
        if held.by_principal.len() >= MOST {
            return None;
        }
        let gauge = Arc::new(Gauge::default());
        held.by_principal.insert(principal, Arc::downgrade(&gauge));
        Some(gauge)
    }
}

impl Held {
    /// Each sweep halves the table at least or lets it double before the next, so that a call pays
    /// for a few entries only.
    fn sweep(&mut self) {
        if self.by_principal.len() < self.sweep_at.max(FEW) {
            return;
        }
        self.by_principal
            .retain(|_, gauge| gauge.strong_count() > 0);
        self.sweep_at = (self.by_principal.len() * 2).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_has_one_gauge_while_it_has_something_open() {
        let gauges = Gauges::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held = gauges.of(one).unwrap();
        assert!(Arc::ptr_eq(&held, &gauges.of(one).unwrap()));
        assert!(!Arc::ptr_eq(&held, &gauges.of(other).unwrap()));
    }

    /// RX-11: ids that come once leave nothing behind.
    #[test]
    fn the_table_is_no_larger_than_what_is_open_asks_for() {
        let gauges = Gauges::default();
        let held = gauges.of(Uuid::from_u128(0)).unwrap();
        for number in 1..10_000 {
            drop(gauges.of(Uuid::from_u128(number)));
        }
        assert!(gauges.held.lock().unwrap().by_principal.len() <= FEW);
        assert!(Arc::ptr_eq(&held, &gauges.of(Uuid::from_u128(0)).unwrap()));
    }

    #[test]
    fn beyond_the_most_principals_nobody_new_gets_in() {
        let gauges = Gauges::default();
        let mut held: Vec<_> = (0..MOST as u128)
            .map(|number| gauges.of(Uuid::from_u128(number)).unwrap())
            .collect();
        let newcomer = Uuid::from_u128(MOST as u128);
        assert!(gauges.of(newcomer).is_none());
        assert!(gauges.of(Uuid::from_u128(1)).is_some());
        held.truncate(MOST / 2);
        assert!(gauges.of(newcomer).is_some());
    }
}
