//! A private Postgres: its own data folder, a unix socket and no TCP port, never root. Its data is
//! thrown away at the end, so it does not wait for the disk unless asked to.

use std::{
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions,
};

use crate::process::{Death, Process, Program};

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It does not: a crash of the machine may lose data that is thrown away anyway.
    #[default]
    Scratch,
    /// It does, as in production; for measurements.
    Synced,
}

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    socket: PathBuf,
}

/// The addresses of one database, one for each role.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    socket: PathBuf,
}

impl Postgres {
    /// Makes a server in `dir` and starts it.
    pub async fn start(dir: &Path, durability: Durability) -> Result<Self> {
        let bin = programs()?;
        let home = dir.join("postgres");
        std::fs::create_dir(&home)?;
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700))?;
        let user = rustix::process::geteuid().is_root().then_some("postgres");
        if let Some(user) = user {
            let (uid, gid) = ids_of(user)?;
            chown(&home, Some(uid), Some(gid))?;
        }
        let data = home.join("data");
        init(&bin, &data, user, dir).await?;

        let mut server = Program::at("postgres", bin.join("postgres"), dir);
        server.user = user;
        server.death = Death::Interrupt;
        server = server
            .args(["-D"])
            .args([&data])
            .args(["-k"])
            .args([&home])
            .args(["-h", ""])
            .args(["-c", "shared_buffers=32MB", "-c", "max_connections=300"]);
        if durability == Durability::Scratch {
            server = server.args([
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "full_page_writes=off",
            ]);
        }
        let mut process = server.spawn()?;
        let admin = options(&home, "postgres", SUPERUSER);
        let mut connection = process
            .until(START, async || {
                PgConnection::connect_with(&admin).await.ok()
            })
            .await?;
        connection
            .execute(
                "CREATE ROLE aldgate_owner LOGIN CREATEROLE;
                 CREATE ROLE aldgate_app LOGIN;
                 CREATE ROLE aldgate_feed LOGIN;",
            )
            .await?;
        connection.close().await?;
        Ok(Self {
            process,
            socket: home,
        })
    }

    /// Makes an empty database.
    pub async fn create_database(&self, name: &str) -> Result<Database> {
        let mut connection = options(&self.socket, "postgres", SUPERUSER)
            .connect()
            .await?;
        let statement = format!("CREATE DATABASE \"{name}\" OWNER aldgate_owner");
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await?;
        Ok(Database {
            name: name.to_owned(),
            socket: self.socket.clone(),
        })
    }

    /// Stops it; what is connected is cut.
    pub async fn stop(&mut self) -> Result<()> {
        self.process
            .stop(Signal::INT, Duration::from_secs(10))
            .await?;
        Ok(())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the role that owns it and migrates.
    pub fn owner_url(&self) -> String {
        self.url("aldgate_owner")
    }

    /// As the role that the admin API uses.
    pub fn app_url(&self) -> String {
        self.url("aldgate_app")
    }

    /// As the role that the config stream uses.
    pub fn feed_url(&self) -> String {
        self.url("aldgate_feed")
    }

    /// As the superuser, whom row-level security does not bind: for tests that look or tamper.
    pub fn superuser_url(&self) -> String {
        self.url(SUPERUSER)
    }

    /// A connection as the superuser.
    pub async fn connect(&self) -> Result<PgConnection> {
        Ok(options(&self.socket, &self.name, SUPERUSER)
            .connect()
            .await?)
    }

    /// Everything in it as SQL text (`pg_dump`).
    pub fn dump(&self) -> Result<String> {
        let output = Command::new(programs()?.join("pg_dump"))
            .arg(self.superuser_url())
            .output()
            .context("running pg_dump")?;
        if !output.status.success() {
            bail!("pg_dump: {}", String::from_utf8_lossy(&output.stderr));
        }
        // Newer versions frame a dump in a key of their own, another one each time.
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines();
        let kept = lines
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        Ok(kept.collect::<Vec<_>>().join("\n"))
    }

    fn url(&self, role: &str) -> String {
        format!(
            "postgres://{role}@localhost/{}?host={}",
            self.name,
            self.socket.display()
        )
    }
}

/// The folder with the newest server programs: `ALDGATE_PG_BIN`, else Debian's, else none.
fn programs() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("ALDGATE_PG_BIN") {
        return Ok(dir.into());
    }
    let majors = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = majors
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max();
    match newest {
        Some(major) if major >= 15 => Ok(format!("/usr/lib/postgresql/{major}/bin").into()),
        _ => bail!(
            "no Postgres 15 or newer; install the Debian package `postgresql` or set ALDGATE_PG_BIN"
        ),
    }
}

async fn init(bin: &Path, data: &Path, user: Option<&'static str>, logs: &Path) -> Result<()> {
    let mut initdb = Program::at("initdb", bin.join("initdb"), logs);
    initdb.user = user;
    let mut running = initdb
        .args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8"])
        .args(["--locale=C.UTF-8", "--no-sync", "-D"])
        .args([data])
        .spawn()?;
    let status = running.wait(START).await?;
    if !status.success() {
        bail!("initdb: {status}\n{}", running.output());
    }
    Ok(())
}

fn options(socket: &Path, database: &str, role: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(5432)
        .username(role)
        .database(database)
}

fn ids_of(user: &str) -> Result<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&user))
        .and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))
        .with_context(|| format!("there is no user {user}; Postgres does not run as root"))
}

const SUPERUSER: &str = "aldgate_super";
const START: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn a_private_server_takes_connections_of_every_role_and_stops() {
        let scratch = Scratch::create().unwrap();
        let mut server = Postgres::start(scratch.path(), Durability::Scratch)
            .await
            .unwrap();
        let database = server.create_database("first").await.unwrap();
        for url in [
            database.owner_url(),
            database.app_url(),
            database.feed_url(),
        ] {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let (who,): (String,) = sqlx::query_as("SELECT current_database()::text")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(who, "first");
        }
        assert!(
            database
                .dump()
                .unwrap()
                .contains("PostgreSQL database dump")
        );
        server.stop().await.unwrap();
        assert!(PgConnection::connect(&database.app_url()).await.is_err());
    }
}
