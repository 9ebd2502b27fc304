//! One client connection: TLS where configured, HTTP/1.1 or HTTP/2, and its end when the node drains.

use std::{
    future::{Future as _, poll_fn},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::TryFutureExt as _;
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

use super::{
    Door,
    open::{Order, Protocol, Tracked},
    peers::Counted,
};
use crate::pipeline;

/// Serves a connection to its end, until when it is counted.
pub(super) async fn serve(door: Rc<Door>, socket: TcpStream, peer: SocketAddr, _counted: Counted) {
    door.metrics.connections.increment(1.0);
    speak(&door, socket, peer).await;
    door.metrics.connections.decrement(1.0);
}

/// What is bigger than HTTP/1.1 without TLS is in a box, so that no such connection keeps room for it.
async fn speak(door: &Rc<Door>, socket: TcpStream, peer: SocketAddr) {
    if let Some(config) = &door.settings.tls {
        let acceptor = TlsAcceptor::from(Arc::clone(config));
        return Box::pin(speak_tls(door, acceptor, socket, peer)).await;
    }
    match timeout(door.settings.handshake, sniff(&socket)).await {
        Ok(Some(Protocol::Http1)) => speak_http1(door, socket, peer).await,
        Ok(Some(Protocol::Http2)) => Box::pin(speak_http2(door, socket, peer)).await,
        Ok(None) | Err(_) => {}
    }
}

async fn speak_tls(door: &Rc<Door>, acceptor: TlsAcceptor, socket: TcpStream, peer: SocketAddr) {
    let accepting = acceptor.accept(socket);
    let Ok(Ok(stream)) = timeout(door.settings.handshake, accepting).await else {
        return;
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        Box::pin(speak_http2(door, stream, peer)).await;
    } else {
        Box::pin(speak_http1(door, stream, peer)).await;
    }
}

/// What a client without TLS speaks, by its first bytes, which are not taken; none if there are none.
/// Every HTTP/2 connection begins with `PRI ` (RFC 9113 §3.4), and no method of ours does.
async fn sniff(socket: &TcpStream) -> Option<Protocol> {
    let mut start = [0; 4];
    loop {
        match socket.peek(&mut start).await {
            Ok(4) if start == *b"PRI " => return Some(Protocol::Http2),
            Ok(0) | Err(_) => return None,
            Ok(length) if length < 4 && b"PRI ".starts_with(&start[..length]) => {
                // The socket stays readable, so waiting for it would spin.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(_) => return Some(Protocol::Http1),
        }
    }
}

async fn speak_http1<S>(door: &Rc<Door>, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let place = door.open.enter(Protocol::Http1);
    let service = service_fn(|request: Request<Incoming>| {
        let answering = place.answering();
        // Not `async`, which would hold the future twice.
        pipeline::serve(Rc::clone(&door.core), peer, request).map_ok(|reply| {
            reply.map(|body| Tracked {
                body,
                _answering: answering,
            })
        })
    });
    let connection = http1::Builder::new()
        // How long a head may take is watched over by `Open`.
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BUFFER)
        .serve_connection(TokioIo::new(place.listen(stream)), service);
    let mut connection = pin!(connection);
    poll_fn(|cx| {
        match place.poll_order(cx) {
            Order::Continue => {}
            Order::Finish => connection.as_mut().graceful_shutdown(),
            Order::Stop => return Poll::Ready(()),
        }
        // How a connection ended is the client's affair; what it asked for is in the access log.
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
}

async fn speak_http2<S>(door: &Rc<Door>, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let place = door.open.enter(Protocol::Http2);
    let service = service_fn(|request: Request<Incoming>| {
        // One that came while the node drains has seen no GOAWAY yet.
        if door.core.draining.get() {
            place.finish();
        }
        pipeline::serve(Rc::clone(&door.core), peer, request)
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
    poll_fn(|cx| {
        match place.poll_order(cx) {
            Order::Continue => {}
            Order::Finish => connection.as_mut().graceful_shutdown(),
            Order::Stop => return Poll::Ready(()),
        }
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
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
