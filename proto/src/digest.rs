//! The order-free hash of what a node holds: both ends of the config stream keep it and compare it
//! at every heartbeat, so that a silent divergence is found (`sync.v1.Digest`).

use aws_lc_rs::digest::{SHA256, digest};

/// Sum modulo 2^128 of one term per resource, with their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetDigest {
    count: u64,
    sum: u128,
}

impl SetDigest {
    /// Adds a resource at the revision that last changed it.
    pub fn add(&mut self, name: &str, revision: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(term(name, revision));
    }

    /// Takes out a resource that was added at this revision.
    pub fn remove(&mut self, name: &str, revision: u64) {
        self.count -= 1;
        self.sum = self.sum.wrapping_sub(term(name, revision));
    }

    /// How many resources it covers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// As it travels: 16 bytes, little endian.
    pub fn sum(&self) -> [u8; 16] {
        self.sum.to_le_bytes()
    }
}

/// The first 16 bytes of SHA-256(name ‖ 0x00 ‖ revision).
fn term(name: &str, revision: u64) -> u128 {
    let mut input = Vec::with_capacity(name.len() + 9);
    input.extend_from_slice(name.as_bytes());
    input.push(0);
    input.extend_from_slice(&revision.to_le_bytes());
    let hash = digest(&SHA256, &input);
    let mut head = [0; 16];
    head.copy_from_slice(&hash.as_ref()[..16]);
    u128::from_le_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_changes_leaves_no_trace() {
        let (mut one, mut other) = (SetDigest::default(), SetDigest::default());
        one.add("tenants/a", 1);
        one.add("tenants/b", 2);
        one.remove("tenants/a", 1);
        one.add("tenants/a", 3);
        other.add("tenants/a", 3);
        other.add("tenants/b", 2);
        assert_eq!(one, other);
        assert_eq!(one.count(), 2);
    }

    #[test]
    fn name_and_revision_both_count() {
        let of = |name, revision| {
            let mut digest = SetDigest::default();
            digest.add(name, revision);
            digest.sum()
        };
        assert_ne!(of("tenants/a", 1), of("tenants/a", 2));
        assert_ne!(of("tenants/a", 1), of("tenants/b", 1));
    }
}
