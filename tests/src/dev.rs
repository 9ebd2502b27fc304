//! `./dev up`: the stack with a demo server and a demo tenant, on fixed ports, for a person.

/// What the person sees.
pub mod talk;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    cluster::Cluster,
    demo::Demo,
    person::Person,
    postgres::Durability,
    seed::{self, Seed, Seeded},
    state::{Ops, Pids, State, User},
};

/// What `up` shall start.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The gateways' ports.
    pub ports: Vec<u16>,
    /// The admin API's port; 0 means any.
    pub admin_port: u16,
    /// The demo server's port; 0 means any.
    pub demo_port: u16,
    /// The log filter of every process.
    pub log: String,
}

/// A running stack; dropping it ends it.
pub struct Stack {
    /// Controller, gateways and stores.
    pub cluster: Cluster,
    /// What was planted.
    pub seeded: Seeded,
    /// What scripts are told.
    pub state: State,
    demo: Demo,
}

impl Stack {
    /// Starts it and plants the demo tenant.
    pub async fn start(wanted: &Wanted) -> Result<Self> {
        let addresses: Vec<_> = wanted.ports.iter().map(|&port| loopback(port)).collect();
        for address in addresses.iter().flatten() {
            free(*address, "--ports")?;
        }
        let grpc = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted.admin_port));
        free(grpc, "--admin-port")?;
        let cluster = Cluster::builder()
            .gateway_addresses(addresses)
            .grpc_address(grpc)
            .log(&wanted.log)
            .start_alone(Durability::Scratch)
            .await?;
        let secrets = cluster.scratch().private("secrets")?;
        let credential = format!("demo-{}", uuid::Uuid::new_v4().simple());
        let demo = Demo::start(&cluster.logs(), "demo", &credential, wanted.demo_port).await?;
        let hosts: Vec<_> = wanted
            .ports
            .iter()
            .map(|port| format!("localhost:{port}"))
            .collect();
        let Some((host, aliases)) = hosts.split_first() else {
            bail!("at least one gateway is needed; give `--ports` one");
        };
        let seeded = Seed {
            tenant: DEMO,
            host,
            aliases,
            server: DEMO,
            url: &demo.url(),
            credential_file: Some(demo.credential_file()),
        }
        .plant(cluster.cli(), &secrets)
        .await?;
        let person = Person {
            login: "demo@example.com".to_owned(),
            password: format!("demo-{}", uuid::Uuid::new_v4().simple()),
        };
        seed::invite(cluster.cli(), &secrets, DEMO, &person).await?;
        let state = State {
            user: Some(User {
                name: person.login,
                password: person.password,
            }),
            ..state(&cluster, &demo, &seeded, &hosts)
        };
        Ok(Self {
            cluster,
            seeded,
            state,
            demo,
        })
    }

    /// The first child found to have ended, with what it said.
    pub fn broken(&mut self) -> Option<String> {
        let gateways = self.cluster.gateways.iter_mut();
        let mut processes = gateways
            .map(crate::gateway::Gateway::process)
            .chain([self.cluster.controller.process(), self.demo.process()]);
        processes.find_map(|process| {
            let status = process.exited()?;
            Some(format!("{} ended: {status}", process.name()))
        })
    }
}

fn state(cluster: &Cluster, demo: &Demo, seeded: &Seeded, hosts: &[String]) -> State {
    let origins: Vec<_> = hosts.iter().map(|host| format!("http://{host}")).collect();
    let issuer = origins[0].clone();
    let ops = |address: SocketAddr| format!("http://{address}");
    State {
        bin: cluster.cli().program.clone(),
        mcp_url: format!("{issuer}/mcp/{DEMO}"),
        issuer,
        gateways: origins,
        api_key: seeded.api_key.clone(),
        admin: cluster.controller.endpoint(),
        ca: cluster.pki.ca(),
        admin_token: cluster.bootstrap_token().to_owned(),
        tenant: DEMO.to_owned(),
        server: DEMO.to_owned(),
        user: None,
        ops: Ops {
            gateways: cluster
                .gateways
                .iter()
                .map(|gateway| ops(gateway.ports().ops))
                .collect(),
            controller: ops(cluster.controller.ports().ops),
        },
        pids: Pids {
            launcher: std::process::id(),
            postgres: cluster.postgres().pid(),
            redis: cluster.redis.pid(),
            controller: cluster.controller.pid(),
            gateways: cluster
                .gateways
                .iter()
                .map(crate::gateway::Gateway::pid)
                .collect(),
            demo: demo.pid(),
        },
        env: cluster.cli().env.iter().cloned().collect(),
    }
}

/// Ends the stack that `path` tells of; false when none runs.
pub async fn down(path: &Path) -> Result<bool> {
    let Some(state) = State::read(path)? else {
        let _ = std::fs::remove_file(path);
        return Ok(false);
    };
    let launcher = i32::try_from(state.pids.launcher)
        .ok()
        .and_then(Pid::from_raw);
    if let Some(launcher) = launcher {
        kill_process(launcher, Signal::TERM)?;
    }
    let waited = tokio::time::timeout(DOWN, async {
        while State::read(path)?.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    });
    match waited.await {
        Ok(done) => done.map(|()| true),
        Err(_) => bail!("the stack did not end within {DOWN:?}"),
    }
}

/// Both loopback addresses; `localhost` is either, depending on the client.
fn loopback(port: u16) -> Vec<SocketAddr> {
    let families = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let has = |ip: &IpAddr| TcpListener::bind((*ip, 0)).is_ok();
    let present = families.into_iter().filter(has);
    present.map(|ip| SocketAddr::new(ip, port)).collect()
}

/// Gateways share ports among their cores, so two stacks would silently share them too.
fn free(address: SocketAddr, flag: &str) -> Result<()> {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{address} is in use; choose another port with `./dev up {flag} …`")
        }
        _ => Ok(()),
    }
}

const DEMO: &str = "demo";
const DOWN: Duration = Duration::from_mins(1);
