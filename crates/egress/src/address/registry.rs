//! The IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as of 2025-10.
//!
//! <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! `…/iana-ipv6-special-registry`: the column *Globally Reachable*, where *N/A* counts as no. The
//! longest prefix rules. Added: the multicast blocks, and that of IPv6 only `2000::/3` is handed
//! out as global unicast (RFC 4291 §2.4).

use std::net::{Ipv4Addr, Ipv6Addr};

use self::Reach::{Global, Not};

/// What the registry says of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Global,
    Not,
}

pub(super) fn reachable_v4(address: Ipv4Addr) -> bool {
    let rule = V4.iter().filter(|(block, prefix, _)| {
        (block.to_bits() ^ address.to_bits()).leading_zeros() >= *prefix
    });
    rule.max_by_key(|(_, prefix, _)| prefix)
        .is_none_or(|(_, _, reach)| *reach == Global)
}

pub(super) fn reachable_v6(address: Ipv6Addr) -> bool {
    let rule = V6.iter().filter(|(block, prefix, _)| {
        (block.to_bits() ^ address.to_bits()).leading_zeros() >= *prefix
    });
    rule.max_by_key(|(_, prefix, _)| prefix)
        .is_some_and(|(_, _, reach)| *reach == Global)
}

/// Block, prefix length, reach. What no block holds is ordinary unicast.
const V4: [(Ipv4Addr, u32, Reach); 26] = [
    (Ipv4Addr::UNSPECIFIED, 8, Not),              // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8, Not),         // private use
    (Ipv4Addr::new(100, 64, 0, 0), 10, Not),      // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8, Not),        // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16, Not),     // link local
    (Ipv4Addr::new(172, 16, 0, 0), 12, Not),      // private use
    (Ipv4Addr::new(192, 0, 0, 0), 24, Not),       // IETF protocol assignments
    (Ipv4Addr::new(192, 0, 0, 0), 29, Not),       // IPv4 service continuity
    (Ipv4Addr::new(192, 0, 0, 8), 32, Not),       // dummy address
    (Ipv4Addr::new(192, 0, 0, 9), 32, Global),    // port control protocol anycast
    (Ipv4Addr::new(192, 0, 0, 10), 32, Global),   // TURN anycast
    (Ipv4Addr::new(192, 0, 0, 170), 31, Not),     // NAT64 discovery
    (Ipv4Addr::new(192, 0, 2, 0), 24, Not),       // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24, Global), // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24, Global), // AMT
    (Ipv4Addr::new(192, 88, 99, 0), 24, Not),     // 6to4 relay anycast, withdrawn
    (Ipv4Addr::new(192, 88, 99, 2), 32, Not),     // 6a44 relay anycast
    (Ipv4Addr::new(192, 168, 0, 0), 16, Not),     // private use
    (Ipv4Addr::new(192, 175, 48, 0), 24, Global), // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15, Not),      // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24, Not),    // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24, Not),     // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4, Not),        // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4, Not),        // reserved
    (Ipv4Addr::BROADCAST, 32, Not),               // limited broadcast
    (Ipv4Addr::UNSPECIFIED, 32, Not),             // this host
];

/// Block, prefix length, reach. What no block holds is not handed out.
const V6: [(Ipv6Addr, u32, Reach); 28] = [
    (v6([0x2000, 0, 0, 0, 0, 0, 0, 0]), 3, Global), // global unicast
    (v6([0, 0, 0, 0, 0, 0, 0, 1]), 128, Not),       // loopback
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 128, Not),       // unspecified
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0]), 96, Not),   // IPv4-mapped
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]), 96, Global), // NAT64
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, Not), // NAT64, local use
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0]), 64, Not),    // discard only
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0]), 64, Not),    // dummy prefix
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, Not),   // IETF protocol assignments
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, Not),   // Teredo
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 1]), 128, Global), // port control protocol anycast
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 2]), 128, Global), // TURN anycast
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 3]), 128, Global), // DNS-SD registration anycast
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0]), 48, Not),   // benchmarking
    (v6([0x2001, 3, 0, 0, 0, 0, 0, 0]), 32, Global), // AMT
    (v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0]), 48, Global), // AS112
    (v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0]), 28, Not), // ORCHID, withdrawn
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0]), 28, Global), // ORCHIDv2
    (v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0]), 28, Global), // drone remote id
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, Not), // documentation
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, Not),   // 6to4
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0]), 48, Global), // AS112
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, Not),   // documentation
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0]), 16, Not),   // segment routing
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, Not),    // unique local
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, Not),   // link local
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, Not),   // site local, withdrawn
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, Not),    // multicast
];

const fn v6(segments: [u16; 8]) -> Ipv6Addr {
    Ipv6Addr::from_segments(segments)
}
