//! Credentials to present to servers, ready to attach. They live in memory only; the value is wiped
//! when the last holder drops it, and no `Debug` shows it. Which lease goes with which version of a
//! server is decided in `super::replica`.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// A credential that may be sent to one origin, as a header.
pub struct Lease {
    /// Grows with every change of the credential.
    pub generation: u64,
    /// The header to set.
    pub header_name: HeaderName,
    /// Its value; marked sensitive.
    pub header_value: HeaderValue,
    /// The only origin it may be sent to.
    pub origin: egress::Origin,
    /// Seconds since the epoch, so that a renewal needs no new snapshot.
    not_after: AtomicU64,
    /// Seconds since the epoch after which no grace helps: the controller took it back.
    withdrawn_at: AtomicU64,
}

/// The value cannot be sent in a header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a header value")]
pub struct InvalidValue;

impl Lease {
    /// A lease to be renewed by `not_after`. The value is copied to memory that is wiped when the
    /// last clone of the header value is dropped.
    pub fn new(
        generation: u64,
        (header_name, value): (HeaderName, &[u8]),
        origin: egress::Origin,
        not_after: SystemTime,
    ) -> Result<Self, InvalidValue> {
        let wiped = Bytes::from_owner(Zeroizing::new(value.to_vec()));
        let mut header_value = HeaderValue::from_maybe_shared(wiped).map_err(|_| InvalidValue)?;
        header_value.set_sensitive(true);
        Ok(Self {
            generation,
            header_name,
            header_value,
            origin,
            not_after: AtomicU64::new(seconds(not_after)),
            withdrawn_at: AtomicU64::new(u64::MAX),
        })
    }

    /// Whether it may be attached: until its time, and for the grace after it, because a controller
    /// that cannot be reached must not cost a request.
    pub fn usable(&self, now: SystemTime, grace: Duration) -> bool {
        let now = seconds(now);
        let until = self.not_after.load(Ordering::Relaxed);
        now < until.saturating_add(grace.as_secs())
            && now < self.withdrawn_at.load(Ordering::Relaxed)
    }

    /// The same credential for longer.
    pub(super) fn renew(&self, not_after: SystemTime) {
        self.not_after.store(seconds(not_after), Ordering::Relaxed);
        self.withdrawn_at.store(u64::MAX, Ordering::Relaxed);
    }

    /// The controller took it back: whoever still serves with it has until then to get the config
    /// that goes with that.
    pub(super) fn withdraw(&self, until: SystemTime) {
        self.withdrawn_at
            .fetch_min(seconds(until), Ordering::Relaxed);
    }

    /// Whether both present the same thing to the same place.
    pub(super) fn same_credential(&self, other: &Self) -> bool {
        self.generation == other.generation
            && self.header_name == other.header_name
            && self.header_value == other.header_value
            && self.origin == other.origin
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("generation", &self.generation)
            .field("header_name", &self.header_name)
            .field("origin", &self.origin)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
