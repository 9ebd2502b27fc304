//! Counters for the ops port. Each core has its own handles, made once, so that counting touches no
//! memory that another core writes. Labels are ours and few: never a name that a tenant chose.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::{authn::Reason, error::Kind, upstream::UpstreamKind};

/// One core's metrics.
pub struct Metrics {
    /// By the first digit of the reply's status, from 1.
    pub(crate) requests: [Counter; 5],
    /// From the request's head to the end of its reply, streams left out.
    pub(crate) duration: Histogram,
    /// Requests whose reply has not ended.
    pub(crate) inflight: Gauge,
    /// Client connections.
    pub(crate) connections: Gauge,
    /// Connections refused because their address had too many.
    pub(crate) connections_refused: Counter,
    /// Long-lived streams among the requests.
    pub(crate) streams: Gauge,
    /// By [`Kind`].
    pub(crate) rejected: [Counter; Kind::ALL.len()],
    /// Requests that no authenticator accepted, by [`Reason`].
    pub(crate) unauthenticated: [Counter; Reason::ALL.len()],
    /// By [`UpstreamKind`].
    pub(crate) upstream_errors: [Counter; UpstreamKind::ALL.len()],
    /// Connections opened to servers.
    pub(crate) upstream_connections: Counter,
    /// Batches of access lines that the writer could not take.
    pub(crate) access_batches_lost: Counter,
}

impl Metrics {
    /// The handles of core number `core`, at the process's recorder.
    pub fn of_core(core: usize) -> Self {
        let core = core.to_string();
        Self {
            requests: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(
                |class| counter!("aldgate_requests_total", "core" => core.clone(), "class" => class),
            ),
            duration: histogram!("aldgate_request_duration_seconds", "core" => core.clone()),
            inflight: gauge!("aldgate_requests_inflight", "core" => core.clone()),
            connections: gauge!("aldgate_connections", "core" => core.clone()),
            connections_refused: counter!("aldgate_connections_refused_total", "core" => core.clone()),
            streams: gauge!("aldgate_streams", "core" => core.clone()),
            rejected: Kind::ALL.map(|kind| {
                counter!("aldgate_rejected_total", "core" => core.clone(), "reason" => kind.label())
            }),
            unauthenticated: Reason::ALL.map(|reason| {
                counter!("aldgate_unauthenticated_total", "core" => core.clone(), "reason" => reason.label())
            }),
            upstream_errors: UpstreamKind::ALL.map(|kind| {
                counter!("aldgate_upstream_errors_total", "core" => core.clone(), "kind" => kind.label())
            }),
            upstream_connections: counter!("aldgate_upstream_connections_total", "core" => core.clone()),
            access_batches_lost: counter!("aldgate_access_batches_lost_total", "core" => core),
        }
    }
}
