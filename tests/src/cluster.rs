//! Controller, gateways and what they need, started together. A test owns its cluster: a database of
//! its own on a Postgres that all tests of one process share, and processes of its own. Dropping it
//! ends them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use tokio::sync::OnceCell;
use tonic::transport::Channel;

use crate::{
    admin::{Admin, connect},
    cli::Cli,
    controller::{self, Controller},
    gateway::{self, Gateway},
    pki::Pki,
    postgres::{Database, Durability, Postgres},
    redis::Redis,
    scratch::{Scratch, write_private},
    wire::Wire,
};

/// What a cluster shall be.
#[derive(Debug, Clone)]
pub struct Builder {
    gateways: Vec<Vec<SocketAddr>>,
    grpc: Option<SocketAddr>,
    wired: bool,
    networks: Networks,
    log: String,
    controller_env: Vec<(String, String)>,
    gateway_env: Vec<(String, String)>,
}

/// Which addresses upstreams may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Networks {
    /// Public ones only, as in production.
    Public,
    /// Loopback too: here, the upstreams run beside the cluster.
    Loopback,
}

/// A running cluster.
pub struct Cluster {
    // Fields are dropped in this order: processes before what they use.
    /// The gateways.
    pub gateways: Vec<Gateway>,
    /// The controller.
    pub controller: Controller,
    /// Between gateways and the controller's gRPC door, where the test wanted one.
    pub wire: Option<Wire>,
    /// Redis.
    pub redis: Redis,
    /// The database.
    pub database: Database,
    /// Signs certificates for further nodes.
    pub pki: Pki,
    bootstrap_token: String,
    cli: Cli,
    postgres: Arc<Postgres>,
    scratch: Scratch,
}

impl Cluster {
    /// Two gateways, loopback upstreams allowed, everything on free ports.
    pub fn builder() -> Builder {
        Builder {
            gateways: vec![vec![ANY], vec![ANY]],
            grpc: None,
            wired: false,
            networks: Networks::Loopback,
            log: "info".to_owned(),
            controller_env: Vec::new(),
            gateway_env: Vec::new(),
        }
    }

    /// `aldgate` with the platform's first admin token.
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// Runs `aldgate`, expects success and returns what it printed.
    pub async fn aldgate(&self, args: &[&str]) -> Result<String> {
        self.cli.ok(args).await
    }

    /// The admin API with the platform's first admin token.
    pub async fn admin(&self) -> Result<Admin> {
        Admin::new(&self.channel().await?, Some(&self.bootstrap_token))
    }

    /// A connection to the controller without a client certificate.
    pub async fn channel(&self) -> Result<Channel> {
        connect(&self.controller.endpoint(), &self.pki.ca(), None).await
    }

    /// The platform's first admin token.
    pub fn bootstrap_token(&self) -> &str {
        &self.bootstrap_token
    }

    /// The server that the database is on.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// The folder of the run.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The folder that holds the processes' output.
    pub fn logs(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    /// All that controller and gateways printed so far.
    pub fn log_text(&self) -> String {
        let gateways = self.gateways.iter().map(Gateway::log);
        gateways.chain([self.controller.log()]).collect()
    }

    /// SIGTERM to everything in the order of a shutdown, gateways first.
    pub async fn stop(&mut self) -> Result<()> {
        for gateway in &mut self.gateways {
            gateway.drain();
        }
        for gateway in &mut self.gateways {
            gateway.stop().await?;
        }
        self.controller.stop().await
    }
}

impl Builder {
    /// How many gateways, on free ports of 127.0.0.1.
    pub fn gateways(mut self, count: usize) -> Self {
        self.gateways = vec![vec![ANY]; count];
        self
    }

    /// The public addresses of each gateway.
    pub fn gateway_addresses(mut self, addresses: Vec<Vec<SocketAddr>>) -> Self {
        self.gateways = addresses;
        self
    }

    /// The address of the admin API; without it, a free port of 127.0.0.1.
    pub fn grpc_address(mut self, address: SocketAddr) -> Self {
        self.grpc = Some(address);
        self
    }

    /// Gateways reach the controller's streams over a wire that can be cut.
    pub fn wired(mut self) -> Self {
        self.wired = true;
        self
    }

    /// Which addresses upstreams may have.
    pub fn networks(mut self, networks: Networks) -> Self {
        self.networks = networks;
        self
    }

