//! One core's open connections to servers, kept apart by tenant, server and credential generation:
//! what one tenant's call leaves behind on a connection never meets another's (TI-10).

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use bytes::Bytes;
use egress::{Origin, Stream};
use futures_util::{FutureExt as _, future};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Body, Incoming},
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use proto::id::{ServerUid, TenantUid};
use runtime::shutdown::Tasks;
use tokio::{sync::oneshot, time::Instant};

use super::UpstreamError;
use crate::policy::Permit;

/// Whose connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    tenant: TenantUid,
    server: ServerUid,
    generation: u64,
}

impl Key {
    pub(super) fn of(permit: &Permit) -> Self {
        Self {
            tenant: permit.caller().tenant().uid,
            server: permit.server().uid,
            generation: permit.lease().map_or(0, |lease| lease.generation),
        }
    }
}

/// Connections that wait for their next call.
pub(super) struct Pool {
    idle: RefCell<HashMap<Key, Vec<Idle>>>,
    reuse: Duration,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    origin: Origin,
    /// Dropping it ends the task that drives the connection, and so closes the socket at once.
    _stop: oneshot::Sender<()>,
}

/// A connection in use. Unless it is given back it is closed when dropped: what a call left
/// unfinished on it is nobody else's.
pub(super) struct Lent {
    connection: Connection,
    key: Key,
    pool: Rc<Pool>,
}

impl Pool {
    pub(super) fn new(reuse: Duration) -> Self {
        Self {
            idle: RefCell::default(),
            reuse,
        }
    }

    /// The connection used last, if any is still good. A server whose URL changed has new
    /// connections only.
    pub(super) async fn take(self: &Rc<Self>, key: &Key, origin: &Origin) -> Option<Lent> {
        loop {
            let Idle {
                mut connection,
                since,
            } = self.idle.borrow_mut().get_mut(key)?.pop()?;
            let usable = since.elapsed() < self.reuse
                && connection.origin == *origin
                && !connection.sender.is_closed();
            if usable && (connection.sender.is_ready() || connection.sender.ready().await.is_ok()) {
                return Some(Lent {
                    connection,
                    key: *key,
                    pool: Rc::clone(self),
                });
            }
        }
    }

    pub(super) async fn keep_tidy(&self) {
        loop {
            tokio::time::sleep(TIDY).await;
            self.idle.borrow_mut().retain(|_, idle| {
                idle.retain(|idle| {
                    idle.since.elapsed() < self.reuse && !idle.connection.sender.is_closed()
                });
                !idle.is_empty()
            });
        }
    }
}

/// Speaks HTTP/1.1 on a new stream.
pub(super) async fn open(
    pool: &Rc<Pool>,
    key: Key,
    origin: &Origin,
    stream: Stream,
    tasks: &Tasks,
) -> Result<Lent, UpstreamError> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(HEADERS)
        .max_buf_size(BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(UpstreamError::Broken)?;
    let (stop, stopped) = oneshot::channel::<()>();
    // How it ended reaches whoever waits for an answer on it. Not `async`, which would hold the
    // connection twice.
    let driving = future::select(connection, stopped).map(drop);
    tasks.spawn_local("upstream connection", driving);
    Ok(Lent {
        connection: Connection {
            sender,
            origin: origin.clone(),
            _stop: stop,
        },
        key,
        pool: Rc::clone(pool),
    })
}

impl Lent {
    /// Sends a request. The error holds the request if no byte of it left.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        self.connection.sender.try_send_request(request).await
    }

    /// Lets another call have the connection. Only after the last byte of the answer.
    pub(super) fn give_back(self) {
        let Self {
            connection,
            key,
            pool,
        } = self;
        if connection.sender.is_closed() {
            return;
        }
        let since = Instant::now();
        pool.idle
            .borrow_mut()
            .entry(key)
            .or_default()
            .push(Idle { connection, since });
    }

    /// Gives it back if the answer's body, which nobody wants, has ended already.
    pub(super) fn give_back_unless_busy(self, body: &Incoming) {
        if body.is_end_stream() {
            self.give_back();
        }
    }
}

impl std::fmt::Debug for Lent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

const TIDY: Duration = Duration::from_secs(1);
const HEADERS: usize = 100;
/// Also bounds the head of an answer (UP-15).
const BUFFER: usize = 128 << 10;
