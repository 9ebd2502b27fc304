//! How fast anything may be guessed: after a few free attempts each costs a pause, twice as long as the
//! one before, and never for good: with each hour, those before count half. An attempt is counted
//! before it is made.

use std::net::{IpAddr, Ipv6Addr};

use aws_lc_rs::digest::{Context, SHA256};

pub(crate) use crate::store::attempt::Pace;
use crate::store::{OneTenant, StoreError, Tx};

/// Counts an attempt that is about to be made. `Some` is how many seconds are left of a pause: it must
/// not be made.
pub(crate) async fn count(
    tx: &mut Tx<OneTenant>,
    what: &[&str],
    pace: Pace,
) -> Result<Option<u64>, StoreError> {
    tx.count_attempt(&hash(what), pace).await
}

/// Takes one attempt back that was no guess.
pub(crate) async fn forgive(tx: &mut Tx<OneTenant>, what: &[&str]) -> Result<(), StoreError> {
    tx.forgive_attempt(&hash(what)).await
}

/// Starts counting anew.
pub(crate) async fn forget(tx: &mut Tx<OneTenant>, what: &[&str]) -> Result<(), StoreError> {
    tx.forget_attempts(&hash(what)).await
}

/// Remembers a success, for 90 days.
pub(crate) async fn remember(tx: &mut Tx<OneTenant>, what: &[&str]) -> Result<(), StoreError> {
    tx.remember_success(&hash(what)).await
}

/// Whether a success is remembered.
pub(crate) async fn is_remembered(
    tx: &mut Tx<OneTenant>,
    what: &[&str],
) -> Result<bool, StoreError> {
    tx.is_success_remembered(&hash(what)).await
}

/// The network of a caller: what one customer of a network operator has. Of IPv6 that is a /64.
pub(crate) fn network(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Each part with its length before it, so that no two lists are alike.
fn hash(what: &[&str]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in what {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    *digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_network_whatever_the_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }

    #[test]
    fn lists_of_other_parts_are_other_things() {
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
        assert_ne!(hash(&["ab", ""]), hash(&["a", "b"]));
        assert_ne!(hash(&["a"]), hash(&["a", ""]));
    }
}
