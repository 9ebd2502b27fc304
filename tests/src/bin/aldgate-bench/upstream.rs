//! A minimal MCP server that is much faster than anything in front of it. It answers `initialize`,
//! and every other request with a fixed text or, when the arguments ask for it, an event stream.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Interval, interval};

type Reply = Response<Either<Full<Bytes>, Events>>;

/// Serves on `addr`.
pub(crate) fn run(addr: SocketAddr, threads: usize) -> anyhow::Result<()> {
    super::core::serve(addr, threads, || answer)
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(default)]
    arguments: Arguments,
    #[serde(borrow, rename = "protocolVersion")]
    version: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct Arguments {
    /// Answer with one event per so many milliseconds, without end.
    every_ms: Option<u64>,
}

async fn answer(request: Request<Incoming>) -> Result<Reply, Infallible> {
    let Ok(body) = request.into_body().collect().await else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let body = body.to_bytes();
    let Ok(call) = serde_json::from_slice::<Call<'_>>(&body) else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let Some(id) = call.id else {
        return Ok(status(StatusCode::ACCEPTED));
    };
    Ok(match (call.method, call.params.arguments.every_ms) {
        ("initialize", _) => initialize(id, call.params.version.unwrap_or("2025-11-25")),
        (_, Some(every)) => events(Duration::from_millis(every)),
        (_, None) => result(id),
    })
}

fn initialize(id: &RawValue, version: &str) -> Reply {
    let mut reply = json(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{version}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"bench","version":"1"}}}}}}"#,
    ));
    reply.headers_mut().insert(
        "mcp-session-id",
        HeaderValue::from_static("0123456789abcdef0123456789abcdef"),
    );
    reply
}

fn result(id: &RawValue) -> Reply {
    const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    json(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{TEXT}"}}],"isError":false,"resultType":"complete"}}}}"#,
    ))
}

fn json(text: String) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(text.into())));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn events(every: Duration) -> Reply {
    let mut reply = Response::new(Either::Right(Events(interval(every))));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply
}

fn status(status: StatusCode) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(Bytes::new())));
    *reply.status_mut() = status;
    reply
}

/// One progress event per tick, until the client leaves.
struct Events(Interval);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const EVENT: &[u8] = b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n";
        ready!(self.0.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(EVENT)))))
    }
}
