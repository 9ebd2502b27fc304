//! What happened: one JSON line per request, written when the reply's body ends. Never a secret, a
//! parameter, a session id or a query string. What operators did is not here, nor is why we failed:
//! that is in the process log.

mod line;
mod writer;

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, SystemTime},
};

use http::{Method, StatusCode};
use tokio::{sync::Notify, time::Instant};

pub use writer::{Lines, Writer};

use crate::{
    authn::{self, Caller},
    error::{Error, Kind},
    metrics::Metrics,
    read::Call,
};
use mcp::era::Era;

/// One core's end of the access log. Lines gather here and leave in batches.
pub struct Log {
    lines: Lines,
    /// `,"node":"…"`, the same in every line.
    node: Box<[u8]>,
    /// Makes request ids unique over cores and restarts.
    seed: u64,
    count: Cell<u64>,
    buffer: RefCell<Vec<u8>>,
    spare: RefCell<Vec<Vec<u8>>>,
    filling: Notify,
    metrics: Rc<Metrics>,
}

impl Log {
    /// A log that sends its batches to `lines`; `seed` must differ between cores and starts.
    pub fn new(lines: Lines, node: &str, seed: u64, metrics: Rc<Metrics>) -> Rc<Self> {
        let mut field = Vec::new();
        line::text(&mut field, "node", node);
        Rc::new(Self {
            lines,
            node: field.into(),
            seed,
            count: Cell::new(0),
            buffer: RefCell::default(),
            spare: RefCell::default(),
            filling: Notify::new(),
            metrics,
        })
    }

    /// Begins the record of a request.
    pub fn begin(self: &Rc<Self>, now: SystemTime, peer: SocketAddr, method: &Method) -> Record {
        let number = self.count.get();
        self.count.set(number + 1);
        let mut line = self.spare.borrow_mut().pop().unwrap_or_default();
        line.extend_from_slice(b"{\"time\":\"");
        line::time(&mut line, now);
        line.extend_from_slice(b"\",\"request_id\":\"");
        line::hex(&mut line, self.seed);
        line.push(b'-');
        line::number(&mut line, number);
        line.push(b'"');
        line.extend_from_slice(&self.node);
        line::text(
            &mut line,
            "peer",
            line::Address(peer.ip().to_canonical()).text().as_str(),
        );
        line::text(&mut line, "http.method", method.as_str());
        self.metrics.inflight.increment(1.0);
        Record {
            log: Rc::clone(self),
            line,
            started: Instant::now(),
            status: StatusCode::OK,
            upstream: None,
            received: 0,
            sent: 0,
            long_lived: false,
            end: End::Aborted,
        }
    }

    /// Sends what has gathered.
    pub fn flush(&self) {
        let batch = std::mem::take(&mut *self.buffer.borrow_mut());
        if batch.is_empty() {
            return;
        }
        if self.lines.send(batch).is_err() {
            self.metrics.access_batches_lost.increment(1);
        }
        self.buffer.borrow_mut().reserve(BATCH);
    }

    /// Sends batches that do not fill up, at the latest 100 ms after their first line.
    pub async fn keep_flushing(self: Rc<Self>) {
        loop {
            self.filling.notified().await;
            tokio::time::sleep(PATIENCE).await;
            self.flush();
        }
    }

    fn append(&self, mut line: Vec<u8>) {
        let mut buffer = self.buffer.borrow_mut();
        let first = buffer.is_empty();
        buffer.extend_from_slice(&line);
        let full = buffer.len() >= BATCH;
        drop(buffer);
        if full {
            self.flush();
        } else if first {
            self.filling.notify_one();
        }
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_LINES && line.capacity() <= SPARE_BYTES {
            line.clear();
            spare.push(line);
        }
    }
}

/// The record of one request. Dropping it writes the line, so it goes where the reply goes.
pub struct Record {
    log: Rc<Log>,
    line: Vec<u8>,
    started: Instant,
    status: StatusCode,
    upstream: Option<StatusCode>,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the reply's body.
    pub sent: u64,
    long_lived: bool,
    end: End,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client got all of it.
    Complete,
    /// The client went away.
    Aborted,
    /// The server's reply broke off, and with it ours.
    Broken,
}

impl Record {
    /// Notes whose address was called.
    pub fn tenant(&mut self, slug: &str) {
        line::text(&mut self.line, "tenant", slug);
    }

