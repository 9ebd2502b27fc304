//! A bare hyper reverse proxy: no policy, no log, no look at the body. It is the floor that any
//! gateway on the same stack pays, measured beside ours.

use std::{
    cell::RefCell,
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE},
};
use http_body_util::{Either, Full};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Idle = Rc<RefCell<Vec<SendRequest<Incoming>>>>;
type Reply = Response<Either<Pooled, Full<Bytes>>>;

/// Forwards everything that arrives at `addr` to `upstream`.
pub(crate) fn run(addr: SocketAddr, upstream: SocketAddr, threads: usize) -> anyhow::Result<()> {
    let host = HeaderValue::from_str(&upstream.to_string())?;
    super::core::serve(addr, threads, move || {
        let (idle, host) = (Idle::default(), host.clone());
        move |request| forward(idle.clone(), upstream, host.clone(), request)
    })
}

async fn forward(
    idle: Idle,
    upstream: SocketAddr,
    host: HeaderValue,
    mut request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let headers = request.headers_mut();
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.insert(HOST, host);
    Ok(send(idle, upstream, request).await.unwrap_or_else(|_| {
        let mut reply = Response::new(Either::Right(Full::new(Bytes::new())));
        *reply.status_mut() = StatusCode::BAD_GATEWAY;
        reply
    }))
}

async fn send(
    idle: Idle,
    upstream: SocketAddr,
    request: Request<Incoming>,
) -> anyhow::Result<Reply> {
    let mut connection = connection(&idle, upstream).await?;
    let mut reply = connection.send_request(request).await?;
    reply.headers_mut().remove(CONNECTION);
    Ok(reply.map(|inner| {
        Either::Left(Pooled {
            inner,
            connection: Some(connection),
            idle,
        })
    }))
}

async fn connection(idle: &Idle, upstream: SocketAddr) -> anyhow::Result<SendRequest<Incoming>> {
    loop {
        let held = idle.borrow_mut().pop();
        let Some(mut held) = held else { break };
        if !held.is_closed() && held.ready().await.is_ok() {
            return Ok(held);
        }
    }
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut fresh, io) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(io);
    fresh.ready().await?;
    Ok(fresh)
}

/// The upstream's body; its connection is idle again when the body has ended.
struct Pooled {
    inner: Incoming,
    connection: Option<SendRequest<Incoming>>,
    idle: Idle,
}

impl Body for Pooled {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        let ended =
            matches!(frame, Poll::Ready(None)) || (frame.is_ready() && self.inner.is_end_stream());
        if ended && let Some(connection) = self.connection.take() {
            self.idle.borrow_mut().push(connection);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
