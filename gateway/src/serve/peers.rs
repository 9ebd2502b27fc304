//! How many connections each address has, over all cores.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
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
        let address = household(address);
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

/// What counts as one address: in IPv6 a network of 64 bits, which any one machine may have whole.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
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

    /// RX-11: whoever has one IPv6 address has 2^64 of them.
    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let peers = Peers::new(1);
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let held = peers.enter(at("2001:db8::1")).unwrap();
        assert!(peers.enter(at("2001:db8::ffff:0:0:2")).is_none());
        assert!(peers.enter(at("2001:db8:0:1::1")).is_some());
        let mapped = peers.enter(at("::ffff:192.0.2.1")).unwrap();
        assert!(peers.enter(at("192.0.2.1")).is_none());
        assert!(peers.enter(at("192.0.2.2")).is_some());
        drop((held, mapped));
        assert!(peers.open.lock().unwrap().is_empty());
    }
}
