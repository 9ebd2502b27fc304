//! Node and Python programs that the tests use, installed on first use: the packages of
//! `package-lock.json`, among them the Node that the conformance suite needs, and a virtual environment
//! with those of `requirements.txt`. Versions are pinned there.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

use crate::{process::beside_us, state::root};

/// The Node packages, installed.
#[derive(Debug, Clone)]
pub struct Node {
    modules: PathBuf,
}

/// The Python packages, installed.
#[derive(Debug, Clone)]
pub struct Python {
    home: PathBuf,
}

impl Node {
    /// Installs the packages unless they are those of the lock file already.
    pub async fn install() -> Result<Self> {
        Self::of("tests", &["ci"]).await
    }

    /// Those of further clients, outside `./dev test`.
    pub async fn install_further() -> Result<Self> {
        Self::of("tests/clients/all", &["ci", "--no-workspaces"]).await
    }

    async fn of(dir: &'static str, npm: &'static [&'static str]) -> Result<Self> {
        tokio::task::spawn_blocking(move || {
            let dir = root().join(dir);
            let modules = dir.join("node_modules");
            once(
                &dir.join("package-lock.json"),
                &modules.join(".installed"),
                || run(Command::new("npm").args(npm).current_dir(&dir)),
            )?;
            Ok(Self { modules })
        })
        .await?
    }

    /// The program `node`, of a version that the packages support.
    pub fn program(&self) -> Result<PathBuf> {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => bail!("there is no Node package for {other}"),
        };
        let path = self.modules.join(format!("node-linux-{arch}/bin/node"));
        anyhow::ensure!(path.is_file(), "{} is missing", path.display());
        Ok(path)
    }

    /// A file of a package.
    pub fn file(&self, path: &str) -> PathBuf {
        self.modules.join(path)
    }
}

impl Python {
    /// Installs the packages unless they are those of the requirements already.
    pub async fn install() -> Result<Self> {
        Self::of("requirements.txt", "python").await
    }

    /// Those of further clients, outside `./dev test`.
    pub async fn install_further() -> Result<Self> {
        Self::of("all.txt", "python-all").await
    }

    async fn of(requirements: &'static str, home: &'static str) -> Result<Self> {
        tokio::task::spawn_blocking(move || {
            let requirements = root().join("tests/clients/py").join(requirements);
            let home = beside_us("demo-server")?.with_file_name(home);
            once(&requirements, &home.join(".installed"), || {
                // Left over from other requirements, or half made.
                let _ = std::fs::remove_dir_all(&home);
                run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
                run(Command::new(home.join("bin/pip"))
                    .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
                    .arg(&requirements))
            })?;
            Ok(Self { home })
        })
        .await?
    }

    /// The program `python` that finds the packages.
    pub fn program(&self) -> PathBuf {
        self.script("python")
    }

    /// A program that a package brought.
    pub fn script(&self, name: &str) -> PathBuf {
        self.home.join("bin").join(name)
    }
}

/// Runs `install` unless `stamp` holds what `pins` holds; one process at a time.
fn once(pins: &Path, stamp: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let lock = File::open(pins).with_context(|| pins.display().to_string())?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let wanted = std::fs::read(pins)?;
    if std::fs::read(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("running {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
