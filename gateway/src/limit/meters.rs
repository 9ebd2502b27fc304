//! What operators see of limits.

use metrics::{Counter, Gauge, counter, gauge};

use super::rate::Dimension;

/// The node's counters; counted once per question to Redis or per refusal, not per call.
pub(super) struct Meters {
    pub(super) granted: Counter,
    pub(super) refused: Counter,
    pub(super) failed: Counter,
    pub(super) denied: [Counter; Dimension::ALL.len()],
    pub(super) local: Counter,
    pub(super) redis_up: Gauge,
    pub(super) keys: Gauge,
}

impl Meters {
    pub(super) fn new() -> Self {
        let lease = |outcome| counter!("aldgate_limit_leases_total", "outcome" => outcome);
        Self {
            granted: lease("granted"),
            refused: lease("empty"),
            failed: lease("failed"),
            denied: Dimension::ALL.map(|dimension| {
                counter!("aldgate_limit_denied_total", "dimension" => dimension.label())
            }),
            local: counter!("aldgate_limit_local_share_total"),
            redis_up: gauge!("aldgate_redis_up"),
            keys: gauge!("aldgate_limit_keys"),
        }
    }
}
