//! Reads HTTP/1.1 requests as bytes: nothing is normalised, so that a test sees what was really sent.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Which connection it came on, counted from 1.
    pub connection: usize,
    /// Its head, byte by byte, with the closing blank line.
    pub head: Bytes,
    /// Its body, without a transfer coding.
    pub body: Bytes,
}

impl Recorded {
    /// The method.
    pub fn method(&self) -> String {
        self.word(0)
    }

    /// The request target.
    pub fn target(&self) -> String {
        self.word(1)
    }

    /// The headers in their order, names as they were written.
    pub fn headers(&self) -> Vec<(String, String)> {
        let head = String::from_utf8_lossy(&self.head);
        let lines = head.split("\r\n").skip(1).filter(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect()
    }

    /// Every value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Vec<String> {
        let headers = self.headers().into_iter();
        headers
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Head and body as text, to search for what must not be there.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&[&self.head[..], &self.body].concat()).into_owned()
    }

    fn word(&self, index: usize) -> String {
        let head = String::from_utf8_lossy(&self.head);
        let line = head.lines().next().unwrap_or_default();
        line.split(' ').nth(index).unwrap_or_default().to_owned()
    }
}

/// A connection from which requests are read.
pub(super) struct Reader {
    stream: TcpStream,
    connection: usize,
    unread: BytesMut,
}

impl Reader {
    pub(super) fn new(stream: TcpStream, connection: usize) -> Self {
        Self {
            stream,
            connection,
            unread: BytesMut::new(),
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Waits until the other side has closed.
    pub(super) async fn closed(&mut self) {
        while self.more().await.is_ok() {}
    }

    /// The next request; `None` when the connection was closed between two.
    pub(super) async fn next(&mut self) -> Result<Option<Recorded>> {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end + 4;
            }
            let empty = self.unread.is_empty();
            match self.more().await {
                Ok(()) => {}
                Err(_) if empty => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        let head = self.unread.split_to(end).freeze();
        let mut request = Recorded {
            connection: self.connection,
            head,
            body: Bytes::new(),
        };
        if !request.header("transfer-encoding").is_empty() {
            request.body = self.chunks().await?;
        } else if let Some(length) = request.header("content-length").first() {
            request.body = self.exactly(length.parse()?).await?;
        }
        Ok(Some(request))
    }

    async fn chunks(&mut self) -> Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.unread, b"\r\n") {
                    break end;
                }
                self.more().await?;
            };
            let line = self.unread.split_to(end + 2);
            let size = std::str::from_utf8(&line)?.trim();
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)?;
            body.extend_from_slice(&self.exactly(size).await?);
            let close = self.exactly(2).await?;
            ensure!(&close[..] == b"\r\n", "a chunk without its end");
            if size == 0 {
                return Ok(body.freeze());
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Bytes> {
        ensure!(length <= MAX_BODY, "a body of {length} bytes");
        while self.unread.len() < length {
            self.more().await?;
        }
        Ok(self.unread.copy_to_bytes(length))
    }

    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.unread).await;
        if read.context("reading")? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

const MAX_BODY: usize = 64 << 20;
