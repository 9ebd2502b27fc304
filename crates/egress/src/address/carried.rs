//! The IPv4 addresses that an IPv6 address may carry: a translator or tunnel on the way would
//! connect to those.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Every IPv4 address that a reader of this address could find in it.
///
/// Mapped and compatible (RFC 4291 §2.5.5), translated (RFC 2765), NAT64 with the well-known prefix
/// (RFC 6052) and in every layout that fits the local-use one (RFC 8215), 6to4 (RFC 3056), Teredo's
/// server and client (RFC 4380), ISATAP (RFC 5214).
pub(crate) fn carried(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let s = address.segments();
    let o = address.octets();
    let last = v4(s[6], s[7]);
    let of_form: [Option<Ipv4Addr>; 5] = match s {
        // ::/96 holds the unspecified and the loopback address too, which carry nothing.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None; 5],
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => one(last),
        // RFC 6052 §2.2, prefixes of 48, 56, 64 and 96 bits; octet 8 is skipped.
        [0x64, 0xff9b, 1, ..] => [
            Some(Ipv4Addr::new(o[6], o[7], o[9], o[10])),
            Some(Ipv4Addr::new(o[7], o[9], o[10], o[11])),
            Some(Ipv4Addr::new(o[9], o[10], o[11], o[12])),
            Some(last),
            None,
        ],
        [0x2002, a, b, ..] => one(v4(a, b)),
        [0x2001, 0, a, b, ..] => [Some(v4(a, b)), Some(v4(!s[6], !s[7])), None, None, None],
        _ => [None; 5],
    };
    let isatap = matches!(s[4] & !0x0200, 0) && s[5] == 0x5efe;
    of_form.into_iter().flatten().chain(isatap.then_some(last))
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

const fn one(address: Ipv4Addr) -> [Option<Ipv4Addr>; 5] {
    [Some(address), None, None, None, None]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_unwrapped() {
        let cases = [
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::10.1.2.3", "10.1.2.3"),
            ("::ffff:0:10.1.2.3", "10.1.2.3"),
            ("64:ff9b::10.1.2.3", "10.1.2.3"),
            ("64:ff9b:1:a01:2:300::", "10.1.2.3"),
            ("64:ff9b:1:0a:1:203::", "10.1.2.3"),
            ("64:ff9b:1:0:a:102:300::", "10.1.2.3"),
            ("64:ff9b:1::10.1.2.3", "10.1.2.3"),
            ("2002:a01:203::1", "10.1.2.3"),
            ("2001:0:a01:203::", "10.1.2.3"),
            ("2001:0:808:808::f5fe:fdfc", "10.1.2.3"),
            ("2a00:1::5efe:10.1.2.3", "10.1.2.3"),
            ("2a00:1::200:5efe:10.1.2.3", "10.1.2.3"),
        ];
        for (text, expected) in cases {
            let expected: Ipv4Addr = expected.parse().unwrap();
            assert!(
                carried(text.parse().unwrap()).any(|found| found == expected),
                "{text}"
            );
        }
    }

    #[test]
    fn other_addresses_carry_nothing() {
        for text in [
            "::",
            "::1",
            "2a00:1450:4001:80b::200e",
            "2001:1::a01:203",
            "fe80::a01:203",
            "64:ff9c::a01:203",
        ] {
            assert_eq!(carried(text.parse().unwrap()).count(), 0, "{text}");
        }
    }
}
