//! How much at once: in-flight calls and open streams per principal and per tenant.
//! Rates over time are not counted here.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

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
    /// Calls that are being answered, streams included.
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
