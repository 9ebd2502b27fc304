//! Listeners, connections and draining. It knows HTTP and nothing of tenants or MCP; requests go to
//! `crate::pipeline`.

mod accept;
mod connection;
mod listener;
mod open;
mod peers;

use std::{rc::Rc, sync::Arc, time::Duration};

use runtime::shutdown::{Shutdown, Tasks};
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

pub use listener::{BindError, bind};
pub(crate) use open::Open;
pub use peers::Peers;

use crate::pipeline::Core;

/// What is read once at start about the public door.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// TLS on the public door; none behind a load balancer that does it.
    pub tls: Option<Arc<ServerConfig>>,
    /// For a TLS handshake, and to the first byte without TLS.
    pub handshake: Duration,
    /// From the first byte of a request's head to its last (HTTP/1.1).
    pub header_read: Duration,
    /// From the end of a reply to the first byte of the next request, and between two bytes that the
    /// client takes of a reply that is there (HTTP/1.1).
    pub idle: Duration,
    /// How long a draining node takes new connections, because load balancers lag.
    pub drain_accept: Duration,
    /// When a draining node stops waiting for replies.
    pub drain_deadline: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            tls: None,
            handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            drain_accept: Duration::from_secs(3),
            drain_deadline: Duration::from_secs(30),
        }
    }
}

/// One core's part of the public door.
pub(crate) struct Door {
    pub(crate) core: Rc<Core>,
    pub(crate) settings: Arc<ServeSettings>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) metrics: Rc<crate::metrics::Metrics>,
    pub(crate) shutdown: Shutdown,
    /// Cancelled when no new connection is taken any more.
    pub(crate) closing: CancellationToken,
    pub(crate) connections: Tasks,
    pub(crate) open: Rc<Open>,
}

/// Serves until told to stop, then drains: every reply is the last on its connection, new
/// connections are taken a little longer, the accept queue is emptied, and what still runs at the
/// deadline is dropped with the caller's local tasks.
pub(crate) async fn run(door: Rc<Door>, listeners: Vec<tokio::net::TcpListener>) {
    for listener in listeners {
        let accepting = accept::run(Rc::clone(&door), listener);
        door.connections.spawn_local("accept", accepting);
    }
    let core = &door.core;
    tokio::select! {
        () = Rc::clone(&core.log).keep_flushing() => {}
        () = core.upstreams.keep_tidy() => {}
        () = core.keep_checking() => {}
        () = Rc::clone(&door.open).keep_sweeping() => {}
        () = door.shutdown.hard().cancelled_owned() => {}
        () = drain(&door) => {}
    }
}

async fn drain(door: &Door) {
    door.shutdown.soft().cancelled().await;
    door.core.draining.set(true);
    door.open.finish(open::Protocol::Http2);
    let settings = &door.settings;
    tokio::time::sleep(settings.drain_accept).await;
    door.closing.cancel();
    // Until here an idle connection could bring one more request, answered with `Connection: close`.
    door.open.finish(open::Protocol::Http1);
    let rest = settings
        .drain_deadline
        .saturating_sub(settings.drain_accept);
    door.connections.finish(rest).await;
}
