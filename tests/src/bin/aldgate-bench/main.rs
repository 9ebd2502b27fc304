//! Benchmarks of the cluster beside its peers: `./dev bench`. Every figure is a ratio within one
//! interleaved run on this machine; `docs/benchmarks.md` says how to read them.

#![expect(clippy::print_stdout, reason = "it prints tables for a person")]

mod access;
mod bare;
mod core;
mod load;
mod overload;
mod peers;
mod propagation;
mod refresh;
mod revocation;
mod rounds;
mod streams;
mod tokens;
mod upstream;
mod usage;

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use tests::{
    cluster::{Builder, Cluster, Networks},
    http::Request,
    postgres::Durability,
    scratch::write_private,
    seed::Seed,
};

use crate::{load::Contender, peers::Peer, rounds::Rounds};

/// Benchmarks of the cluster beside its peers.
#[derive(Debug, Parser)]
#[command(name = "./dev bench")]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// CPU per request, beside a bare hyper proxy and nginx with a static check.
    Requests {
        /// Connections at once; more than one number measures each.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
        connections: Vec<usize>,
        /// Interleaved rounds.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Seconds of load per contender and round, after one of warming up.
        #[arg(long, default_value_t = 2)]
        seconds: u32,
    },
    /// CPU per request with everything that can be decided about a call, beside the plain gateway.
    Access {
        /// Connections at once.
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Interleaved rounds.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of load per contender and round, after one of warming up.
        #[arg(long, default_value_t = 1)]
        seconds: u32,
    },
    /// Memory of open event streams, beside a bare hyper proxy.
    Streams {
        /// Streams open at once.
        #[arg(long, default_value_t = 1000)]
        count: u32,
    },
    /// From a change's commit until it is live on two nodes.
    Propagation {
        /// How many changes, one after the other.
        #[arg(long, default_value_t = 500)]
        changes: u32,
    },
    /// Latency of MCP calls and of refreshes while people sign in as fast as they can.
    Overload {
        /// Browsers that sign in again and again.
        #[arg(long, default_value_t = 64)]
        browsers: u8,
        /// Seconds without them, then with them.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// From revoking a token until two nodes refuse it, with both feeds and with either.
    Revocation {
        /// How many tokens in each condition, one after the other.
        #[arg(long, default_value_t = 300)]
        count: u32,
    },
    /// CPU per refresh grant, beside npm oidc-provider with everything in memory.
    Token {
        /// Chains of refresh tokens at once.
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Interleaved rounds.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of load per contender and round, after one of warming up.
        #[arg(long, default_value_t = 3)]
        seconds: u32,
    },
    /// Serve as the upstream (what the others start).
    #[command(hide = true)]
    Upstream { addr: SocketAddr },
    /// Serve as the bare proxy (what the others start).
    #[command(hide = true)]
    Bare {
        addr: SocketAddr,
        upstream: SocketAddr,
    },
}

fn main() -> Result<()> {
    match Args::parse().command {
        Some(Command::Upstream { addr }) => upstream::run(addr, 1),
        Some(Command::Bare { addr, upstream }) => bare::run(addr, upstream, THREADS),
        Some(command) => runtime()?.block_on(run(command)),
        None => runtime()?.block_on(async {
            run(Command::Requests {
                connections: vec![1, 16, 64],
                rounds: 7,
                seconds: 2,
            })
            .await?;
            run(Command::Access {
                connections: 64,
                rounds: 5,
                seconds: 1,
            })
            .await?;
            run(Command::Streams { count: 1000 }).await?;
            run(Command::Propagation { changes: 500 }).await?;
            run(Command::Revocation { count: 300 }).await?;
            run(Command::Token {
                connections: 16,
                rounds: 5,
                seconds: 3,
            })
            .await?;
            run(Command::Overload {
                browsers: 64,
                seconds: 10,
            })
            .await
        }),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Requests {
            connections,
            rounds,
            seconds,
        } => requests(&connections, rounds, seconds).await,
        Command::Access {
            connections,
            rounds,
            seconds,
        } => access::measure(connections, rounds, seconds).await,
        Command::Streams { count } => memory(count).await,
        Command::Propagation { changes } => propagate(changes).await,
        Command::Overload { browsers, seconds } => overload::measure(browsers, seconds).await,
        Command::Revocation { count } => revocation::measure(count).await,
        Command::Token {
            connections,
            rounds,
            seconds,
        } => refresh::measure(connections, rounds, seconds).await,
        Command::Upstream { .. } | Command::Bare { .. } => Ok(()),
    }
}

async fn requests(connections: &[usize], rounds: usize, seconds: u32) -> Result<()> {
    let bench = Bench::start(Cluster::builder(), 64).await?;
    let nginx = Peer::nginx(bench.cluster.scratch().path(), bench.upstream.addr)?;
    let contenders = [
        Contender {
            name: "nginx",
            url: format!("http://{}/mcp", nginx.addr),
            pid: nginx.pid(),
            headers: vec![("Authorization".into(), peers::CLIENT_CREDENTIAL.into())],
            tokens: None,
        },
        bench.bare(),
        bench.gateway().await?,
    ];
    for &connections in connections {
        println!("\n`tools/call`, {connections} connections, {rounds} rounds of {seconds} s\n");
        let measured = Rounds::run(
            &contenders,
            bench.cluster.scratch().path(),
            connections,
            rounds,
            seconds,
        )?;
        println!("{}", measured.table("nginx"));
    }
    Ok(())
}

