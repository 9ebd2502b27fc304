use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

#[test]
fn public_addresses_are_permitted() {
    for text in [
        "8.8.8.8",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(judge(&Policy::public_only(), text, 443), Ok(()), "{text}");
    }
}

/// SS-01, SS-04: also when the operator allows every network, and in every form that carries the
/// address.
#[test]
fn metadata_services_are_refused_whatever_is_allowed() {
    let everything = Policy::allowing([net("0.0.0.0/0"), net("::/0")], []);
    assert_eq!(judge(&everything, "169.254.1.1", 80), Ok(()));
    for text in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "168.63.129.16",
        "100.100.100.200",
    ] {
        assert_eq!(
            judge(&everything, text, 80),
            Err(Refusal::Metadata),
            "{text}"
        );
        assert_eq!(
            judge(&Policy::public_only(), text, 80),
            Err(Refusal::Metadata),
            "{text}"
        );
    }
}

/// SS-02, SS-05
#[test]
fn inner_addresses_are_refused_until_the_operator_allows_them() {
    let inner = [
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.1",
    ];
    let networks = [
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fd00::/8",
        "fe80::/10",
    ];
    let open = Policy::allowing(networks.map(net), []);
    for text in inner {
        assert_eq!(
            judge(&Policy::public_only(), text, 443),
            Err(Refusal::NotPublic),
            "{text}"
        );
        assert_eq!(judge(&open, text, 443), Ok(()), "{text}");
    }
}

/// SS-02: the unspecified address connects to this machine, so an allowed network must not reach a
/// denied service by it.
#[test]
fn what_is_no_host_is_refused_whatever_is_allowed() {
    let everything = Policy::allowing([net("0.0.0.0/0"), net("::/0")], []);
    for text in [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "::ffff:0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
    ] {
        assert_eq!(
            judge(&everything, text, 443),
            Err(Refusal::NotPublic),
            "{text}"
        );
    }
}

/// SS-16
#[test]
fn ports_of_other_protocols_are_refused_on_public_addresses_only() {
    let policy = Policy::allowing([net("10.0.0.0/8")], []);
    for port in [22, 25, 5432, 6379] {
        assert_eq!(
            judge(&policy, "8.8.8.8", port),
            Err(Refusal::Port),
            "{port}"
        );
        assert_eq!(judge(&policy, "10.0.0.1", port), Ok(()), "{port}");
    }
    assert_eq!(judge(&policy, "8.8.8.8", 8080), Ok(()));
}

/// SS-17
#[test]
fn the_own_cluster_is_refused_although_its_network_is_allowed_or_public() {
    let denied = ["10.0.0.5:5432", "10.1.0.0/16", "8.8.4.4", "[fd00::5]:80"]
        .map(|text| text.parse().unwrap());
    let policy = Policy::allowing(
        [net("10.0.0.0/8"), net("fd00::/8"), net("64:ff9b:1::/48")],
        denied,
    );

    assert_eq!(judge(&policy, "10.0.0.5", 80), Ok(()));
    assert_eq!(judge(&policy, "10.0.0.5", 5432), Err(Refusal::OwnCluster));
    assert_eq!(
        judge(&policy, "::ffff:10.0.0.5", 5432),
        Err(Refusal::OwnCluster)
    );
    assert_eq!(
        judge(&policy, "64:ff9b:1::10.0.0.5", 5432),
        Err(Refusal::OwnCluster)
    );
    assert_eq!(judge(&policy, "10.1.2.3", 80), Err(Refusal::OwnCluster));
    assert_eq!(judge(&policy, "8.8.4.4", 443), Err(Refusal::OwnCluster));
    assert_eq!(judge(&policy, "fd00::5", 80), Err(Refusal::OwnCluster));
    assert_eq!(judge(&policy, "fd00::5", 81), Ok(()));
}

/// SS-17
#[test]
fn a_denied_loopback_address_stands_for_all_of_them() {
    let policy = Policy::allowing(
        [net("127.0.0.0/8"), net("::1/128")],
        ["127.0.0.1:5432".parse().unwrap()],
    );
    for text in [
        "127.0.0.1",
        "127.0.0.2",
        "127.1.2.3",
        "::1",
        "::ffff:127.0.0.1",
    ] {
        assert_eq!(judge(&policy, text, 8000), Ok(()), "{text}");
        assert_eq!(
            judge(&policy, text, 5432),
            Err(Refusal::OwnCluster),
            "{text}"
        );
    }
}

#[test]
fn what_is_denied_is_read_from_text() {
    for text in [
        "10.0.0.0/8",
        "10.0.0.5",
        "10.0.0.5:5432",
        "fd00::/8",
        "fd00::5",
        "[fd00::5]:5432",
    ] {
        assert!(text.parse::<Denied>().is_ok(), "{text}");
    }
    for text in [
        "",
        "db.internal",
        "10.0.0.5:",
        "10.0.0.5:x",
        "10.0.0.0/33",
        "fd00::5:5432:",
    ] {
        assert_eq!(text.parse::<Denied>(), Err(InvalidDenied), "{text}");
    }
}

proptest! {
    #[test]
    fn no_ipv6_form_opens_what_is_closed_as_ipv4(bits: u32, port: u16) {
        let v4 = Ipv4Addr::from_bits(bits);
        let policy = Policy::public_only();
        let plain = policy.permits(v4.into(), port);
        let low = u128::from(bits);
        let forms = [
            0xffff_0000_0000 | low,
            low,
            0x64_ff9b << 96 | low,
            0x64_ff9b_0001 << 80 | low,
            0x2002 << 112 | low << 80,
            0x2001_0000 << 96 | low << 64,
            0x2001_0000_0808_0808 << 64 | u128::from(!bits),
        ];
        for form in forms {
            let form = policy.permits(Ipv6Addr::from_bits(form).into(), port);
            prop_assert!(form.is_err() || plain.is_ok());
        }
    }
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn judge(policy: &Policy, ip: &str, port: u16) -> Result<(), Refusal> {
    policy.permits(ip.parse().unwrap(), port)
}
