//! Wiring; start order, stop order.
//!
//! Start: ops port, database, feed, gRPC door; the process is ready once the feed has config.
//! Stop: unready, no new calls, streams told to go elsewhere, everything ended or the deadline.

use std::{io, sync::Arc, time::Duration};

use egress::{Dialer, Policy, Resolver, Trust, TrustError};
use ipnet::IpNet;
use runtime::{
    clock::Clock,
    ops::{self, Gate, Ops},
    port_file::{PortFile, PortFileError},
    shutdown::{Shutdown, Tasks, signal},
    tls::{Identity, TlsError},
};
use secrecy::SecretString;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    admin::{Admin, Pages, Parts},
    auth::{AuthDoor, Desk},
    boot::{BootError, Booted, boot},
    epoch::{self, Doubts},
    error::chain,
    grpc::{Grpc, GrpcError, Services},
    lease::LeaseService,
    oauth::{Shortcuts, idp::Directory, key, password::Passwords, sweep},
    revocation::{self, Logs, Publisher, Reached},
    settings::Settings,
    store::{Store, StoreError},
    sync::{Feed, Registry, States, SyncService, Uses, uses},
    vault::Vault,
};

/// Why a controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificate, key or CA.
    #[error("the TLS files cannot be used")]
    Tls(#[source] TlsError),
    /// Platform certificates.
    #[error("the platform's certificates cannot be used")]
    Trust(#[source] TrustError),
    /// A door.
    #[error("{name} cannot be listened on")]
    Listen {
        /// The setting.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database, the key, the first token.
    #[error("the controller cannot boot")]
    Boot(#[source] BootError),
    /// The nodes of earlier days.
    #[error("the nodes cannot be read")]
    Nodes(#[source] StoreError),
    /// The gRPC door.
    #[error("the gRPC door cannot be set up")]
    Grpc(#[source] GrpcError),
    /// Not a URL of Redis.
    #[error(
        "ALDGATE_REDIS_URL must have the form `redis://[user:password@]host:port[/db]` or `redis+unix:///path`"
    )]
    Redis,
    /// The file with the bound addresses.
    #[error("ALDGATE_PORT_FILE cannot be written")]
    PortFile(#[source] PortFileError),
}

/// Runs a controller until the process is told to stop. `ops` is told how it fares.
pub async fn run(settings: Settings, ops: Ops) -> Result<(), StartError> {
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    let database = ops.gate("database");
    let config = ops.gate("feed");
    let ops_listener = listen("ALDGATE_OPS_ADDR", settings.ops_addr).await?;
    let grpc_listener = listen("ALDGATE_GRPC_ADDR", settings.grpc_addr).await?;
    let auth_listener = match settings.auth_addr {
        Some(address) => Some(listen("ALDGATE_AUTH_ADDR", address).await?),
        None => None,
    };
    let (ops_addr, grpc_addr) = (address(&ops_listener)?, address(&grpc_listener)?);
    let auth_addr = auth_listener.as_ref().map(address).transpose()?;
    ops::serve(ops_listener, ops.clone(), &tasks).await;

    let clock = Clock::system();
    let booted = boot(&settings, &clock).await.map_err(StartError::Boot)?;
    let store = booted.store.clone();
    let (health, _) = tonic_health::server::health_reporter();
    let Assembled {
        grpc,
        auth,
        feed,
        states,
        registry,
        uses,
        doubts,
        vault,
        revocations,
    } = assemble(&settings, booted, &clock, &tasks, health.clone(), &shutdown).await?;

    let soft = shutdown.soft();
    tasks.spawn("feed", feed.run(soft.clone()));
    tasks.spawn(
        "feed gate",
        open_with_config(states, revocations.logs, config, soft.clone()),
    );
    tasks.spawn("epoch", epoch::keep(doubts, store.clone(), soft.clone()));
    tasks.spawn("revocations", revocations.feed.run(soft.clone()));
    tasks.spawn(
        "expired revocations",
        revocation::prune(store.clone(), soft.clone()),
    );
    if let Some(publisher) = revocations.publisher {
        tasks.spawn("revocations in redis", publisher.run(soft.clone()));
    }
    tasks.spawn("node registry", registry.keep(store.clone(), soft.clone()));
    tasks.spawn("grants in use", uses.keep(soft.clone()));
    tasks.spawn("sweep", sweep::keep(store.clone(), soft.clone()));
    tasks.spawn(
        "signing keys",
        key::keep(store.clone(), vault, soft.clone()),
    );
    tasks.spawn(
        "database gate",
        follow_database(store, database, soft.clone()),
    );
    if let Some(listener) = auth_listener {
        tasks.spawn("auth", auth.serve(listener, soft.clone()));
    }
    tasks.spawn("grpc", serve(grpc, grpc_listener, soft));
    if let Some(path) = &settings.port_file {
        let doors = PortFile::new().one("grpc", grpc_addr).one("ops", ops_addr);
        let doors = match auth_addr {
            Some(address) => doors.one("auth", address),
            None => doors,
        };
        doors.write(path).map_err(StartError::PortFile)?;
    }
    tracing::info!(%grpc_addr, ?auth_addr, %ops_addr, "controller is up");

    signal().await;
    stop(&ops, &health, &shutdown, &tasks).await;
    Ok(())
}

/// What runs.
struct Assembled {
    grpc: Grpc,
    auth: AuthDoor,
    feed: Feed,
    states: States,
    registry: Registry,
    uses: uses::Keeper,
    doubts: Doubts,
    vault: Arc<Vault>,
    revocations: Revocations,
}

/// What carries revocations.
struct Revocations {
    feed: revocation::Feed,
    logs: Logs,
    publisher: Option<Publisher>,
    redis: Reached,
}

impl Revocations {
    fn new(
        pool: sqlx::PgPool,
        url: Option<&SecretString>,
        doubts: &Doubts,
    ) -> Result<Self, StartError> {
        let (feed, logs) = revocation::Feed::new(pool, doubts.clone());
        let (publisher, redis) = match url {
            Some(url) if !revocation::redis::is_url(url) => return Err(StartError::Redis),
            Some(url) => {
                let (publisher, redis) = Publisher::new(url.clone(), logs.clone(), doubts.clone());
                (Some(publisher), redis)
            }
            None => {
                tracing::warn!(
                    "ALDGATE_REDIS_URL is not set: nodes hear of revocations over the config stream only"
                );
                (None, Reached::never())
            }
        };
        Ok(Self {
            feed,
            logs,
            publisher,
            redis,
        })
    }
}

/// The parts in the order in which they need each other.
async fn assemble(
    settings: &Settings,
    booted: Booted,
    clock: &Clock,
    tasks: &Tasks,
    health: HealthReporter,
    shutdown: &Shutdown,
) -> Result<Assembled, StartError> {
    let tls = &settings.tls;
    let identity =
        Identity::read(&tls.cert_file, &tls.key_file, &tls.ca_file).map_err(StartError::Tls)?;
    let trust = Trust::platform().map_err(StartError::Trust)?;
    let egress = &settings.egress;
    let reach = |allowed: &[IpNet]| {
        let policy = Policy::allowing(allowed.to_vec(), egress.denied.clone());
        Dialer::new(policy, Resolver::System, trust.clone())
    };
    let (dialer, documents) = (reach(&egress.allowed), reach(&egress.documents));
    let vault = Arc::new(booted.vault);
    let store = booted.store;
    let doubts = Doubts::new();
    let revocations = Revocations::new(booted.feed.clone(), settings.redis.as_ref(), &doubts)?;
    let (feed, states) = Feed::new(booted.feed, doubts.clone());
    let registry = Registry::load(&store, clock.clone(), states.clone())
        .await
        .map_err(StartError::Nodes)?;
    let passwords = Passwords::new();
    let (uses, keeper) = Uses::new(store.clone());
    let services = Services {
        admin: Admin::new(Parts {
            store: store.clone(),
            vault: Arc::clone(&vault),
            pages: Pages::new(booted.deployment),
            dialer: dialer.clone(),
            passwords: passwords.clone(),
            public_scheme: settings.public_scheme,
            registry: registry.clone(),
            states: states.clone(),
            logs: revocations.logs.clone(),
            redis: revocations.redis.clone(),
        }),
        sync: SyncService::new(
            states.clone(),
            revocations.logs.clone(),
            registry.clone(),
            uses,
            tasks.clone(),
            shutdown.soft(),
        ),
        lease: LeaseService::new(
            states.clone(),
            Arc::clone(&vault),
            store.clone(),
            clock.clone(),
            tasks.clone(),
            shutdown.soft(),
        ),
        health,
    };
    let desk = Desk {
        store: store.clone(),
        vault: Arc::clone(&vault),
        signers: key::Signers::default(),
        shortcuts: Shortcuts::default(),
        dialer,
        documents,
        clients: Arc::default(),
        passwords,
        providers: Directory::default(),
    };
    Ok(Assembled {
        grpc: Grpc::new(&identity, store, services).map_err(StartError::Grpc)?,
        auth: AuthDoor::new(&identity, desk, tasks.clone()),
        feed,
        states,
        registry,
        uses: keeper,
        doubts,
        vault,
        revocations,
    })
}

async fn serve(grpc: Grpc, listener: TcpListener, soft: CancellationToken) {
    if let Err(error) = grpc.serve(listener, soft).await {
        tracing::error!(error = chain(&error), "the gRPC door is closed");
    }
}

/// Ready once there is config to give, and it is known what is revoked.
async fn open_with_config(mut states: States, mut logs: Logs, gate: Gate, soft: CancellationToken) {
    let config = soft.run_until_cancelled(states.wait_for(Option::is_some));
    if !matches!(config.await, Some(Ok(_))) {
        return;
    }
    while logs.take().is_none() {
        if !matches!(soft.run_until_cancelled(logs.changed()).await, Some(Ok(()))) {
            return;
        }
    }
    gate.open();
}

/// Ready while the database answers.
async fn follow_database(store: Store, gate: Gate, soft: CancellationToken) {
    loop {
        match timeout(PING_DEADLINE, store.ping()).await {
            Ok(Ok(())) => gate.open(),
            Ok(Err(_)) | Err(_) => gate.close(),
        }
        let pause = soft.run_until_cancelled(tokio::time::sleep(PING_EVERY));
        if pause.await.is_none() {
            return;
        }
    }
}

async fn stop(ops: &Ops, health: &HealthReporter, shutdown: &Shutdown, tasks: &Tasks) {
    tracing::info!("controller is stopping");
    ops.drain();
    health
        .set_service_status("", ServingStatus::NotServing)
        .await;
    shutdown.soft().cancel();
    if !tasks.finish(STOP_DEADLINE).await {
        shutdown.hard().cancel();
    }
}

async fn listen(
    name: &'static str,
    address: std::net::SocketAddr,
) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { name, source })
}

fn address(listener: &TcpListener) -> Result<std::net::SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen {
        name: "the bound address",
        source,
    })
}

const PING_EVERY: Duration = Duration::from_secs(2);
const PING_DEADLINE: Duration = Duration::from_secs(3);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
