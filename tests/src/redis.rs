//! A private Redis on a unix socket, without a TCP port and without files. Nothing is stored in it
//! yet; it is started and asked for a PONG, so that the stack is the one that later work needs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::process::{Process, Program};

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    socket: PathBuf,
}

impl Redis {
    /// Starts a server whose socket is in `dir`.
    pub async fn start(dir: &Path) -> Result<Self> {
        let home = dir.join("redis");
        std::fs::create_dir(&home)?;
        let socket = home.join("redis.sock");
        let path = PathBuf::from("/usr/bin/redis-server");
        anyhow::ensure!(
            path.exists(),
            "no redis-server; install the Debian package `redis-server`"
        );
        let mut process = Program::at("redis", path, dir)
            .args(["--port", "0", "--unixsocketperm", "700", "--save", ""])
            .args(["--appendonly", "no", "--unixsocket"])
            .args([&socket])
            .args(["--dir"])
            .args([&home])
            .spawn()?;
        process
            .until(Duration::from_secs(10), async || {
                let pong = ask(&socket, "PING").await.ok()?;
                pong.starts_with("+PONG").then_some(())
            })
            .await?;
        Ok(Self { process, socket })
    }

    /// The answer to a command without spaces in its arguments, as it came.
    pub async fn ask(&self, command: &str) -> Result<String> {
        ask(&self.socket, command).await
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

async fn ask(socket: &Path, command: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream
        .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer))
        .await
        .context("redis did not answer within 5 s")??;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn a_private_server_answers_and_holds_nothing() {
        let scratch = Scratch::create().unwrap();
        let redis = Redis::start(scratch.path()).await.unwrap();
        assert_eq!(redis.ask("DBSIZE").await.unwrap(), ":0\r\n+OK\r\n");
    }
}
