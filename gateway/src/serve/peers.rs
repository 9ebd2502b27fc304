//! How many connections each address has, over all cores.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The count per address.
#[derive(Debug)]
pub struct Peers {
    limit: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// One counted connection; dropping it counts it out.
#[derive(Debug)]
pub(super) struct Counted {
    address: IpAddr,
    peers: Arc<Peers>,
}

impl Peers {
    /// At most `limit` connections per address.
    pub fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            limit,
            open: Mutex::default(),
        })
    }

    /// Counts a connection, unless its address has the most it may have.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let address = address.to_canonical();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Counted {
            address,
            peers: Arc::clone(self),
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self
            .peers
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RX-11
    #[test]
    fn an_address_has_no_more_connections_than_its_limit() {
        let peers = Peers::new(2);
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let held = [peers.enter(one).unwrap(), peers.enter(one).unwrap()];
        assert!(peers.enter(one).is_none());
        assert!(peers.enter(other).is_some());
        drop(held);
        assert!(peers.enter(one).is_some());
        assert!(peers.open.lock().unwrap().is_empty());
    }
}
