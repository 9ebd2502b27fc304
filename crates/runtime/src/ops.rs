//! The private port: liveness, readiness and metrics. Nothing here changes anything, and nothing
//! else is served.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::shutdown::Tasks;

/// What the ops port tells. Cloning is cheap and all clones are the same.
#[derive(Clone)]
pub struct Ops(Arc<Inner>);

struct Inner {
    metrics: PrometheusHandle,
    gates: Mutex<BTreeMap<&'static str, Arc<AtomicBool>>>,
    draining: AtomicBool,
}

impl Ops {
    /// Ready at once, unless gates are added.
    pub fn new(metrics: PrometheusHandle) -> Self {
        Self(Arc::new(Inner {
            metrics,
            gates: Mutex::default(),
            draining: AtomicBool::new(false),
        }))
    }

    /// A condition of readiness; closed until its holder opens it. Asking twice for a name gives
    /// the same gate.
    pub fn gate(&self, name: &'static str) -> Gate {
        let mut gates = self.0.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Gate {
            name,
            open: Arc::clone(gates.entry(name).or_default()),
        }
    }

    /// Unready from here on, whatever the gates say, so that load balancers send nothing new.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        tracing::info!("draining: not ready any more");
    }

    /// Why the process is not ready: the closed gates, and `draining`. Empty means ready.
    pub fn obstacles(&self) -> Vec<&'static str> {
        let draining = self
            .0
            .draining
            .load(Ordering::Acquire)
            .then_some("draining");
        let gates = self.0.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = gates
            .iter()
            .filter(|(_, open)| !open.load(Ordering::Acquire))
            .map(|(name, _)| *name);
        draining.into_iter().chain(closed).collect()
    }
}

/// One condition of readiness.
#[derive(Clone)]
pub struct Gate {
    name: &'static str,
    open: Arc<AtomicBool>,
}

impl Gate {
    /// The condition holds.
    pub fn open(&self) {
        if !self.open.swap(true, Ordering::AcqRel) {
            tracing::info!(gate = self.name, "gate opened");
        }
    }

    /// The condition does not hold.
    pub fn close(&self) {
        if self.open.swap(false, Ordering::AcqRel) {
            tracing::warn!(gate = self.name, "gate closed: not ready");
        }
    }
}

/// Starts answering on `listener`, on the current runtime, until [`Tasks::finish`] has seen all
/// other tasks end.
#[expect(
    clippy::unused_async,
    reason = "callers await every door alike, and it must be called inside a runtime"
)]
pub async fn serve(listener: TcpListener, state: Ops, tasks: &Tasks) {
    tasks.spawn_door("ops upkeep", upkeep(state.0.metrics.clone()));
    let app = router(state);
    tasks.spawn_door("ops", async move {
        // axum's accept loop retries failed accepts, so this ends only when the task is dropped.
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the ops port has ended");
        }
    });
}

fn router(state: Ops) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn readiness(State(ops): State<Ops>) -> (StatusCode, String) {
    let obstacles = ops.obstacles();
    if obstacles.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {}\n", obstacles.join(", ")),
        )
    }
}

async fn metrics(State(ops): State<Ops>) -> impl IntoResponse {
    (
        [("content-type", "text/plain; version=0.0.4; charset=utf-8")],
        ops.0.metrics.render(),
    )
}

/// Histograms keep every sample until they are drained; a process that nobody scrapes must not
/// grow.
async fn upkeep(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_process_is_ready_when_every_gate_is_open() {
        let ops = ops();
        let (config, leases) = (ops.gate("config"), ops.gate("leases"));
        assert_eq!(
            ask(&ops, "GET", "/readyz").await,
            (503, "not ready: config, leases\n".to_owned())
        );
        config.open();
        assert_eq!(
            ask(&ops, "GET", "/readyz").await,
            (503, "not ready: leases\n".to_owned())
        );
        leases.open();
        assert_eq!(
            ask(&ops, "GET", "/readyz").await,
            (200, "ready\n".to_owned())
        );
        ops.gate("config").close();
        assert_eq!(
            ask(&ops, "GET", "/readyz").await,
            (503, "not ready: config\n".to_owned())
        );
    }

    #[tokio::test]
    async fn a_draining_process_is_alive_but_not_ready() {
        let ops = ops();
        ops.drain();
        assert_eq!(
            ask(&ops, "GET", "/readyz").await,
            (503, "not ready: draining\n".to_owned())
        );
        assert_eq!(
            ask(&ops, "GET", "/livez").await,
            (200, "alive\n".to_owned())
        );
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let ops = Ops::new(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("aldgate_things_total").increment(3);
        });
        let (status, body) = ask(&ops, "GET", "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("aldgate_things_total 3\n"), "{body}");
    }

    #[tokio::test]
    async fn there_is_nothing_else() {
        let ops = ops();
        for path in ["/", "/debug", "/livez/", "/metrics/x"] {
            assert_eq!(ask(&ops, "GET", path).await.0, 404, "{path}");
        }
        assert_eq!(ask(&ops, "POST", "/readyz").await.0, 405);
    }

    #[tokio::test]
    async fn the_port_answers_until_the_tasks_are_finished() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = Tasks::new();
        serve(listener, ops(), &tasks).await;

        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        connection
            .write_all(b"GET /livez HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");

        assert!(tasks.finish(Duration::from_mins(1)).await);
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }

    fn ops() -> Ops {
        Ops::new(PrometheusBuilder::new().build_recorder().handle())
    }

    async fn ask(ops: &Ops, method: &str, path: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = router(ops.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}
