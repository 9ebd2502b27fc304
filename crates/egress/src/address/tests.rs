use std::net::IpAddr;

use ipnet::IpNet;

use super::*;

/// security.md §3.3 item 7: both registries as IANA publishes them, typed again from their own
/// notation.
#[test]
fn the_classifier_agrees_with_the_registries_at_every_boundary() {
    let registry: Vec<(IpNet, bool)> = REGISTRY
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(block, reachable)| (block.parse().unwrap(), reachable.trim() == "True"))
        .collect();
    assert_eq!(registry.len(), 55);

    let mut checked = 0;
    for (block, _) in &registry {
        for address in around(*block) {
            let rule = registry
                .iter()
                .filter(|(block, _)| block.contains(&address));
            let rule = rule.max_by_key(|(block, _)| block.prefix_len());
            let expected = rule.is_some_and(|(_, reachable)| *reachable);
            let found = match address {
                IpAddr::V4(v4) => registry::reachable_v4(v4),
                IpAddr::V6(v6) => registry::reachable_v6(v6),
            };
            assert_eq!(found, expected, "{address}, beside {block}");
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn well_known_addresses_are_what_everybody_knows() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "100.128.0.0",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
    for text in [
        "2606:4700::1111",
        "2a00:1450:4001:80b::200e",
        "64:ff9b::8.8.8.8",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
    for text in [
        "::1",
        "::",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
        "2001::808:808",
        "4000::1",
        "fec0::1",
    ] {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn an_address_that_carries_a_private_one_is_not_public() {
    for text in [
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "2a00:1::5efe:10.0.0.1",
    ] {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
}

/// The first and last address of a block and their neighbours outside.
fn around(block: IpNet) -> Vec<IpAddr> {
    match block {
        IpNet::V4(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            let all = [
                first.checked_sub(1),
                Some(first),
                Some(last),
                last.checked_add(1),
            ];
            all.into_iter()
                .flatten()
                .map(|bits| Ipv4Addr::from_bits(bits).into())
                .collect()
        }
        IpNet::V6(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            let all = [
                first.checked_sub(1),
                Some(first),
                Some(last),
                last.checked_add(1),
            ];
            all.into_iter()
                .flatten()
                .map(|bits| Ipv6Addr::from_bits(bits).into())
                .collect()
        }
    }
}

/// Block and *Globally Reachable*. The first lines are not in the registries: what is ordinary
/// unicast, and multicast.
const REGISTRY: &str = "
    0.0.0.0/0 True
    2000::/3 True
    224.0.0.0/4 False
    ff00::/8 False
    0.0.0.0/8 False
    0.0.0.0/32 False
    10.0.0.0/8 False
    100.64.0.0/10 False
    127.0.0.0/8 False
    169.254.0.0/16 False
    172.16.0.0/12 False
    192.0.0.0/24 False
    192.0.0.0/29 False
    192.0.0.8/32 False
    192.0.0.9/32 True
    192.0.0.10/32 True
    192.0.0.170/32 False
    192.0.0.171/32 False
    192.0.2.0/24 False
    192.31.196.0/24 True
    192.52.193.0/24 True
    192.88.99.0/24 N/A
    192.88.99.2/32 False
    192.168.0.0/16 False
    192.175.48.0/24 True
    198.18.0.0/15 False
    198.51.100.0/24 False
    203.0.113.0/24 False
    240.0.0.0/4 False
    255.255.255.255/32 False
    ::1/128 False
    ::/128 False
    ::ffff:0:0/96 False
    64:ff9b::/96 True
    64:ff9b:1::/48 False
    100::/64 False
    100:0:0:1::/64 False
    2001::/23 False
    2001::/32 N/A
    2001:1::1/128 True
    2001:1::2/128 True
    2001:1::3/128 True
    2001:2::/48 False
    2001:3::/32 True
    2001:4:112::/48 True
    2001:10::/28 N/A
    2001:20::/28 True
    2001:30::/28 True
    2001:db8::/32 False
    2002::/16 N/A
    2620:4f:8000::/48 True
    3fff::/20 False
    5f00::/16 False
    fc00::/7 False
    fe80::/10 False
";
