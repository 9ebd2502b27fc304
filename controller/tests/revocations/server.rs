//! A Redis of its own for each test, on a unix socket in a temporary folder.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Client, aio::MultiplexedConnection};
use tempfile::TempDir;

pub(crate) struct Server {
    child: Child,
    dir: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new("/usr/bin/redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--unixsocketperm", "700", "--unixsocket"])
            .arg(dir.path().join("redis.sock"))
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server");
        Self { child, dir }
    }

    /// A connection, as soon as it answers.
    pub(crate) async fn link(&self) -> MultiplexedConnection {
        let socket = self.dir.path().join("redis.sock");
        let client = Client::open(format!("redis+unix://{}", socket.display())).unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match client.get_multiplexed_async_connection().await {
                Ok(link) => return link,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
