//! An HTTP client that writes exactly what a test says and reads one reply at a time.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// One reply, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The peer may have closed already, which is what some tests are about.
        let _ = self.stream.get_mut().write_all(bytes.as_ref()).await;
    }

    /// Tells the peer that nothing more comes.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.get_mut().shutdown().await;
    }

    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Reply {
        self.send(request).await;
        self.reply().await.expect("a reply")
    }

    /// The next reply; none if the connection was closed instead.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        let (status, headers) = self.head().await?;
        let mut reply = Reply {
            status,
            headers,
            body: String::new(),
        };
        if reply.is("transfer-encoding", "chunked") {
            while let Some(chunk) = self.chunk().await.expect("a complete body") {
                reply.body.push_str(&chunk);
            }
        } else if let Some(length) = reply.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            within(self.stream.read_exact(&mut body)).await.unwrap();
            reply.body = String::from_utf8(body).unwrap();
        }
        Some(reply)
    }

    /// The head of the next reply.
    pub(crate) async fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let status = self.line().await.filter(|line| !line.is_empty())?;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                return Some((status, headers));
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next chunk of a chunked body; none at its proper end, an error if it was cut off.
    pub(crate) async fn chunk(&mut self) -> Result<Option<String>, CutOff> {
        let size = self
            .line()
            .await
            .filter(|line| !line.is_empty())
            .ok_or(CutOff)?;
        let size = usize::from_str_radix(&size, 16).unwrap();
        let mut data = vec![0; size + 2];
        within(self.stream.read_exact(&mut data))
            .await
            .map_err(|_| CutOff)?;
        data.truncate(size);
        Ok((size > 0).then(|| String::from_utf8(data).unwrap()))
    }

    /// Whether the peer closes the connection without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(within(self.stream.read(&mut byte)).await, Ok(0) | Err(_))
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.ok()?;
        Some(line.trim_end().to_owned())
    }
}

/// The connection ended inside a body.
#[derive(Debug)]
pub(crate) struct CutOff;

impl Reply {
    /// The code of the JSON-RPC error in the body.
    pub(crate) fn code(&self) -> Option<i32> {
        let (_, rest) = self.body.split_once(r#""error":{"code":"#)?;
        rest.split_once(',')?.0.parse().ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.header(name) == Some(value)
    }
}

/// No test waits longer than this for anything.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("it takes less than 20 s")
}

/// One request as text. Tests change what they are about.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Post {
    /// A modern `tools/call` of `echo` with this key, right in every way.
    pub(crate) fn call(host: &str, server: &str, key: &str) -> Self {
        Self::modern(
            host,
            server,
            key,
            "tools/call",
            r#""name":"echo","arguments":{"x":1},"#,
        )
        .with("Mcp-Name", "echo")
    }

    /// A modern request with `params` before its `_meta`.
    pub(crate) fn modern(host: &str, server: &str, key: &str, method: &str, params: &str) -> Self {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params}{meta}}}}}"#
        );
        Self::plain(host, server, key, body)
            .with("MCP-Protocol-Version", "2026-07-28")
            .with("Mcp-Method", method)
    }

    /// A legacy message.
    pub(crate) fn plain(host: &str, server: &str, key: &str, body: impl Into<String>) -> Self {
        Self {
            method: "POST",
            path: format!("/mcp/{server}"),
            host: host.to_owned(),
            headers: Vec::new(),
            body: body.into(),
        }
        .with("Content-Type", "application/json")
        .with("Accept", "application/json, text/event-stream")
        .with("Authorization", &format!("Bearer {key}"))
    }

    /// A request without a body.
    pub(crate) fn bare(method: &'static str, host: &str, server: &str, key: &str) -> Self {
        let mut request = Self::plain(host, server, key, "").without("Content-Type");
        request.method = method;
        request
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The request line and all headers but those that frame the body.
    pub(crate) fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.method, self.path, self.host
        );
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if self.body.is_empty() && self.method != "POST" {
            return format!("{}\r\n", self.head()).into_bytes();
        }
        self.carrying(self.body.as_bytes())
    }

    /// All of it, with another body, which may be no text.
    pub(crate) fn carrying(&self, body: &[u8]) -> Vec<u8> {
        let head = format!("{}Content-Length: {}\r\n\r\n", self.head(), body.len());
        [head.as_bytes(), body].concat()
    }
}