    /// The log filter of every process.
    pub fn log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.log);
        self
    }

    /// A further setting of the controller.
    pub fn controller_setting(mut self, name: &str, value: &str) -> Self {
        self.controller_env.push((name.into(), value.into()));
        self
    }

    /// A further setting of every gateway.
    pub fn gateway_setting(mut self, name: &str, value: &str) -> Self {
        self.gateway_env.push((name.into(), value.into()));
        self
    }

    /// Starts it on the Postgres that this process shares.
    pub async fn start(self) -> Result<Cluster> {
        let postgres = SHARED
            .get_or_try_init(Shared::start)
            .await?
            .postgres
            .clone();
        self.start_on(postgres, Scratch::create()?).await
    }

    /// Starts it on a Postgres of its own.
    pub async fn start_alone(self, durability: Durability) -> Result<Cluster> {
        let scratch = Scratch::create()?;
        let postgres = Postgres::start(scratch.path(), durability).await?;
        self.start_on(Arc::new(postgres), scratch).await
    }

    async fn start_on(self, postgres: Arc<Postgres>, scratch: Scratch) -> Result<Cluster> {
        let run = scratch.private("run")?;
        let database = postgres
            .create_database(&format!("c{}", uuid::Uuid::now_v7().simple()))
            .await?;
        let redis = Redis::start(&run).await?;
        let pki = Pki::create(&scratch.private("pki")?)?;
        let secrets = scratch.private("secrets")?;
        let bootstrap_token = token::AdminToken::generate().expose().to_owned();
        let token_file = secrets.join("bootstrap.token");
        write_private(&token_file, &bootstrap_token)?;
        write_private(&secrets.join("kek"), random_key()?)?;

        let controller = self.controller(&pki, &run, &secrets, &database, &redis)?;
        let controller = Controller::start(controller).await.context("controller")?;
        let wire = if self.wired {
            Some(Wire::to(controller.ports().grpc).await?)
        } else {
            None
        };
        let endpoint = match &wire {
            Some(wire) => format!("https://{}", wire.address()),
            None => controller.endpoint(),
        };
        let mut gateways = Vec::new();
        for (index, addresses) in self.gateways.iter().enumerate() {
            let mut settings = self.gateway(&pki, &run, index, addresses, &controller, &redis)?;
            let controllers = ("ALDGATE_CONTROLLERS".to_owned(), endpoint.clone());
            settings.env.insert(0, controllers);
            gateways.push(Gateway::start(settings).await.context("gateway")?);
        }
        for gateway in &mut gateways {
            gateway.ready().await.context("gateway")?;
        }
        let set = |name: &str, value: String| (name.to_owned(), value);
        let cli = Cli::new(vec![
            set("ALDGATE_ENDPOINT", controller.endpoint()),
            set("ALDGATE_CA_FILE", pki.ca().display().to_string()),
            set("ALDGATE_TOKEN_FILE", token_file.display().to_string()),
        ])?;
        Ok(Cluster {
            gateways,
            controller,
            wire,
            redis,
            database,
            pki,
            bootstrap_token,
            cli,
            postgres,
            scratch,
        })
    }

    fn controller(
        &self,
        pki: &Pki,
        run: &std::path::Path,
        secrets: &std::path::Path,
        database: &Database,
        redis: &Redis,
    ) -> Result<controller::Settings> {
        let file = |name: &str| secrets.join(name).display().to_string();
        let mut env = vec![
            ("ALDGATE_DATABASE_URL", database.app_url()),
            ("ALDGATE_DATABASE_FEED_URL", database.feed_url()),
            ("ALDGATE_DATABASE_OWNER_URL", database.owner_url()),
            ("ALDGATE_REDIS_URL", redis.url()),
            ("ALDGATE_KEK_FILE", file("kek")),
            ("ALDGATE_BOOTSTRAP_TOKEN_FILE", file("bootstrap.token")),
            ("ALDGATE_PUBLIC_SCHEME", "http".to_owned()),
            ("ALDGATE_LOG", self.log.clone()),
        ];
        env.extend(self.networks.setting("ALDGATE_ALLOWED_NETWORKS"));
        env.extend(self.networks.setting("ALDGATE_DOCUMENT_NETWORKS"));
        Ok(controller::Settings {
            name: "controller".to_owned(),
            dir: run.to_owned(),
            identity: pki.controller()?,
            grpc: self.grpc.unwrap_or(ANY),
            env: named(env, &self.controller_env),
        })
    }

    fn gateway(
        &self,
        pki: &Pki,
        run: &std::path::Path,
        index: usize,
        addresses: &[SocketAddr],
        controller: &Controller,
        redis: &Redis,
    ) -> Result<gateway::Settings> {
        let name = format!("gateway-{}", index + 1);
        let mut env = vec![
            ("ALDGATE_CONTROLLER_AUTH", controller.auth_endpoint()),
            ("ALDGATE_REDIS_URL", redis.url()),
            ("ALDGATE_LOG", self.log.clone()),
        ];
        env.extend(self.networks.setting("ALDGATE_ALLOWED_NETWORKS"));
        Ok(gateway::Settings {
            identity: pki.node("local", &name)?,
            name,
            dir: run.to_owned(),
            public: addresses.to_vec(),
            env: named(env, &self.gateway_env),
        })
    }
}

impl Networks {
    fn setting(self, name: &str) -> Option<(&str, String)> {
        match self {
            Self::Public => None,
            Self::Loopback => Some((name, "127.0.0.0/8,::1/128".into())),
        }
    }
}

fn named(env: Vec<(&str, String)>, more: &[(String, String)]) -> Vec<(String, String)> {
    let ours = env
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    ours.chain(more.iter().cloned()).collect()
}

/// 32 random bytes in hex, as `openssl rand -hex 32` would make them.
pub(crate) fn random_key() -> Result<String> {
    use std::fmt::Write as _;
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key)?;
    Ok(key.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// One Postgres for all tests of a process. It is never dropped: the kernel ends it with us, and the
/// next run sweeps its folder.
struct Shared {
    postgres: Arc<Postgres>,
    _scratch: Scratch,
}

impl Shared {
    async fn start() -> Result<Self> {
        let scratch = Scratch::create()?;
        let postgres = Postgres::start(scratch.path(), Durability::Scratch).await?;
        Ok(Self {
            postgres: Arc::new(postgres),
            _scratch: scratch,
        })
    }
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
