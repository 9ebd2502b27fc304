//! A private Postgres: a child on a unix socket in a temporary folder, with the three roles.

use std::{
    fs,
    os::unix::fs::chown,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// Stops with the test that started it.
pub(crate) struct Postgres {
    child: Option<Child>,
    folder: TempDir,
}

impl Postgres {
    /// Starts one with an empty database `aldgate`.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("aldgate-pg-")
            .tempdir()
            .unwrap();
        let ids = owner_of_server();
        if let Some((user, group)) = ids {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = folder.path().join("data");
        let status = as_postgres(ids, "initdb")
            .args([
                "-U",
                "root",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .expect("Postgres is installed; ./dev test does it");
        assert!(status.success());
        let mut postgres = Self {
            child: None,
            folder,
        };
        postgres.resume();
        let mut root = postgres.connect("root", "postgres").await;
        for statement in [
            "CREATE ROLE aldgate_owner LOGIN",
            "CREATE ROLE aldgate_app LOGIN",
            "CREATE ROLE aldgate_feed LOGIN",
            "CREATE DATABASE aldgate OWNER aldgate_owner",
        ] {
            sqlx::query(statement).execute(&mut root).await.unwrap();
        }
        postgres
    }

    /// Where it is, for this role.
    pub(crate) fn address(&self, role: &str) -> String {
        self.address_of(role, "aldgate")
    }

    /// A connection to the database with this role; waits until it takes any.
    pub(crate) async fn connect(&self, role: &str, database: &str) -> PgConnection {
        let address = self.address_of(role, database);
        let start = Instant::now();
        loop {
            match PgConnection::connect(&address).await {
                Ok(connection) => return connection,
                Err(error) if start.elapsed() > Duration::from_secs(20) => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(15)).await,
            }
        }
    }

    /// Stops it at once, as a power failure would for those who use it.
    pub(crate) fn halt(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGQUIT: immediate shutdown of the whole family.
            let pid = child.id().to_string();
            Command::new("kill").args(["-QUIT", &pid]).status().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again.
    pub(crate) fn resume(&mut self) {
        let child = as_postgres(owner_of_server(), "postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .arg("-k")
            .arg(self.folder.path())
            .args(["-h", "", "-c", "fsync=off", "-c", "max_connections=60"])
            .args(["-c", "shared_buffers=32MB"])
            .stderr(fs::File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn address_of(&self, role: &str, database: &str) -> String {
        let folder = self.folder.path().display();
        format!("postgres://{role}@localhost/{database}?host={folder}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Postgres refuses to run as root: then it runs as its own user. It dies with this thread.
fn as_postgres(ids: Option<(u32, u32)>, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    if let Some((user, group)) = ids {
        command.args([format!("--reuid={user}"), format!("--regid={group}")]);
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig", "INT", "--"]);
    command.arg(newest_installed().join(program));
    command
}

fn owner_of_server() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn newest_installed() -> std::path::PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").expect("Postgres is installed; ./dev test does it");
    let newest = versions.map(|entry| entry.unwrap().path()).max();
    newest.expect("Postgres is installed").join("bin")
}

/// Everything in the database but what only running changes, to see whether something was written.
pub(crate) fn dump(address: &str) -> String {
    let output = Command::new(newest_installed().join("pg_dump"))
        .args(["--dbname", address])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    // Newer versions put a random word into every dump.
    text.lines()
        .filter(|line| !line.contains("restrict "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

/// Takes away a column without which a refresh cannot go step by step, and which the short way does not
/// read: whoever is answered then went the short way.
pub(crate) const CLOSE_THE_LONG_WAY: &str = "ALTER TABLE oauth_clients RENAME slug TO away";
pub(crate) const OPEN_THE_LONG_WAY: &str = "ALTER TABLE oauth_clients RENAME away TO slug";
