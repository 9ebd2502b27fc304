//! Children that cannot outlive us. The kernel ends them when we die, however we die; they run in a
//! process group of their own, so that Ctrl-C reaches us alone; their environment holds nothing but
//! what they are given; their output goes to files, which tests search for secrets.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// What to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// What people call it; its output goes to `{name}.out` and `{name}.err`.
    pub name: String,
    /// The file to run.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment, apart from PATH and HOME.
    pub env: Vec<(String, String)>,
    /// The user to run it as, where we are root and it must not be.
    pub user: Option<&'static str>,
    /// The signal the kernel sends it when we die.
    pub death: Death,
    /// The folder for its output.
    pub logs: PathBuf,
}

/// How a child ends when its parent dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// At once.
    Kill,
    /// In an orderly way, on SIGINT: Postgres must remove its shared memory.
    Interrupt,
}

impl Program {
    /// One of our own programs, found beside the running one.
    pub fn ours(name: &str, file: &str, logs: &Path) -> Result<Self> {
        Ok(Self::at(name, beside_us(file)?, logs))
    }

    /// A program at a path.
    pub fn at(name: &str, path: PathBuf, logs: &Path) -> Self {
        Self {
            name: name.to_owned(),
            path,
            args: Vec::new(),
            env: Vec::new(),
            user: None,
            death: Death::Kill,
            logs: logs.to_owned(),
        }
    }

    /// Adds arguments.
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts it.
    pub fn spawn(&self) -> Result<Process> {
        let mut command = Command::new("setpriv");
        if let Some(user) = self.user {
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={user}"))
                .arg("--clear-groups");
        }
        let death = match self.death {
            Death::Kill => "KILL",
            Death::Interrupt => "INT",
        };
        command
            .args(["--pdeathsig", death, "--"])
            .arg(&self.path)
            .args(&self.args)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(self.output("out")?)
            .stderr(self.output("err")?);
        if self.user.is_some() {
            command.current_dir("/");
        }
        let child = on_the_spawner(command)
            .with_context(|| format!("starting {} ({})", self.name, self.path.display()))?;
        Ok(Process {
            name: self.name.clone(),
            logs: self.logs.clone(),
            death: self.death,
            child,
        })
    }

    fn output(&self, kind: &str) -> Result<File> {
        let path = log_path(&self.logs, &self.name, kind);
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))
    }
}

/// A running child; dropping it ends it as our death would.
#[derive(Debug)]
pub struct Process {
    name: String,
    logs: PathBuf,
    death: Death,
    child: Child,
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends it a signal. A child that has already exited is not an error.
    pub fn signal(&mut self, signal: Signal) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it ends by itself.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.exited() {
                return Ok(status);
            }
            if Instant::now() > end {
                bail!("{} did not end within {deadline:?}", self.name);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks it to end with this signal and waits; kills it when it is late.
    pub async fn stop(&mut self, signal: Signal, deadline: Duration) -> Result<ExitStatus> {
        self.signal(signal);
        let ended = self.wait(deadline).await;
        if ended.is_err() {
            self.kill();
        }
        ended
    }

    /// Waits for `ready` to answer; gives up with the end of the log when the child ends first or the
    /// deadline passes.
    pub async fn until<T>(
        &mut self,
        deadline: Duration,
        mut ready: impl AsyncFnMut() -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(answer) = ready().await {
                return Ok(answer);
            }
            if let Some(status) = self.exited() {
                bail!("{} ended: {status}\n{}", self.name, self.tail());
            }
            if Instant::now() > end {
                bail!(
                    "{} was not ready after {deadline:?}\n{}",
                    self.name,
                    self.tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// All it printed, standard output first.
    pub fn output(&self) -> String {
        let read = |kind| fs::read(log_path(&self.logs, &self.name, kind)).unwrap_or_default();
        [read("out"), read("err")]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat()
    }

    fn tail(&self) -> String {
        let output = self.output();
        let lines: Vec<_> = output.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.death == Death::Interrupt {
            self.signal(Signal::INT);
            let end = Instant::now() + Duration::from_secs(5);
            while self.exited().is_none() && Instant::now() < end {
                std::thread::sleep(POLL);
            }
        }
        self.kill();
    }
}

/// One of the programs that were built with us: in the folder of the running program, or, for a
/// test, in the one above.
pub fn beside_us(file: &str) -> Result<PathBuf> {
    let us = std::env::current_exe().context("finding the running program")?;
    let found = us
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(file))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "{file} is not built; run `cargo build --workspace` (looked beside {})",
            us.display()
        )
    })
}

/// Where a child's output goes: `kind` is `out` or `err`.
pub fn log_path(logs: &Path, name: &str, kind: &str) -> PathBuf {
    logs.join(format!("{name}.{kind}"))
}

/// The death signal comes when the *thread* that spawned the child ends. Test threads end long before
/// the process does, so one thread that never ends spawns everything.
fn on_the_spawner(command: Command) -> io::Result<Child> {
    let (reply, answer) = sync_channel(1);
    let gone = |_| io::Error::other("the spawner thread is gone");
    SPAWNER
        .send((command, reply))
        .map_err(|_| io::Error::other("the spawner thread is gone"))?;
    answer.recv().map_err(gone)?
}

type Job = (Command, SyncSender<io::Result<Child>>);

static SPAWNER: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (send, jobs) = channel::<Job>();
    std::thread::Builder::new()
        .name("spawner".into())
        .spawn(move || {
            for (mut command, reply) in jobs {
                // The one who asked waits for the answer, so the channel is open.
                let _ = reply.send(command.spawn());
            }
        })
        .expect("a thread can be started");
    send
});

const POLL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn a_child_outlives_the_thread_that_asked_for_it_and_ends_with_its_handle() {
        let scratch = Scratch::create().unwrap();
        let program = Program::at("sleeper", "/bin/sleep".into(), scratch.path()).args(["600"]);
        let mut child = std::thread::spawn(move || program.spawn().unwrap())
            .join()
            .unwrap();
        assert!(child.exited().is_none());
        let proc = Path::new("/proc").join(child.pid().to_string());
        assert!(proc.exists());
        drop(child);
        assert!(!proc.exists());
    }

    #[tokio::test]
    async fn a_child_that_ends_early_is_reported_with_its_last_words() {
        let scratch = Scratch::create().unwrap();
        let mut child = Program::at("talker", "/bin/sh".into(), scratch.path())
            .args(["-c", "echo last words >&2; exit 3"])
            .spawn()
            .unwrap();
        let error = child
            .until(Duration::from_secs(10), async || None::<()>)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("last words"),
            "{error}"
        );
    }
}
