//! A private Redis on a unix socket, without a TCP port and without files: where gateways keep their
//! shared limits. What it loses at a restart is lost, as with a Redis that only caches.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::process::{Process, Program};

/// A server; dropping it kills it.
#[derive(Debug)]
pub struct Redis {
    program: Program,
    process: Process,
    socket: PathBuf,
}

impl Redis {
    /// Starts a server whose socket is in `dir`. It comes with everything else that is new, so limits
    /// may begin full: nothing was admitted that it could have forgotten.
    pub async fn start(dir: &Path) -> Result<Self> {
        let home = dir.join("redis");
        std::fs::create_dir(&home)?;
        let socket = home.join("redis.sock");
        let path = PathBuf::from("/usr/bin/redis-server");
        ensure!(
            path.exists(),
            "no redis-server; install the Debian package `redis-server`"
        );
        let program = Program::at("redis", path, dir)
            .args(["--port", "0", "--unixsocketperm", "700", "--save", ""])
            .args(["--appendonly", "no", "--unixsocket"])
            .args([&socket])
            .args(["--dir"])
            .args([&home]);
        let process = answering(&program, &socket).await?;
        let redis = Self {
            program,
            process,
            socket,
        };
        redis.ask(&format!("SET {BOOT_MARKER} 0")).await?;
        Ok(redis)
    }

    /// Where it is, as gateways are told.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// The answer to a command without spaces in its arguments, as it came.
    pub async fn ask(&self, command: &str) -> Result<String> {
        ask(&self.socket, command).await
    }

    /// Forgets everything, the boot marker too.
    pub async fn flush(&self) -> Result<()> {
        self.expect_ok("FLUSHALL").await
    }

    /// Answers nobody for a time, but keeps their commands and runs them then.
    pub async fn pause(&self, time: Duration) -> Result<()> {
        let command = format!("CLIENT PAUSE {} ALL", time.as_millis());
        self.expect_ok(&command).await
    }

    /// SIGSTOP: as a machine that hangs.
    pub fn stop(&mut self) {
        self.process.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&mut self) {
        self.process.signal(Signal::CONT);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same socket, killing it first if it runs. It knows nothing of before.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = answering(&self.program, &self.socket).await?;
        Ok(())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    async fn expect_ok(&self, command: &str) -> Result<()> {
        let answer = self.ask(command).await?;
        ensure!(answer.starts_with("+OK"), "{command}: {answer}");
        Ok(())
    }
}

/// A process that has answered.
async fn answering(program: &Program, socket: &Path) -> Result<Process> {
    // What a killed server left behind would refuse connections.
    let _ = std::fs::remove_file(socket);
    let mut process = program.spawn()?;
    process
        .until(Duration::from_secs(10), async || {
            let pong = ask(socket, "PING").await.ok()?;
            pong.starts_with("+PONG").then_some(())
        })
        .await?;
    Ok(process)
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

/// Since when this Redis remembers everything (docs/limits.md).
const BOOT_MARKER: &str = "aldgate:limit:boot";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn a_private_server_answers_and_holds_nothing_but_its_age() {
        let scratch = Scratch::create().unwrap();
        let mut redis = Redis::start(scratch.path()).await.unwrap();
        let keys = redis.ask("KEYS *").await.unwrap();
        assert!(keys.starts_with("*1\r\n"), "{keys}");
        assert!(keys.contains(BOOT_MARKER), "{keys}");
        redis.restart().await.unwrap();
        assert_eq!(redis.ask("DBSIZE").await.unwrap(), ":0\r\n+OK\r\n");
        redis.stop();
        redis.resume();
        redis.pause(Duration::from_millis(1)).await.unwrap();
        redis.flush().await.unwrap();
        redis.kill();
        redis.ask("PING").await.unwrap_err();
    }
}
