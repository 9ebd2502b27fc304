//! Wiring: what starts in which order, and what stops in which. The cores serve requests; everything
//! that talks to controllers or operators runs on a small runtime of its own, so that neither can
//! starve the other.

mod cores;

use std::io;

use egress::{Dialer, Resolver};
use runtime::{
    clock::Clock,
    ops::{self, Ops},
    port_file::{PortFile, PortFileError},
    shutdown::{self, Shutdown, Tasks},
    telemetry::Telemetry,
};
use tokio::net::TcpListener;

pub use cores::{Cores, CoresError, Parts};

use crate::{
    authn::{jwt::Jwt, uses::GrantUses},
    config::{self, Config, Gates, Source},
    limit::Limiter,
    revocation::{self, Revocations},
    settings::Settings,
};

/// The process failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The control runtime.
    #[error("starting the control runtime")]
    Runtime(#[source] io::Error),
    /// The ops port.
    #[error("cannot listen on the ops port")]
    Ops(#[source] io::Error),
    /// The cores.
    #[error(transparent)]
    Cores(#[from] CoresError),
    /// The file with the addresses.
    #[error(transparent)]
    PortFile(#[from] PortFileError),
}

/// Runs the gateway until it is told to stop and has drained.
pub fn run(settings: Settings, telemetry: &Telemetry) -> Result<(), AppError> {
    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?;
    control.block_on(serve(settings, telemetry))
}

async fn serve(settings: Settings, telemetry: &Telemetry) -> Result<(), AppError> {
    let (shutdown, tasks, config) = (Shutdown::new(), Tasks::new(), Config::new());
    let deadline = settings.data.serve.drain_deadline;
    let ops_port = TcpListener::bind(settings.ops)
        .await
        .map_err(AppError::Ops)?;
    let ops_address = ops_port.local_addr().map_err(AppError::Ops)?;

    let revocations = Revocations::new();
    tasks.spawn("revocations", revocations.clone().keep(shutdown.hard()));
    if let Some(url) = settings.rates.redis.clone() {
        tasks.spawn(
            "revocations in redis",
            revocation::follow(revocations.clone(), url, shutdown.hard()),
        );
    }
    let (limiter, keeper) = Limiter::new(settings.rates);
    tasks.spawn("limits", keeper.run(shutdown.hard()));
    let dialer = Dialer::new(settings.policy, Resolver::System, settings.trust);
    let (jwt, uses) = (Jwt::new(dialer.clone()), GrantUses::new());
    let cores = Cores::start(Parts {
        settings: settings.data,
        config: config.clone(),
        dialer,
        jwt: jwt.clone(),
        uses: uses.clone(),
        revocations: revocations.clone(),
        limiter,
        clock: Clock::system(),
        node: settings.node.node.as_str().to_owned(),
        access: Box::new(io::stdout()),
        shutdown: shutdown.clone(),
    })?;
    let ops = Ops::new(telemetry.metrics());
    let gates = Gates {
        config: ops.gate("config"),
        leases: ops.gate("leases"),
    };
    let source = Source {
        controllers: settings.controllers,
        tls: settings.identity,
        node: settings.node,
        clock: Clock::system(),
        jwt: Some(jwt.clone()),
        uses,
        revocations,
    };
    ops::serve(ops_port, ops.clone(), &tasks).await;
    tasks.spawn("issuers' keys", jwt.run(tasks.clone(), shutdown.hard()));
    tasks.spawn(
        "config",
        config::run(config, source, gates, shutdown.hard()),
    );
    if let Some(path) = &settings.port_file {
        PortFile::new()
            .many("public", cores.addresses())
            .one("ops", ops_address)
            .write(path)?;
    }
    tracing::info!(public = ?cores.addresses(), ops = %ops_address, "listening");

    shutdown::signal().await;
    ops.drain();
    shutdown.soft().cancel();
    tokio::select! {
        () = cores.finish() => {}
        () = shutdown::signal() => tracing::warn!("told to stop twice: not waiting for replies"),
    }
    // Config stays current while the node drains.
    shutdown.hard().cancel();
    tasks.finish(deadline).await;
    tracing::info!("stopped");
    Ok(())
}

const CONTROL_THREADS: usize = 2;
