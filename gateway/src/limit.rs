//! How much: calls per time, and in-flight calls and open streams per principal and per tenant.
//! Calls per time are counted over all nodes (`limiter`), what is open on this node only.

pub mod bucket;
mod gauges;
mod keeper;
pub mod key;
pub mod lease;
mod limiter;
mod meters;
#[cfg(test)]
mod model;
pub mod rate;
mod redis;
mod share;
mod table;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

pub use self::{
    gauges::Gauges,
    keeper::Keeper,
    key::Subject,
    limiter::{Denied, Limiter, RateSettings},
    rate::Limits,
    share::Part,
    table::Bounds,
};

use crate::{error::Error, policy::Permit};

/// How much may be open at once, on this node.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Calls in flight per principal.
    pub inflight_per_principal: u32,
    /// Calls in flight per tenant.
    pub inflight_per_tenant: u32,
    /// Long-lived streams per principal.
    pub streams_per_principal: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            inflight_per_principal: 64,
            inflight_per_tenant: 1000,
            streams_per_principal: 16,
        }
    }
}

/// Room for one call. The reply's body owns it; dropping it gives the room back.
#[derive(Debug)]
#[must_use]
pub struct Slot {
    _units: [Unit; 2],
}

/// Takes room for the call: first among what is open, then of every limit that counts it. What asks
/// for nothing, such as a notification, counts as open only.
pub async fn take(
    permit: &Permit,
    settings: &LimitSettings,
    limiter: &Limiter,
    defaults: &Arc<Limits>,
) -> Result<Slot, Error> {
    let slot = open(permit, settings)?;
    let limits = Limits::of_tenant(permit.caller().tenant().limits(), defaults);
    if permit.call().expects_message() && !limits.is_empty() {
        let taken = limiter.take(&Subject::of(permit), limits).await;
        taken.map_err(|denied| Error::RateLimited {
            retry_after: denied.retry_after,
        })?;
    }
    Ok(slot)
}

/// Takes room among what is open. A long-lived stream counts among the streams of its principal and not
/// among its calls, so that listening does not stop anyone from calling.
fn open(permit: &Permit, settings: &LimitSettings) -> Result<Slot, Error> {
    let (principal, tenant) = (permit.caller().gauge(), permit.caller().tenant().gauge());
    let own = if permit.call().is_long_lived() {
        Unit::take(principal, Counter::Streams, settings.streams_per_principal)
            .ok_or(Error::TooManyStreams)?
    } else {
        Unit::take(
            principal,
            Counter::Inflight,
            settings.inflight_per_principal,
        )
        .ok_or(Error::TooManyCalls)?
    };
    let shared = Unit::take(tenant, Counter::Inflight, settings.inflight_per_tenant)
        .ok_or(Error::TooManyCalls)?;
    Ok(Slot {
        _units: [own, shared],
    })
}

/// What one principal or one tenant has open, counted over all cores.
///
/// Config keeps a tenant's or key's gauge by uid from one snapshot to the next, so that a change
/// of config neither frees nor leaks slots.
#[derive(Debug, Default)]
pub struct Gauge {
    inflight: AtomicU32,
    streams: AtomicU32,
}

impl Gauge {
    /// Calls that are being answered.
    pub fn inflight(&self) -> u32 {
        self.inflight.load(Ordering::Relaxed)
    }

    /// Long-lived streams among them.
    pub fn streams(&self) -> u32 {
        self.streams.load(Ordering::Relaxed)
    }
}

/// One unit of a gauge; dropping it gives the unit back.
#[derive(Debug)]
struct Unit {
    gauge: Arc<Gauge>,
    counter: Counter,
}

/// Which number of a gauge a unit counts in.
#[derive(Debug, Clone, Copy)]
enum Counter {
    Inflight,
    Streams,
}

impl Unit {
    /// Takes a unit unless `limit` units are out.
    fn take(gauge: &Arc<Gauge>, counter: Counter, limit: u32) -> Option<Self> {
        let number = counter.of(gauge);
        if number.fetch_add(1, Ordering::AcqRel) >= limit {
            number.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Self {
            gauge: Arc::clone(gauge),
            counter,
        })
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.counter.of(&self.gauge).fetch_sub(1, Ordering::AcqRel);
    }
}

impl Counter {
    fn of(self, gauge: &Gauge) -> &AtomicU32 {
        match self {
            Self::Inflight => &gauge.inflight,
            Self::Streams => &gauge.streams,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// security.md §2.4, D15: one test per limit, at the limit and one beyond.
    #[test]
    fn a_gauge_gives_out_no_more_units_than_its_limit_and_takes_them_back() {
        let gauge = Arc::new(Gauge::default());
        let held: Vec<_> = (0..3)
            .map(|_| Unit::take(&gauge, Counter::Inflight, 3).unwrap())
            .collect();
        assert!(Unit::take(&gauge, Counter::Inflight, 3).is_none());
        assert!(Unit::take(&gauge, Counter::Streams, 1).is_some());
        assert_eq!((gauge.inflight(), gauge.streams()), (3, 0));
        drop(held);
        assert_eq!(gauge.inflight(), 0);
        assert!(Unit::take(&gauge, Counter::Inflight, 3).is_some());
    }
}
