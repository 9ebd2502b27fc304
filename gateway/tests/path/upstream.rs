//! A server that a test plays itself, byte by byte.

use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::client::within;

/// Where the gateway connects.
pub(crate) struct Upstream {
    listener: TcpListener,
}

/// One connection of the gateway, and the request it brought last.
pub(crate) struct Call {
    stream: BufReader<TcpStream>,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Upstream {
    pub(crate) async fn listen() -> Self {
        Self::listen_on("127.0.0.1:0").await
    }

    pub(crate) async fn listen_on(address: &str) -> Self {
        Self {
            listener: TcpListener::bind(address).await.unwrap(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.listener.local_addr().unwrap())
    }

    /// The next connection with its first request.
    pub(crate) async fn call(&self) -> Call {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        let mut call = Call {
            stream: BufReader::new(stream),
            line: String::new(),
            headers: Vec::new(),
            body: String::new(),
        };
        assert!(call.next().await, "a request on the connection");
        call
    }

    /// Whether no connection is waiting.
    pub(crate) fn is_untouched(&self) -> bool {
        self.listener.accept().now_or_never().is_none()
    }

    /// Answers one call with a JSON-RPC result.
    pub(crate) async fn answer(&self) -> Call {
        let mut call = self.call().await;
        call.json(200, RESULT).await;
        call
    }
}

/// What a server answers when it does not matter.
pub(crate) const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;

impl Call {
    /// Reads the next request on the connection; false if it was closed.
    pub(crate) async fn next(&mut self) -> bool {
        let Some(line) = self.read_line().await.filter(|line| !line.is_empty()) else {
            return false;
        };
        self.line = line;
        self.headers.clear();
        while let Some((name, value)) = self.read_line().await.unwrap().split_once(':') {
            self.headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = self
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        within(self.stream.read_exact(&mut body)).await.unwrap();
        self.body = String::from_utf8(body).unwrap();
        true
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .get_mut()
            .write_all(bytes.as_ref())
            .await
            .unwrap();
    }

    pub(crate) async fn json(&mut self, status: u16, body: &str) {
        self.reply(status, &[("Content-Type", "application/json")], body)
            .await;
    }

    pub(crate) async fn reply(&mut self, status: u16, headers: &[(&str, &str)], body: &str) {
        let fields: String = headers
            .iter()
            .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
            .collect();
        let length = body.len();
        let text =
            format!("HTTP/1.1 {status} Status\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        self.write(text).await;
    }

    /// Begins an event stream.
    pub(crate) async fn stream(&mut self, headers: &str) {
        self.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
        ))
        .await;
    }

    pub(crate) async fn chunk(&mut self, data: &str) {
        self.write(format!("{:x}\r\n{data}\r\n", data.len())).await;
    }

    /// Sends events for as long as the gateway takes them or keeps the connection.
    pub(crate) async fn flood(&mut self) {
        let chunk = format!("ffff\r\n:{}\n\n\r\n", "x".repeat(0xffff - 3));
        while self
            .stream
            .get_mut()
            .write_all(chunk.as_bytes())
            .await
            .is_ok()
        {}
    }

    /// Waits until the gateway closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut byte = [0];
        let read = within(self.stream.read(&mut byte)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "more bytes came");
    }

    async fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.ok()?;
        Some(line.trim_end().to_owned())
    }
}
