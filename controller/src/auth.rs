//! The auth door: HTTPS for gateways alone, behind which stands what people and their backends call
//! besides MCP: sessions, and the authorization server. A gateway's certificate is what makes
//! its word about a request (`aldgate-origin`, `aldgate-peer`) worth believing.

use std::{sync::Arc, time::Duration};

use axum::Router;
use egress::Dialer;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use runtime::{
    shutdown::Tasks,
    tls::{ClientAuth, Identity},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

pub(crate) use self::visit::Visit;
use crate::{
    grpc::NodeIdentity,
    oauth::{self, client::Clients, idp::Directory, password::Passwords},
    store::{Author, OneTenant, Store, StoreError, Tx},
    vault::Vault,
};

/// Every way to fail, and the only mapping of it to HTTP.
pub(crate) mod problem;

/// How many at once.
pub(crate) mod room;

/// Sessions of a tenant's users.
mod sessions;

/// What a gateway says of a request; deadlines and bounds of each.
pub(crate) mod visit;

/// What the handlers work with. Cloning is cheap.
#[derive(Clone)]
pub struct Desk {
    /// The database.
    pub store: Store,
    /// Keys that seal tokens.
    pub vault: Arc<Vault>,
    /// Keys that sign tokens.
    pub(crate) signers: oauth::key::Signers,
    /// What clients were like when they last refreshed.
    pub(crate) shortcuts: oauth::Shortcuts,
    /// The way to identity providers, which admins configure.
    pub dialer: Dialer,
    /// The way to what clients publish. Anybody can name an address there.
    pub documents: Dialer,
    /// What is remembered about OAuth clients.
    pub(crate) clients: Arc<Clients>,
    /// Where passwords are hashed.
    pub passwords: Passwords,
    /// What identity providers publish.
    pub providers: Directory,
}

impl Desk {
    /// A transaction on the rows of the tenant that was called; `None` where there is none at this
    /// address. `action` is for the record, for example `oauth.token`.
    pub(crate) async fn enter(
        &self,
        visit: &Visit,
        action: &str,
    ) -> Result<Option<Tx<OneTenant>>, StoreError> {
        let author = Author {
            actor: String::new(),
            token: None,
            request: visit.id,
            peer: visit.peer.to_string(),
            action: action.to_owned(),
        };
        self.store.tenant_at(author, &visit.place).await
    }
}

/// A door ready to be opened.
pub struct AuthDoor {
    acceptor: TlsAcceptor,
    router: Router,
    tasks: Tasks,
}

impl AuthDoor {
    /// A door that asks for a node's certificate.
    pub fn new(identity: &Identity, desk: Desk, tasks: Tasks) -> Self {
        let mut tls = (*identity.server_config(ClientAuth::Required)).clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            router: router(desk),
            tasks,
        }
    }

    /// Takes connections until `soft` is cancelled; each ends after what it has begun.
    pub async fn serve(self, listener: TcpListener, soft: CancellationToken) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                () = soft.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, _)) => {
                    let connection = Connection {
                        acceptor: self.acceptor.clone(),
                        router: self.router.clone(),
                        tasks: self.tasks.clone(),
                        soft: soft.clone(),
                        _permit: permit,
                    };
                    self.tasks.spawn("auth connection", connection.run(socket));
                }
                Err(error) => {
                    // Out of descriptors, most likely: accepting again at once would spin.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "no connection taken"
                    );
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

/// Everything behind the door. A path that is not here is 404.
fn router(desk: Desk) -> Router {
    let routes = Router::new()
        .merge(sessions::routes())
        .merge(oauth::routes())
        .with_state(desk);
    visit::bounded(routes)
}

/// One connection of a gateway.
struct Connection {
    acceptor: TlsAcceptor,
    router: Router,
    tasks: Tasks,
    soft: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, socket: TcpStream) {
        // An error only means that small packets wait a little.
        let _ = socket.set_nodelay(true);
        let Ok(Ok(stream)) = timeout(HANDSHAKE, self.acceptor.accept(socket)).await else {
            metrics::counter!("aldgate_auth_handshakes_failed_total").increment(1);
            return;
        };
        let Some(node) = node(&stream) else {
            tracing::warn!("a certificate that names no node was shown at the auth door");
            return;
        };
        let service = TowerToHyperService::new(self.router.layer(axum::Extension(node)));
        let mut server = auto::Builder::new(Spawn(self.tasks));
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES);
        server
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(20)
            .max_header_list_size(HEADER_LIST);
        let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
        // How it ends is the gateway's affair.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.soft.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// The node whose certificate was shown. TLS has checked the signature and the dates.
fn node(stream: &TlsStream<TcpStream>) -> Option<NodeIdentity> {
    let leaf = stream.get_ref().1.peer_certificates()?.first()?;
    NodeIdentity::of(leaf).ok()
}

/// Runs the streams of a connection.
#[derive(Clone)]
struct Spawn(Tasks);

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn("auth stream", future);
    }
}

const CONNECTIONS: usize = 1024;
const STREAMS: u32 = 128;
const HANDSHAKE: Duration = Duration::from_secs(5);
const HEAD: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 64 << 10;
const HEADER_LIST: u32 = 64 << 10;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
