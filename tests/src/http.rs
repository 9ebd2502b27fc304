//! Small HTTP clients for tests and for readiness: one that speaks correct HTTP/1.1 through hyper, on
//! a connection of its own for each request, and one that sends exactly the bytes it is given. They
//! know nothing of MCP beyond the framing of events.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// A request to send.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    from: Option<IpAddr>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            from: None,
        }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of an MCP message, with the two headers that every one carries.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        let mut request = Self::new("POST", path)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        request.body = body.into();
        request
    }

    /// Adds a header; a name may occur more than once.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes every header of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self
    }

    /// Says which public host is meant; without it, the address that is called.
    pub fn host(self, host: &str) -> Self {
        self.without("host").header("host", host)
    }

    /// Comes from this address of ours, of which 127.0.0.0/8 has many.
    pub fn from(mut self, ip: IpAddr) -> Self {
        self.from = Some(ip);
        self
    }

    /// Presents a key.
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// Sends it and reads the whole answer, within a minute.
    pub async fn send(&self, address: SocketAddr) -> Result<Response> {
        timeout(WHOLE, async {
            let streaming = self.open(address).await?;
            let body = streaming.body.collect().await?.to_bytes();
            Ok(Response {
                status: streaming.status,
                headers: streaming.headers,
                body,
            })
        })
        .await
        .with_context(|| format!("no whole answer from {address} within {WHOLE:?}"))?
    }

    /// Sends it and returns as soon as the head of the answer is there.
    pub async fn open(&self, address: SocketAddr) -> Result<Streaming> {
        let stream = timeout(WHOLE, connect(self.from, address)).await??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What goes wrong is seen by the one who waits for the answer.
            let _ = connection.await;
        });
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header("host", address.to_string());
        }
        let request = request.body(Full::new(self.body.clone()))?;
        let answer = timeout(WHOLE, sender.send_request(request)).await??;
        let (head, body) = answer.into_parts();
        Ok(Streaming {
            status: head.status,
            headers: head.headers,
            body,
            unread: String::new(),
            _driver: driver,
        })
    }
}

async fn connect(from: Option<IpAddr>, to: SocketAddr) -> std::io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect(to).await;
    };
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON; of an event stream, the data of its last event that has any.
    pub fn json(&self) -> Result<serde_json::Value> {
        let text = self.text();
        let json = if self.header("content-type").starts_with("text/event-stream") {
            text.lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .map(str::trim)
                .rfind(|data| !data.is_empty())
                .context("no event with data")?
        } else {
            &text
        };
        serde_json::from_str(json).with_context(|| format!("{}: {text}", self.status))
    }
}

/// An answer whose body is still coming. Dropping it closes the connection.
#[derive(Debug)]
pub struct Streaming {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
    unread: String,
    _driver: JoinSet<()>,
}

impl Streaming {
    /// The next event as it came, without its closing blank line; `None` at the end of the stream.
    pub async fn event(&mut self) -> Result<Option<String>> {
        timeout(WHOLE, async {
            loop {
                if let Some(end) = self.unread.find(
                    "

",
                ) {
                    let event = self.unread.drain(..end + 2).collect::<String>();
                    return Ok(Some(event.trim_end().to_owned()));
                }
                let Some(frame) = self.body.frame().await else {
                    return Ok(None);
                };
                if let Ok(data) = frame?.into_data() {
                    let text = std::str::from_utf8(&data)?.replace("\r\n", "\n");
                    self.unread.push_str(&text);
                }
            }
        })
        .await
        .context("no event within a minute")?
    }
}

/// Sends exactly these bytes and returns all that comes back until the other side closes or the
/// deadline passes.
pub async fn raw(address: SocketAddr, bytes: &[u8], deadline: Duration) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    // A server may refuse and close before it has read everything; its answer counts.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(deadline, stream.read_to_end(&mut answer)).await;
    Ok(answer)
}

/// What `Host` says of an origin.
pub fn host_of(origin: &str) -> &str {
    origin.split("://").nth(1).unwrap_or_default()
}

/// The status code in the bytes of an answer.
pub fn status_of(answer: &[u8]) -> Result<u16> {
    let line = answer
        .split(|&byte| byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = std::str::from_utf8(line)?;
    ensure!(line.starts_with("HTTP/1."), "not an HTTP answer: {line:?}");
    Ok(line.split(' ').nth(1).context("no status")?.parse()?)
}

const WHOLE: Duration = Duration::from_mins(1);
