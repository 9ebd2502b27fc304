//! One client connection: TLS where configured, HTTP/1.1 or HTTP/2, and its end when the node drains.

use std::{net::SocketAddr, pin::pin, rc::Rc, time::Duration};

use http::Request;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::shutdown::Tasks;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::Door;
use crate::pipeline;

/// Serves a connection to its end.
pub(super) async fn serve(door: Rc<Door>, socket: TcpStream, peer: SocketAddr) {
    let metrics = Rc::clone(&door.metrics);
    metrics.connections.increment(1.0);
    let hard = door.shutdown.hard();
    tokio::select! {
        () = speak(&door, socket, peer) => {}
        () = hard.cancelled() => {}
    }
    metrics.connections.decrement(1.0);
}

async fn speak(door: &Rc<Door>, socket: TcpStream, peer: SocketAddr) {
    let patience = door.settings.handshake;
    match &door.settings.tls {
        None => match timeout(patience, Protocol::sniff(&socket)).await {
            Ok(Some(Protocol::Http1)) => speak_http1(door, socket, peer).await,
            Ok(Some(Protocol::Http2)) => speak_http2(door, socket, peer).await,
            Ok(None) | Err(_) => {}
        },
        Some(config) => {
            let accepting = TlsAcceptor::from(config.clone()).accept(socket);
            let Ok(Ok(stream)) = timeout(patience, accepting).await else {
                return;
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                Box::pin(speak_http2(door, stream, peer)).await;
            } else {
                Box::pin(speak_http1(door, stream, peer)).await;
            }
        }
    }
}

/// What a client without TLS speaks.
enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// Looks at the first bytes without taking them; none if there are none. Every HTTP/2 connection
    /// begins with `PRI ` (RFC 9113 §3.4), and no method of ours does.
    async fn sniff(socket: &TcpStream) -> Option<Self> {
        let mut start = [0; 4];
        loop {
            match socket.peek(&mut start).await {
                Ok(4) if start == *b"PRI " => return Some(Self::Http2),
                Ok(0) | Err(_) => return None,
                Ok(length) if length < 4 && b"PRI ".starts_with(&start[..length]) => {
                    // The socket stays readable, so waiting for it would spin.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Ok(_) => return Some(Self::Http1),
            }
        }
    }
}

async fn speak_http1<S>(door: &Rc<Door>, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let core = &door.core;
    let service =
        service_fn(|request: Request<Incoming>| pipeline::serve(Rc::clone(core), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.settings.header_read)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // How a connection ended is the client's affair; what it asked for is in the access log.
        _ = connection.as_mut() => return,
        () = door.closing.cancelled() => {}
    }
    // Until here an idle connection could bring one more request, answered with `Connection: close`.
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn speak_http2<S>(door: &Rc<Door>, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let core = Rc::clone(&door.core);
    let service = service_fn(move |request: Request<Incoming>| {
        pipeline::serve(Rc::clone(&core), peer, request)
    });
    let connection = http2::Builder::new(Local(door.connections.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let soft = door.shutdown.soft();
    tokio::select! {
        _ = connection.as_mut() => return,
        () = soft.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Runs the streams of a connection on its core.
#[derive(Clone)]
struct Local(Tasks);

impl<F> Executor<F> for Local
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn_local("stream", future);
    }
}

const HEADERS: usize = 64;
/// Holds the longest request line and head that `crate::route` lets through, so that it can say which
/// of its limits was passed.
const HEAD_BUFFER: usize = 64 << 10;
const STREAMS: u32 = 100;
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// HTTP/2 counts 32 bytes per field besides name and value.
const HEADER_LIST: u32 = (32 << 10) + (8 << 10) + 64 * 32;
const SEND_BUFFER: usize = 256 << 10;
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
