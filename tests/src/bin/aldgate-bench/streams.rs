//! Open event streams: what each costs in memory.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{load::Contender, usage::Usage};

/// Opens `count` streams, waits until each has carried an event, and returns the memory that the
/// process grew by, per stream, in bytes.
pub(crate) async fn memory_per_stream(contender: &Contender, count: u32) -> anyhow::Result<f64> {
    let before = Usage::of(contender.pid).memory;
    let mut open = Vec::new();
    for number in 0..count {
        open.push(
            stream(contender, number)
                .await
                .with_context(|| format!("{}: stream {number}", contender.name))?,
        );
    }
    // Two more events on each, so that every buffer on the way has been used.
    for stream in &mut open {
        event(stream).await?;
        event(stream).await?;
    }
    Ok((Usage::of(contender.pid).memory - before) / f64::from(count))
}

async fn stream(contender: &Contender, number: u32) -> anyhow::Result<TcpStream> {
    let rest = contender
        .url
        .strip_prefix("http://")
        .context("an http URL")?;
    let (authority, path) = rest.split_once('/').context("a URL with a path")?;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"echo","arguments":{{"every_ms":1000}},"_meta":{{"progressToken":1}}}}}}"#
    );
    let mut headers = contender.headers.clone();
    if !headers.iter().any(|(name, _)| name == "Host") {
        headers.push(("Host".into(), authority.into()));
    }
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let headers = headers.concat();
    let mut stream = TcpStream::connect(authority).await?;
    stream
        .write_all(
            format!(
                "POST /{path} HTTP/1.1\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\
                 {headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        )
        .await?;
    event(&mut stream).await?;
    Ok(stream)
}

/// Waits for the next event's bytes.
async fn event(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(8).any(|window| window == b"progress") {
        let read = timeout(Duration::from_secs(20), stream.read(&mut buffer)).await??;
        if read == 0 {
            bail!("closed after {}", String::from_utf8_lossy(&seen));
        }
        seen.extend_from_slice(&buffer[..read]);
        if seen.starts_with(b"HTTP/1.1 ") && !seen.starts_with(b"HTTP/1.1 200") {
            bail!("refused: {}", String::from_utf8_lossy(&seen));
        }
    }
    Ok(())
}

/// How many file descriptors this process may open, from `/proc`.
pub(crate) fn open_files_limit() -> anyhow::Result<u32> {
    let text = std::fs::read_to_string(Path::new("/proc/self/limits"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .context("no limit of open files in /proc/self/limits")
}
