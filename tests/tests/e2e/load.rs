//! A steady load that behaves as a good client behind a load balancer does: it opens connections to
//! ready nodes only, and never sends anything twice. What fails is counted, not retried.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tests::gateway::Gateway;
use tokio::{net::TcpStream, task::JoinSet, time::MissedTickBehavior};

use crate::calls::{Acme, MODERN};

/// A running load; `finish` ends it and tells what it saw.
pub(crate) struct Load {
    workers: JoinSet<()>,
    shared: Arc<Shared>,
}

struct Shared {
    nodes: Vec<Node>,
    key: String,
    over: AtomicBool,
    answered: AtomicU64,
    lost: Mutex<Vec<String>>,
}

struct Node {
    public: SocketAddr,
    ops: SocketAddr,
    ready: AtomicBool,
}

impl Load {
    /// 200 calls of `echo` per second, spread over the gateways.
    pub(crate) async fn start(acme: &Acme) -> Result<Self> {
        let node = |gateway: &Gateway| Node {
            public: gateway.address(),
            ops: gateway.ports().ops,
            ready: AtomicBool::new(true),
        };
        let shared = Arc::new(Shared {
            nodes: acme.cluster.gateways.iter().map(node).collect(),
            key: acme.key.clone(),
            over: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            lost: Mutex::default(),
        });
        let mut workers = JoinSet::new();
        for number in 0..shared.nodes.len() {
            workers.spawn(watch(shared.clone(), number));
        }
        for number in 0..WORKERS {
            workers.spawn(work(shared.clone(), number));
        }
        let load = Self { workers, shared };
        load.answered(50).await?;
        Ok(load)
    }

    /// Waits until so many more calls were answered.
    pub(crate) async fn answered(&self, count: u64) -> Result<()> {
        let target = self.shared.answered.load(Ordering::SeqCst) + count;
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            while self.shared.answered.load(Ordering::SeqCst) < target {
                tick.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), reached)
            .await
            .context("the load stands still")
    }

    /// Ends it; fails unless every call was answered rightly.
    pub(crate) async fn finish(mut self) -> Result<u64> {
        self.shared.over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.workers.join_next().await {
            ended?;
        }
        let lost = self.shared.lost.lock().expect("no worker panicked");
        ensure!(
            lost.is_empty(),
            "{} calls were lost, the first: {}",
            lost.len(),
            lost[0]
        );
        Ok(self.shared.answered.load(Ordering::SeqCst))
    }
}

/// Asks a node's readiness as a load balancer does.
async fn watch(shared: Arc<Shared>, number: usize) {
    let node = &shared.nodes[number];
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    while !shared.over.load(Ordering::SeqCst) {
        tick.tick().await;
        let answer = tests::http::Request::get("/readyz").send(node.ops).await;
        let ready = answer.is_ok_and(|answer| answer.status.is_success());
        node.ready.store(ready, Ordering::SeqCst);
    }
}

async fn work(shared: Arc<Shared>, number: u64) {
    let mut connections: Vec<Option<SendRequest<Full<Bytes>>>> =
        shared.nodes.iter().map(|_| None).collect();
    let mut tick = tokio::time::interval(Duration::from_millis(WORKERS * 1000 / RATE));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_u64.. {
        tick.tick().await;
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let turn = usize::try_from(number + round).unwrap_or_default();
        let ready = |at: &usize| shared.nodes[*at].ready.load(Ordering::SeqCst);
        let Some(at) = (0..shared.nodes.len())
            .map(|step| (turn + step) % shared.nodes.len())
            .find(ready)
        else {
            continue;
        };
        match call(
            &shared,
            at,
            &mut connections[at],
            number * 1_000_000 + round,
        )
        .await
        {
            Ok(()) => drop(shared.answered.fetch_add(1, Ordering::SeqCst)),
            Err(error) => shared
                .lost
                .lock()
                .expect("no worker panicked")
                .push(format!("{error:#}")),
        }
    }
}

async fn call(
    shared: &Shared,
    at: usize,
    idle: &mut Option<SendRequest<Full<Bytes>>>,
    nonce: u64,
) -> Result<()> {
    let mut connection = match idle.take() {
        Some(mut kept) => match kept.ready().await {
            Ok(()) => kept,
            Err(_) => open(shared.nodes[at].public).await?,
        },
        None => open(shared.nodes[at].public).await?,
    };
    let answer = connection
        .send_request(request(&shared.key, nonce)?)
        .await
        .context("sending")?;
    let (head, body) = answer.into_parts();
    let whole = body.collect().await.context("reading")?.to_bytes();
    let text = String::from_utf8_lossy(&whole);
    if head.status != 200 {
        bail!("{}: {text}", head.status);
    }
    ensure!(
        text.contains(&format!("nonce-{nonce}")),
        "another call's answer: {text}"
    );
    let closing = head
        .headers
        .get(header::CONNECTION)
        .is_some_and(|value| value == "close");
    if !closing {
        *idle = Some(connection);
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a connection's driver ends with the connection"
)]
async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    let (mut sender, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        let _ = driver.await;
    });
    sender.ready().await?;
    Ok(sender)
}

fn request(key: &str, nonce: u64) -> Result<Request<Full<Bytes>>> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{nonce},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"nonce-{nonce}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    Ok(Request::post(Acme::PATH)
        .header(header::HOST, Acme::HOST)
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo")
        .body(Full::new(body.into()))?)
}

const WORKERS: u64 = 8;
const RATE: u64 = 200;