async fn memory(count: u32) -> Result<()> {
    let files = streams::open_files_limit()?;
    ensure!(
        files > count + 200,
        "this shell may open {files} files: raise it with `ulimit -n {}`",
        count * 2 + 500
    );
    let raised = (count + 100).to_string();
    println!("\n{count} open event streams\n\nRaised for this run:\n");
    let mut builder = Cluster::builder();
    for setting in STREAM_LIMITS {
        println!("- `{setting}={raised}`");
        builder = builder.gateway_setting(setting, &raised);
    }
    let bench = Bench::start(builder, count).await?;
    let (bare, gateway) = (bench.bare(), bench.gateway().await?);
    let floor = streams::memory_per_stream(&bare, count).await?;
    let ours = streams::memory_per_stream(&gateway, count).await?;
    println!("\n| contender | KiB per stream | × bare |\n|---|---|---|");
    println!(
        "| bare | {:.1} | 1.00 |\n| gateway | {:.1} | {:.2} |",
        floor / 1024.0,
        ours / 1024.0,
        ours / floor
    );
    Ok(())
}

async fn propagate(changes: u32) -> Result<()> {
    let bench = Bench::start(Cluster::builder().gateways(2), 1).await?;
    propagation::measure(&bench.cluster, SERVER, 20).await?;
    let measured = propagation::measure(&bench.cluster, SERVER, changes).await?;
    println!(
        "\nA change on two nodes, one controller, Postgres with fsync\n\n{}",
        propagation::table(&measured)
    );
    Ok(())
}

/// One gateway in front of the upstream, with a key; the bare proxy beside it on demand.
struct Bench {
    cluster: Cluster,
    key: String,
    bare: Peer,
    upstream: Peer,
}

impl Bench {
    async fn start(builder: Builder, inflight: u32) -> Result<Self> {
        let upstream = Peer::own(&["upstream"])?;
        let bare = Peer::own(&["bare", &upstream.addr.to_string()])?;
        let builder = builder.networks(Networks::Loopback).log("warn");
        let builder = builder.gateway_setting(
            "ALDGATE_LIMIT_INFLIGHT_PER_PRINCIPAL",
            &inflight.max(64).to_string(),
        );
        let cluster = builder.start_alone(Durability::Synced).await?;
        let credential = cluster.scratch().path().join("upstream.credential");
        write_private(&credential, "bench-upstream-secret")?;
        let url = format!("http://{}/mcp", upstream.addr);
        let seed = Seed {
            tenant: "bench",
            host: HOST,
            aliases: &[],
            server: "echo",
            url: &url,
            credential_file: Some(&credential),
        };
        let key = seed
            .plant(cluster.cli(), cluster.scratch().path())
            .await?
            .api_key;
        Ok(Self {
            cluster,
            key,
            bare,
            upstream,
        })
    }

    fn bare(&self) -> Contender {
        Contender {
            name: "bare",
            url: format!("http://{}/mcp", self.bare.addr),
            pid: self.bare.pid(),
            headers: vec![],
            tokens: None,
        }
    }

    /// The gateway, within a session, as a client of 2025-11-25 calls it.
    async fn gateway(&self) -> Result<Contender> {
        let gateway = self.cluster.gateways.first().context("a gateway")?;
        let answer = Request::post(PATH, INITIALIZE)
            .host(HOST)
            .bearer(&self.key)
            .send(gateway.address())
            .await?;
        ensure!(
            answer.status.is_success(),
            "initialize answered {}: {}",
            answer.status,
            answer.text()
        );
        Ok(Contender {
            name: "gateway",
            url: format!("http://{}{PATH}", gateway.address()),
            pid: gateway.pid(),
            headers: vec![
                ("Host".into(), HOST.into()),
                ("Authorization".into(), format!("Bearer {}", self.key)),
                (
                    "Mcp-Session-Id".into(),
                    answer.header("mcp-session-id").to_owned(),
                ),
            ],
            tokens: None,
        })
    }
}

const HOST: &str = "bench.test";
const PATH: &str = "/mcp/echo";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const SERVER: &str = "tenants/bench/servers/echo";

/// As many serving threads as the machine that the figures come from has cores.
const THREADS: usize = 2;

/// The gateway's limits that a thousand streams of one key would meet.
const STREAM_LIMITS: [&str; 3] = [
    "ALDGATE_LIMIT_STREAMS_PER_PRINCIPAL",
    "ALDGATE_LIMIT_INFLIGHT_PER_PRINCIPAL",
    "ALDGATE_LIMIT_CONNECTIONS_PER_IP",
];
