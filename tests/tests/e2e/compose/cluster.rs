//! The compose file's cluster without containers: the same programs with the same arguments and the
//! same variables; only addresses and paths are those of this machine.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _};
use tests::{
    cli::Cli,
    http::Request,
    postgres::{Database, Durability, Postgres},
    process::{Process, Program},
    redis::Redis,
    scratch::Scratch,
};

use super::{
    file::{File, SECRETS, root},
    make_secrets,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_processes_know_every_variable_and_become_ready() -> Result<()> {
    let mut here = Here::prepare().await?;
    let mut controller = here.start("controller").await?;
    here.controller = Some(controller.port("grpc")?);
    here.auth = Some(controller.port("auth")?);
    controller.ready().await?;
    let mut gateways = Vec::new();
    for name in ["gateway-1", "gateway-2"] {
        let mut gateway = here.start(name).await?;
        gateway.ready().await?;
        gateways.push(gateway);
    }
    for running in gateways.iter().chain([&controller]) {
        assert_eq!(
            complaints(&running.process.output()),
            Vec::<String>::new(),
            "{}",
            running.process.name()
        );
    }
    here.the_nodes_trust_the_controllers_name().await?;
    here.the_demo_server_can_be_registered_and_our_own_addresses_cannot()
        .await?;
    for gateway in &gateways {
        let public = gateway.ports["public"][0].as_str().context("a door")?;
        let asked = Request::post("/sessions", r#"{"user":"alice"}"#)
            .host("localhost:8080")
            .bearer("mcp_sk_unknown");
        let answer = asked.send(public.parse()?).await?;
        assert_eq!(answer.status, 401, "a controller answered");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_variable_would_be_seen() -> Result<()> {
    let mut here = Here::prepare().await?;
    for service in ["controller", "gateway-1"] {
        let wanted = here.file.services.get_mut(service).context("it is there")?;
        wanted.environment.insert(MISSPELT.into(), "1".into());
        let running = here.start(service).await?;
        let seen = complaints(&running.process.output());
        ensure!(
            seen.len() == 1 && seen[0].contains(MISSPELT),
            "{service}: {seen:?}"
        );
        // The gateway does not get to talk to it, but must have its address.
        here.controller = here.controller.or_else(|| running.port("grpc").ok());
        here.auth = here.auth.or_else(|| running.port("auth").ok());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_server_takes_its_arguments_and_its_credential_by_any_name() -> Result<()> {
    let here = Here::prepare().await?;
    let demo = here.start("demo").await?;
    let credential = std::fs::read_to_string(here.secrets.join("demo-credential"))?;
    let call = || {
        Request::post("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#)
            .host("demo:9101")
    };
    let address = demo.port("mcp")?;
    let with = call().bearer(&credential);
    assert_eq!(with.send(address).await?.status, 200);
    assert_eq!(call().send(address).await?.status, 401);
    Ok(())
}

/// What the containers would find around them.
struct Here {
    file: File,
    secrets: PathBuf,
    database: Database,
    controller: Option<SocketAddr>,
    auth: Option<SocketAddr>,
    redis: Redis,
    _postgres: Postgres,
    scratch: Scratch,
}

struct Running {
    process: Process,
    ports: Value,
}

impl Here {
    async fn prepare() -> Result<Self> {
        let file = File::read()?;
        let scratch = Scratch::create()?;
        let secrets = scratch.path().join("secrets");
        make_secrets(&file, &secrets)?;
        let postgres = Postgres::start(scratch.path(), Durability::Scratch).await?;
        let database = postgres.create_database("aldgate").await?;
        // As the database image leaves it: the owner is a superuser, the other roles are the file's.
        let roles = std::fs::read_to_string(root().join("docker/postgres-roles.sql"))?;
        let mut connection = database.connect().await?;
        connection
            .execute(
                "DROP ROLE aldgate_app; DROP ROLE aldgate_feed; ALTER ROLE aldgate_owner SUPERUSER",
            )
            .await?;
        connection.execute(AssertSqlSafe(roles)).await?;
        Ok(Self {
            file,
            secrets,
            database,
            controller: None,
            auth: None,
            redis: Redis::start(scratch.path()).await?,
            _postgres: postgres,
            scratch,
        })
    }

    /// Starts a service and waits until its doors are open.
    async fn start(&self, service: &str) -> Result<Running> {
        let wanted = &self.file.services[service];
        let (file, args) = wanted.command.split_first().context("it runs something")?;
        let mut program = Program::ours(service, file, self.scratch.path())?;
        for word in args {
            program.args.push(self.local(word)?.into());
        }
        for (name, value) in &wanted.environment {
            program.env.push((name.clone(), self.local(value)?));
        }
        let port_file = self.scratch.path().join(format!("{service}.ports.json"));
        if service == "demo" {
            program = program.args(["--port-file"]).args([&port_file]);
        } else {
            program
                .env
                .push(("ALDGATE_PORT_FILE".into(), port_file.display().to_string()));
        }
        let mut process = program.spawn()?;
        let read = async || serde_json::from_slice(&std::fs::read(&port_file).ok()?).ok();
        let ports = process.until(START, read).await?;
        Ok(Running { process, ports })
    }

    /// A value of the compose file as it must be on this machine.
    fn local(&self, value: &str) -> Result<String> {
        if let Some(secret) = value.strip_prefix(SECRETS) {
            return Ok(format!("{}{secret}", self.secrets.display()));
        }
        if value.starts_with("0.0.0.0:") {
            return Ok("127.0.0.1:0".to_owned());
        }
        if let Some(login) = value.strip_prefix("postgres://") {
            return self.database_url(login);
        }
        if value == "redis://redis:6379" {
            return Ok(self.redis.url());
        }
        if let Some(port) = value.strip_prefix("https://controller:") {
            let listens = &self.file.services["controller"].environment;
            let is_auth = listens["ALDGATE_AUTH_ADDR"].ends_with(&format!(":{port}"));
            let door = if is_auth { self.auth } else { self.controller };
            let address = door.context("the controller is started first")?;
            return Ok(format!("https://{address}"));
        }
        Ok(value.to_owned())
    }

    /// The address for the same role. Our Postgres asks for no password, so the password is compared
    /// with the one that the role was made with.
    fn database_url(&self, login: &str) -> Result<String> {
        let Some((role, password)) = login
            .strip_suffix("@postgres/aldgate")
            .and_then(|it| it.split_once(':'))
        else {
            bail!("not a login of the compose file's database");
        };
        let made = &self.file.services["postgres"].environment;
        assert_eq!(made["POSTGRES_DB"], "aldgate");
        if role == made["POSTGRES_USER"] {
            assert_eq!(password, made["POSTGRES_PASSWORD"]);
            return Ok(self.database.owner_url());
        }
        let roles = std::fs::read_to_string(root().join("docker/postgres-roles.sql"))?;
        ensure!(
            roles.contains(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}';")),
            "{role}"
        );
        match role {
            "aldgate_app" => Ok(self.database.app_url()),
            "aldgate_feed" => Ok(self.database.feed_url()),
            _ => bail!("{role} is a role of nobody"),
        }
    }

    /// Only a name resolution stands between this and what a gateway does in its container.
    async fn the_nodes_trust_the_controllers_name(&self) -> Result<()> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.secrets.join("ca.pem"))?)?;
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let url: url::Url =
            self.file.services["gateway-1"].environment["ALDGATE_CONTROLLERS"].parse()?;
        let name = ServerName::try_from(url.host_str().context("a host")?.to_owned())?;
        let stream = tokio::net::TcpStream::connect(self.controller.context("it runs")?).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        Ok(())
    }

    async fn the_demo_server_can_be_registered_and_our_own_addresses_cannot(&self) -> Result<()> {
        let variables = &self.file.services["aldgate"].environment;
        let local = variables
            .iter()
            .map(|(name, value)| Ok((name.clone(), self.local(value)?)));
        let cli = Cli::new(local.collect::<Result<_>>()?)?;
        cli.ok(&["tenant", "create", "demo", "--host", "localhost:8080"])
            .await?;
        let server = |name, url| ["server", "create", name, "--tenant", "demo", "--url", url];
        let credential = self.secrets.join("demo-credential").display().to_string();
        let login = [
            "--auth-scheme",
            "bearer",
            "--auth-credential-file",
            &credential,
        ];
        let demo = server("demo", "http://172.30.0.20:9101/mcp");
        cli.ok(&[&demo[..], &login, &["--wait"]].concat()).await?;
        for own in [
            "http://172.30.0.10:9090/",
            "http://172.30.0.2/",
            "http://172.30.0.21/",
        ] {
            let refused = cli.run(&server("own", own)).await?;
            ensure!(
                refused.code != 0 && refused.stderr.contains("url"),
                "{own}: {refused:?}"
            );
        }
        Ok(())
    }
}

impl Running {
    fn port(&self, door: &str) -> Result<SocketAddr> {
        let address = self.ports[door]
            .as_str()
            .with_context(|| format!("{door} is no door"))?;
        Ok(address.parse()?)
    }

    async fn ready(&mut self) -> Result<()> {
        let ops = self.port("ops")?;
        let ask = async || {
            let answer = Request::get("/readyz").send(ops).await.ok()?;
            answer.status.is_success().then_some(())
        };
        self.process.until(START, ask).await
    }
}

/// The warnings about variables in a log.
fn complaints(log: &str) -> Vec<String> {
    let lines = log
        .lines()
        .filter(|line| line.contains("\"WARN\"") && line.contains("ALDGATE_"));
    lines.map(str::to_owned).collect()
}

const MISSPELT: &str = "ALDGATE_PUBLIC_SCHEMA";
const START: Duration = Duration::from_secs(30);
