//! The controller as a child: its settings, its start, and what tests do to it. It keeps its port over
//! a restart, so that nodes find it again.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use rustix::process::Signal;
use serde::Deserialize;

use crate::{
    http::Request,
    pki::Files,
    process::{Process, Program},
};

/// What a controller is started with; names follow its settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in logs.
    pub name: String,
    /// Its folder: port file and output.
    pub dir: PathBuf,
    /// Its certificate.
    pub identity: Files,
    /// Where its gRPC door shall be.
    pub grpc: SocketAddr,
    /// Everything else, by variable.
    pub env: Vec<(String, String)>,
}

/// A running controller; dropping it kills it.
#[derive(Debug)]
pub struct Controller {
    settings: Settings,
    process: Process,
    ports: Ports,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Ports {
    /// The gRPC door.
    pub grpc: SocketAddr,
    /// The auth door.
    pub auth: SocketAddr,
    /// The ops door.
    pub ops: SocketAddr,
}

impl Controller {
    /// Starts it and waits until it is ready.
    pub async fn start(settings: Settings) -> Result<Self> {
        let mut process = program(&settings, settings.wanted())?.spawn()?;
        let ports = ports(&mut process, &settings.dir, &settings.name).await?;
        let mut controller = Self {
            settings,
            process,
            ports,
        };
        controller.ready().await?;
        Ok(controller)
    }

    /// Starts it with these settings and expects it to refuse; returns what it printed.
    pub async fn refuses(settings: &Settings) -> Result<String> {
        let mut process = program(settings, settings.wanted())?.spawn()?;
        let status = process.wait(START).await?;
        anyhow::ensure!(!status.success(), "it did not refuse");
        Ok(process.output())
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let ops = self.ports.ops;
        self.process.until(START, async || ready(ops).await).await
    }

    /// SIGKILL; the port stays ours for `restart`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and waits until it is gone.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(Signal::TERM, STOP).await?;
        Ok(())
    }

    /// Starts it again on the same ports, killing it first if it runs.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = program(&self.settings, self.ports)?.spawn()?;
        self.ports = ports(&mut self.process, &self.settings.dir, &self.settings.name).await?;
        self.ready().await
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The address that nodes and `aldgate` use.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.ports.grpc)
    }

    /// The address that nodes forward to.
    pub fn auth_endpoint(&self) -> String {
        format!("https://{}", self.ports.auth)
    }

    /// What it was started with, to start another like it.
    pub fn settings(&self) -> &Settings {
        &self.settings
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

impl Settings {
    fn wanted(&self) -> Ports {
        let any = ([127, 0, 0, 1], 0).into();
        Ports {
            grpc: self.grpc,
            auth: any,
            ops: any,
        }
    }
}

fn program(settings: &Settings, ports: Ports) -> Result<Program> {
    let mut program = Program::ours(&settings.name, "aldgate-controller", &settings.dir)?;
    let set = |name: &str, value: String| (name.to_owned(), value);
    program.env = vec![
        set("ALDGATE_GRPC_ADDR", ports.grpc.to_string()),
        set("ALDGATE_AUTH_ADDR", ports.auth.to_string()),
        set("ALDGATE_OPS_ADDR", ports.ops.to_string()),
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

/// The variables that name an identity's files.
pub(crate) fn identity(files: &Files) -> Vec<(String, String)> {
    [
        ("ALDGATE_TLS_CERT_FILE", &files.cert),
        ("ALDGATE_TLS_KEY_FILE", &files.key),
        ("ALDGATE_TLS_CA_FILE", &files.ca),
    ]
    .map(|(name, path)| (name.to_owned(), path.display().to_string()))
    .to_vec()
}

/// Where a process writes the addresses it got.
pub(crate) fn port_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.ports.json"))
}

/// Waits for the addresses.
pub(crate) async fn ports<T: serde::de::DeserializeOwned>(
    process: &mut Process,
    dir: &Path,
    name: &str,
) -> Result<T> {
    let path = port_file(dir, name);
    process
        .until(START, async || {
            serde_json::from_slice(&std::fs::read(&path).ok()?).ok()
        })
        .await
}

/// Asks an ops door once.
pub(crate) async fn ready(ops: SocketAddr) -> Option<()> {
    let answer = Request::get("/readyz").send(ops).await.ok()?;
    answer.status.is_success().then_some(())
}

pub(crate) const START: Duration = Duration::from_secs(30);
pub(crate) const STOP: Duration = Duration::from_secs(40);
