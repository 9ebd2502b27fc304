//! A Redis of its own for each test, on a unix socket in a temporary folder.

use std::{
    io::Read as _,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Client, Connection, FromRedisValue, RedisResult};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) struct Server {
    child: Child,
    dir: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = spawn(&dir);
        Self { child, dir }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", socket(&self.dir).display())
    }

    /// A connection that waits for the server, but not for ever.
    pub(crate) fn connection(&self) -> Connection {
        let connection = Client::open(self.url()).unwrap().get_connection().unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        connection
    }

    pub(crate) fn run<T: FromRedisValue>(&self, words: &str) -> RedisResult<T> {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        command.query(&mut self.connection())
    }

    /// How often scripts ran.
    pub(crate) fn scripts(&self) -> u64 {
        let stats: String = self.run("INFO commandstats").unwrap();
        let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse().ok();
        let line = stats
            .lines()
            .find(|line| line.starts_with("cmdstat_evalsha:"));
        line.and_then(calls).unwrap_or(0u64)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again, empty.
    pub(crate) fn restart(&mut self) {
        self.kill();
        std::fs::remove_file(socket(&self.dir)).unwrap();
        self.child = spawn(&self.dir);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("redis.sock")
}

fn spawn(dir: &TempDir) -> Child {
    let socket = socket(dir);
    let mut child = Command::new("/usr/bin/redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no"])
        .args(["--unixsocketperm", "700"])
        .arg("--unixsocket")
        .arg(&socket)
        .arg("--dir")
        .arg(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Debian package redis-server");
    // It says that it is ready on standard output, then serves; reading to that line waits no longer
    // than needed.
    let mut said = Vec::new();
    let mut out = child.stdout.take().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while !String::from_utf8_lossy(&said).contains("ready to accept") {
        let mut part = [0; 1024];
        let length = out.read(&mut part).unwrap();
        assert!(length > 0 && Instant::now() < end, "it did not start");
        said.extend_from_slice(&part[..length]);
    }
    UnixStream::connect(&socket).unwrap();
    // What it goes on to say must not stop it.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    child
}
