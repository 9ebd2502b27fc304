//! Which addresses are public: an allow-list, "globally reachable" by the IANA special-purpose
//! address registries.
//!
//! The standard library has no such test. Also here: the IPv4 address that an IPv6 address carries,
//! and the addresses of cloud metadata services. What an operator allows besides is `policy`'s
//! business.

mod carried;
mod registry;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) use self::carried::carried;

/// Whether the whole internet agrees on what this address is: a public unicast address, not
/// carrying one that is none.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => registry::reachable_v4(v4),
        IpAddr::V6(v6) => registry::reachable_v6(v6) && carried(v6).all(registry::reachable_v4),
    }
}

/// Addresses at which a cloud hands out credentials of the machine itself. Some are public by the
/// registries.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => METADATA_V6.contains(&v6),
    }
}

/// Addresses that are no other host: connecting to the unspecified address reaches this machine,
/// the others reach many.
pub(crate) fn is_never_a_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    }
}

const METADATA_V4: [Ipv4Addr; 9] = [
    Ipv4Addr::new(169, 254, 169, 254), // AWS, Azure, Google, DigitalOcean, Oracle, Hetzner, OpenStack
    Ipv4Addr::new(169, 254, 169, 253), // AWS name server of a VPC
    Ipv4Addr::new(169, 254, 170, 2),   // AWS ECS task credentials
    Ipv4Addr::new(169, 254, 170, 23),  // AWS EKS pod identity
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent
    Ipv4Addr::new(169, 254, 42, 42),   // Scaleway
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(168, 63, 129, 16),   // Azure wire server; public by the registries
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle Cloud Classic
];

const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),  // AWS EKS pod identity
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),   // Scaleway
];

#[cfg(test)]
mod tests;
