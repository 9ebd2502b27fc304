//! The data path: one thread per core, each with its own runtime, listeners, connections and
//! counters. What they share is read-only, or counted rarely.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread,
};

use egress::Dialer;
use runtime::{
    clock::Clock,
    shutdown::{Shutdown, Tasks},
};
use tokio::{runtime::Runtime, sync::oneshot, task::LocalSet};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Lines, Log, Writer},
    authn::{Verifiers, jwt::Jwt, uses::GrantUses},
    config::Config,
    door,
    limit::Limiter,
    metrics::Metrics,
    pipeline::{Core, PathSettings},
    revocation::Revocations,
    serve::{self, BindError, Door, Open, Peers, ServeSettings},
    settings::DataSettings,
    upstream::{UpstreamSettings, Upstreams},
};

/// What the cores are made of.
pub struct Parts {
    /// What was read at start.
    pub settings: DataSettings,
    /// The current snapshot.
    pub config: Config,
    /// The way out.
    pub dialer: Dialer,
    /// Verifies the tokens of other issuers.
    pub jwt: Jwt,
    /// Which grants are in use.
    pub uses: GrantUses,
    /// What is revoked.
    pub revocations: Revocations,
    /// Calls per time.
    pub limiter: Limiter,
    /// The wall clock.
    pub clock: Clock,
    /// The node's name, for the access log.
    pub node: String,
    /// Where access lines go.
    pub access: Box<dyn Write + Send>,
    /// Soft: drain. Hard: stop.
    pub shutdown: Shutdown,
}

/// The cores cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum CoresError {
    /// An address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A thread or its runtime.
    #[error("starting the cores")]
    Start(#[source] io::Error),
}

/// The running cores.
pub struct Cores {
    addresses: Vec<SocketAddr>,
    ended: Vec<oneshot::Receiver<()>>,
    writer: Writer,
}

impl Cores {
    /// Binds every address, then starts the threads.
    pub fn start(parts: Parts) -> Result<Self, CoresError> {
        let cores = parts.settings.cores;
        let mut listeners: Vec<Vec<TcpListener>> = (0..cores).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for address in &parts.settings.public {
            let bound = serve::bind(*address, cores)?;
            addresses.push(bound[0].local_addr().map_err(CoresError::Start)?);
            for (core, listener) in listeners.iter_mut().zip(bound) {
                core.push(listener);
            }
        }
        let (writer, lines) = Writer::start(parts.access).map_err(CoresError::Start)?;
        let shared = Shared {
            path: Arc::new(parts.settings.path),
            serve: Arc::new(parts.settings.serve),
            upstream: parts.settings.upstream,
            door: Arc::new(parts.settings.door),
            peers: Peers::new(parts.settings.connections_per_ip),
            config: parts.config,
            dialer: parts.dialer,
            verifiers: Verifiers::new(parts.jwt, parts.uses, parts.revocations),
            limiter: parts.limiter,
            clock: parts.clock,
            node: parts.node,
            lines,
            shutdown: parts.shutdown,
        };
        let mut ended = Vec::new();
        for (core, listeners) in listeners.into_iter().enumerate() {
            ended.push(
                shared
                    .clone()
                    .start(core, listeners)
                    .map_err(CoresError::Start)?,
            );
        }
        Ok(Self {
            addresses,
            ended,
            writer,
        })
    }

    /// Where clients connect; a port that was 0 is the one that was found.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until every core has drained, or was stopped, and the access log is written.
    pub async fn finish(self) {
        for ended in self.ended {
            // An error means that the thread is gone, which is what is waited for.
            let _ = ended.await;
        }
        let writer = self.writer;
        // A task that is cancelled at the very end of the process loses nothing but lines.
        let _ = tokio::task::spawn_blocking(move || writer.finish()).await;
    }
}

/// What every core gets a copy of.
#[derive(Clone)]
struct Shared {
    path: Arc<PathSettings>,
    serve: Arc<ServeSettings>,
    upstream: UpstreamSettings,
    door: Arc<door::DoorSettings>,
    peers: Arc<Peers>,
    config: Config,
    dialer: Dialer,
    verifiers: Verifiers,
    limiter: Limiter,
    clock: Clock,
    node: String,
    lines: Lines,
    shutdown: Shutdown,
}

impl Shared {
    /// Starts the thread of one core. The receiver tells its end.
    fn start(self, core: usize, listeners: Vec<TcpListener>) -> io::Result<oneshot::Receiver<()>> {
        let (ending, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name(format!("core-{core}"))
            .spawn(move || {
                if let Err(error) = self.run(core, listeners, &runtime) {
                    tracing::error!(core, %error, "a core has failed");
                }
                drop(runtime);
                // Nobody may be waiting any more.
                let _ = ending.send(());
            })?;
        Ok(ended)
    }

    fn run(self, core: usize, listeners: Vec<TcpListener>, runtime: &Runtime) -> io::Result<()> {
        let metrics = Rc::new(Metrics::of_core(core));
        let seed = rand::random();
        let log = Log::new(self.lines, &self.node, seed, Rc::clone(&metrics));
        let local = LocalSet::new();
        local.block_on(runtime, async {
            let listeners = listeners
                .into_iter()
                .map(tokio::net::TcpListener::from_std)
                .collect::<io::Result<Vec<_>>>()?;
            let drain = self.shutdown.soft();
            let metrics_of_upstreams = Rc::clone(&metrics);
            let upstreams = Upstreams::new(
                self.upstream,
                self.dialer,
                Tasks::new(),
                drain,
                metrics_of_upstreams,
            );
            let open = Open::new(self.serve.header_read, self.serve.idle);
            let door = Door {
                core: Rc::new(Core {
                    config: RefCell::new(self.config.cache()),
                    settings: self.path,
                    upstreams,
                    door: door::Door::new(self.door, &Tasks::new()),
                    verifiers: self.verifiers,
                    limiter: self.limiter,
                    log: Rc::clone(&log),
                    clock: self.clock,
                    draining: Cell::new(false),
                }),
                settings: self.serve,
                peers: self.peers,
                metrics,
                shutdown: self.shutdown,
                closing: CancellationToken::new(),
                connections: Tasks::new(),
                open,
            };
            serve::run(Rc::new(door), listeners).await;
            io::Result::Ok(())
        })?;
        // Ends what still runs; each unfinished reply writes its line.
        drop(local);
        log.flush();
        Ok(())
    }
}
