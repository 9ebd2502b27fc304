//! Logs and metrics of one process: JSON lines on stderr, and a Prometheus recorder that the ops
//! port renders.
//!
//! The access log is not here: the gateway writes it to stdout itself.

mod filter;
mod panics;

use std::io;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{Layer as _, Registry, filter::ParseError, layer::SubscriberExt as _};

use crate::settings::{SettingsError, Source};

/// The telemetry of this process, once it is running.
#[derive(Clone)]
pub struct Telemetry {
    metrics: PrometheusHandle,
}

impl Telemetry {
    /// Renders the metrics; for [`crate::ops::Ops::new`].
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }
}

/// Starts logs and metrics for the whole process; `process` is its name, such as `aldgate-gateway`.
///
/// `ALDGATE_LOG` is a filter in the syntax of `tracing-subscriber` (default `info`), for example
/// `info,gateway=debug`. **Only our own crates obey it.** Everything else (h2, hyper, tonic,
/// rustls, sqlx, …) is held at `warn` even if the filter says `trace` or names such a crate,
/// because below that level those crates print header values, frames and query arguments, and
/// secrets must never reach a log. What crates write through the `log` facade is not collected at
/// all. From here on panics are logged as JSON too, with their place but without any data (see
/// `panics`).
pub fn init(source: &mut Source, process: &'static str) -> Result<Telemetry, TelemetryError> {
    let directives = source.parse_or("ALDGATE_LOG", "info".to_owned())?;
    let filter = filter::parse(&directives).map_err(TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(io::stderr)
        .with_filter(filter);
    tracing::subscriber::set_global_default(Registry::default().with(lines))
        .map_err(|_| TelemetryError::Twice)?;
    panics::install();

    let metrics = PrometheusBuilder::new()
        .add_global_label("process", process)
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    tracing::info!(
        process,
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        "starting"
    );
    Ok(Telemetry { metrics })
}

/// Why logs or metrics could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A setting cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),

    /// `ALDGATE_LOG` is no filter.
    #[error(
        "ALDGATE_LOG is not a log filter; write a level (error, warn, info, debug, trace) or a list such as info,gateway=debug"
    )]
    Filter(#[source] ParseError),

    /// A process has one telemetry.
    #[error("logs were started twice in this process")]
    Twice,

    /// The recorder refused.
    #[error("metrics could not be started")]
    Metrics(#[source] BuildError),
}

/// Histogram bounds for every metric whose name ends in `_seconds`: from the gateway's own share of
/// a request to a long call.
const SECONDS: [f64; 16] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    30.0, 300.0,
];
