//! One core's connection to one controller's auth door: mutually authenticated HTTP/2, opened when it
//! is needed and shared by all requests of the core.

use std::{cell::RefCell, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Uri, uri};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::shutdown::Tasks;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::config::link::Controller;

/// The way to one controller.
pub(super) struct Link {
    controller: Controller,
    tls: Arc<ClientConfig>,
    connect: Duration,
    tasks: Tasks,
    open: RefCell<Option<SendRequest<Full<Bytes>>>>,
}

/// Why there is no answer.
pub(super) enum SendError {
    /// No byte of the request left; another controller may be asked.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It may have been sent.
    Broken(hyper::Error),
}

/// No connection.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("the address is no host name")]
    Name,
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no HTTP/2")]
    Handshake(#[source] hyper::Error),
    #[error("no answer in time")]
    Deadline,
}

impl Link {
    pub(super) fn new(
        controller: Controller,
        tls: Arc<ClientConfig>,
        connect: Duration,
        tasks: Tasks,
    ) -> Self {
        Self {
            controller,
            tls,
            connect,
            tasks,
            open: RefCell::default(),
        }
    }

    /// Sends the request, on a connection that is open or on a new one.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        let mut request = self.addressed(request);
        let open = self.open.borrow().clone();
        if let Some(open) = open.filter(|open| !open.is_closed()) {
            match try_send(open, request).await {
                Err(SendError::Unsent(unsent)) => request = *unsent,
                done => return done,
            }
        }
        match self.dial().await {
            Ok(fresh) => {
                *self.open.borrow_mut() = Some(fresh.clone());
                try_send(fresh, request).await
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(controller = %self.controller, error, "a controller's auth door cannot be reached");
                Err(SendError::Unsent(Box::new(request)))
            }
        }
    }

    fn addressed(&self, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(uri::Scheme::HTTPS);
        parts.authority = self.controller.authority().parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, DialError> {
        timeout(self.connect, self.open())
            .await
            .map_err(|_| DialError::Deadline)?
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, DialError> {
        let host = self.controller.host();
        let name = ServerName::try_from(host.to_owned()).map_err(|_| DialError::Name)?;
        let address = (host, self.controller.port());
        let stream = TcpStream::connect(address)
            .await
            .map_err(DialError::Connect)?;
        stream.set_nodelay(true).map_err(DialError::Connect)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, stream)
            .await
            .map_err(DialError::Connect)?;
        let (sender, connection) = http2::Builder::new(Local(self.tasks.clone()))
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .max_header_list_size(HEADER_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(DialError::Handshake)?;
        self.tasks.spawn_local("controller connection", async move {
            // How it ended reaches whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

async fn try_send(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, SendError> {
    if sender.ready().await.is_err() {
        return Err(SendError::Unsent(Box::new(request)));
    }
    sender
        .try_send_request(request)
        .await
        .map_err(|mut error| match error.take_message() {
            Some(unsent) => SendError::Unsent(Box::new(unsent)),
            None => SendError::Broken(error.into_error()),
        })
}

/// Runs the connection's parts on its core.
#[derive(Clone)]
struct Local(Tasks);

impl<F> Executor<F> for Local
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn_local("controller stream", future);
    }
}

/// Together at most 10 s until a controller that stopped without a word is noticed by those who wait.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const HEADER_BYTES: u32 = 32 << 10;
