//! How what is revoked is named: in the table, on the config stream and in Redis an id is the first
//! 16 bytes of the SHA-256 of its text (`sync.v1.Revocation`).

use aws_lc_rs::digest::{SHA256, digest};

/// The name of something revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortHash([u8; 16]);

impl ShortHash {
    /// Of an id's text: a uid, a `jti`, a `client_id`, a kid.
    pub fn of(id: &str) -> Self {
        let mut head = [0; 16];
        head.copy_from_slice(&digest(&SHA256, id.as_bytes()).as_ref()[..16]);
        Self(head)
    }

    /// As it came; none if it has another length.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().map(Self).ok()
    }

    /// As it travels.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The stream in Redis: each revocation is an entry with the id `{sequence}-0` and the fields
/// [`field::EPOCH`], [`field::AFTER`] and [`field::REVOCATION`].
pub const STREAM: &str = "aldgate:revocations";

/// The hash in Redis that says what is in the stream, and that a controller compared it with the
/// database.
pub const MARKER: &str = "aldgate:revocations:marker";

/// The fields of both.
pub mod field {
    /// The epoch of config in which revocations are numbered.
    pub const EPOCH: &str = "epoch";
    /// Of an entry: the number of the entry before it. What is between the two has expired.
    pub const AFTER: &str = "after";
    /// Of an entry: the encoded `sync.v1.Revocation`; empty where the last ones have expired.
    pub const REVOCATION: &str = "revocation";
    /// Of the marker: every revocation numbered lower has expired.
    pub const BASE: &str = "base";
    /// Of the marker: the number of the last entry.
    pub const LAST: &str = "last";
    /// Of the marker: when a controller last found that the database has no more, in milliseconds by
    /// the clock of Redis.
    pub const TIME: &str = "time";
    /// Of the marker: the run id of the Redis in which it did so.
    pub const RUN: &str = "run";
    /// Of the marker: which making of the stream this is.
    pub const BUILT: &str = "built";
    /// Of the marker: how many entries the stream has.
    pub const COUNT: &str = "count";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_hash_is_the_head_of_the_hash_and_travels_unchanged() {
        let hash = ShortHash::of("abc");
        assert_eq!(hash.bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(ShortHash::read(hash.bytes()), Some(hash));
        assert_eq!(ShortHash::read(&hash.bytes()[..15]), None);
    }
}
