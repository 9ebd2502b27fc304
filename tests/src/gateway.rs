//! A gateway as a child: its settings, its start, and what tests do to it. It keeps its ports over a
//! restart, as a node behind a load balancer does.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::Deserialize;

use crate::{
    controller::{START, STOP, identity, port_file, ports, ready},
    http::Request,
    pki::Files,
    process::{Process, Program},
};

/// What a gateway is started with; names follow its settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in logs.
    pub name: String,
    /// Its folder: port file and output.
    pub dir: PathBuf,
    /// Its certificate, which names pool and node.
    pub identity: Files,
    /// Where its public door shall be.
    pub public: Vec<SocketAddr>,
    /// Everything else, by variable.
    pub env: Vec<(String, String)>,
}

/// A running gateway; dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    process: Process,
    ports: Ports,
}

/// Where it listens.
#[derive(Debug, Clone, Deserialize)]
pub struct Ports {
    /// The public doors.
    pub public: Vec<SocketAddr>,
    /// The ops door.
    pub ops: SocketAddr,
}

impl Gateway {
    /// Starts it and waits until its doors are open; `ready` tells when it may be called.
    pub async fn start(settings: Settings) -> Result<Self> {
        let any = ([127, 0, 0, 1], 0).into();
        let mut process = program(&settings, any)?.spawn()?;
        let ports: Ports = ports(&mut process, &settings.dir, &settings.name).await?;
        Ok(Self {
            settings,
            process,
            ports,
        })
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let ops = self.ports.ops;
        self.process.until(START, async || ready(ops).await).await
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM without waiting: it drains.
    pub fn drain(&mut self) {
        self.process.signal(Signal::TERM);
    }

    /// SIGTERM, and waits until it is gone.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(Signal::TERM, STOP).await?;
        Ok(())
    }

    /// Starts it again on the same ports, killing it first if it runs, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.settings.public.clone_from(&self.ports.public);
        self.process = program(&self.settings, self.ports.ops)?.spawn()?;
        self.ports = ports(&mut self.process, &self.settings.dir, &self.settings.name).await?;
        self.ready().await
    }

    /// The address of its first public door.
    pub fn address(&self) -> SocketAddr {
        self.ports.public[0]
    }

    /// Where it listens.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Its origin as a client on this machine types it.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address().port())
    }

    /// Its metrics, in the Prometheus format.
    pub async fn metrics(&self) -> Result<String> {
        let answer = Request::get("/metrics").send(self.ports.ops).await;
        Ok(answer.context("asking for metrics")?.text())
    }

    /// The child.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// All it printed.
    pub fn log(&self) -> String {
        self.process.output()
    }
}

fn program(settings: &Settings, ops: SocketAddr) -> Result<Program> {
    let mut program = Program::ours(&settings.name, "aldgate-gateway", &settings.dir)?;
    let set = |name: &str, value: String| (name.to_owned(), value);
    let public: Vec<_> = settings.public.iter().map(ToString::to_string).collect();
    program.env = vec![
        set("ALDGATE_PUBLIC_ADDR", public.join(",")),
        set("ALDGATE_OPS_ADDR", ops.to_string()),
        set(
            "ALDGATE_PORT_FILE",
            port_file(&settings.dir, &settings.name)
                .display()
                .to_string(),
        ),
    ];
    program.env.extend(identity(&settings.identity));
    program.env.extend(settings.env.clone());
    // What is left of an earlier start would be believed.
    let _ = std::fs::remove_file(port_file(&settings.dir, &settings.name));
    Ok(program)
}