    /// Notes who calls.
    pub fn caller(&mut self, caller: &Caller) {
        let kind = caller.kind();
        line::text(&mut self.line, "principal.kind", kind.label());
        match kind {
            authn::Kind::ApiKey => line::text(&mut self.line, "key", caller.name()),
            authn::Kind::Static => {
                line::text(&mut self.line, "token", caller.name());
                line::text(&mut self.line, "principal", line::start(caller.subject()));
            }
            _ => line::text(&mut self.line, "principal", line::start(caller.subject())),
        }
    }

    /// Notes which path of the controllers' was called, and whose.
    pub fn door(&mut self, tenant: Option<&str>, path: &str) {
        if let Some(tenant) = tenant {
            line::text(&mut self.line, "tenant", tenant);
        }
        line::text(&mut self.line, "door", line::start(path));
    }

    /// Notes the server as the client named it.
    pub fn server(&mut self, name: &str) {
        line::text(&mut self.line, "server", line::start(name));
    }

    /// Notes what the client wants.
    pub fn call(&mut self, call: &Call) {
        self.long_lived = call.is_long_lived();
        if self.long_lived {
            self.log.metrics.streams.increment(1.0);
        }
        let era = match call.operation() {
            crate::read::Operation::Post {
                era: Era::Modern, ..
            } => "modern",
            _ => "legacy",
        };
        line::text(&mut self.line, "mcp.era", era);
        let Some(message) = call.message() else {
            return;
        };
        line::text(&mut self.line, "mcp.method", line::start(message.method()));
        // Whoever knows a task's id can read its result.
        let is_task = message.method().starts_with("tasks/");
        if let Some(name) = message.name().filter(|_| !is_task) {
            // A resource's URI may carry a secret behind the question mark.
            let name = name.split('?').next().unwrap_or_default();
            line::text(&mut self.line, "mcp.name", line::start(name));
        }
    }

    /// Notes how the server answered.
    pub fn upstream(&mut self, status: StatusCode) {
        self.upstream = Some(status);
    }

    /// Notes why the request failed.
    pub fn failure(&mut self, error: &Error) {
        let metrics = &self.log.metrics;
        let kind = error.kind();
        metrics.rejected[kind as usize].increment(1);
        if let Error::Upstream(error) = error {
            metrics.upstream_errors[error.kind() as usize].increment(1);
        }
        line::text(&mut self.line, "error", kind.label());
        match error {
            Error::Denied(denial) => line::text(&mut self.line, "policy.rule", denial.rule()),
            Error::InsufficientScope(_) => line::text(&mut self.line, "policy.rule", "scope"),
            Error::Unauthenticated(challenge) => {
                let reason = challenge.reason();
                metrics.unauthenticated[reason as usize].increment(1);
                line::text(&mut self.line, "error.reason", reason.label());
            }
            _ => {}
        }
        if let Some(code) = error.code() {
            line::field(&mut self.line, "jsonrpc.error_code");
            line::signed(&mut self.line, code.into());
        }
        match kind {
            Kind::Bug => tracing::error!(error = %Chain(error), "request failed"),
            Kind::Upstream => tracing::debug!(error = %Chain(error), "request failed"),
            _ => {}
        }
    }

    /// Notes the status of the reply.
    pub fn status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Notes how the reply ended; without this it counts as aborted.
    pub fn end(&mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        let metrics = &self.log.metrics;
        metrics.inflight.decrement(1.0);
        metrics.requests[usize::from(self.status.as_u16() / 100).clamp(1, 5) - 1].increment(1);
        if self.long_lived {
            metrics.streams.decrement(1.0);
        } else {
            metrics.duration.record(took.as_secs_f64());
        }
        let mut line = std::mem::take(&mut self.line);
        line::field(&mut line, "status");
        line::number(&mut line, self.status.as_u16().into());
        if let Some(upstream) = self.upstream {
            line::field(&mut line, "upstream.status");
            line::number(&mut line, upstream.as_u16().into());
        }
        line::field(&mut line, "duration_us");
        line::number(
            &mut line,
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
        line::field(&mut line, "bytes_in");
        line::number(&mut line, self.received);
        line::field(&mut line, "bytes_out");
        line::number(&mut line, self.sent);
        match self.end {
            End::Complete => {}
            End::Aborted => line::text(&mut line, "end", "aborted"),
            End::Broken => line::text(&mut line, "end", "broken"),
        }
        line.extend_from_slice(b"}\n");
        self.log.append(line);
    }
}

/// An error with its causes, in one text.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

const BATCH: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_millis(100);
const SPARE_LINES: usize = 256;
const SPARE_BYTES: usize = 4 << 10;
