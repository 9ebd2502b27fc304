//! The program `aldgate`, run against a cluster with nothing but the variables it documents.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::process::beside_us;

/// `aldgate` with an endpoint and a token.
#[derive(Debug, Clone)]
pub struct Cli {
    /// The program.
    pub program: PathBuf,
    /// Its variables: endpoint, authority, token.
    pub env: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// The data it printed.
    pub stdout: String,
    /// What it said to the person before the screen.
    pub stderr: String,
}

impl Cli {
    /// The program beside us, with these variables.
    pub fn new(env: Vec<(String, String)>) -> Result<Self> {
        Ok(Self {
            program: beside_us("aldgate")?,
            env,
        })
    }

    /// The same program with another token.
    pub fn with_token(&self, token: &str) -> Self {
        let mut other = self.clone();
        other
            .env
            .retain(|(name, _)| name != "ALDGATE_TOKEN" && name != "ALDGATE_TOKEN_FILE");
        other.env.push(("ALDGATE_TOKEN".into(), token.into()));
        other
    }

    /// Runs it.
    pub async fn run(&self, args: &[&str]) -> Result<Output> {
        self.run_with(args, "").await
    }

    /// Runs it with something on its standard input.
    pub async fn run_with(&self, args: &[&str], stdin: &str) -> Result<Output> {
        let mut child = Command::new(&self.program)
            .args(args)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let mut input = child.stdin.take().context("it has a standard input")?;
        // A program that does not read its input may have closed it.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        let output = timeout(DEADLINE, child.wait_with_output())
            .await
            .with_context(|| format!("aldgate {args:?} did not end within {DEADLINE:?}"))??;
        Ok(Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it, expects success and returns what it printed.
    pub async fn ok(&self, args: &[&str]) -> Result<String> {
        let output = self.run(args).await?;
        ensure!(
            output.code == 0,
            "aldgate {} ended with {}\n{}{}",
            args.join(" "),
            output.code,
            output.stdout,
            output.stderr
        );
        Ok(output.stdout)
    }

    /// Runs it with `-o json`, expects success and reads what it printed.
    pub async fn json<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T> {
        let text = self.ok(&[args, &["-o", "json"]].concat()).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("aldgate {} printed: {text}", args.join(" ")))
    }
}

/// Longer than the longest `--wait` that a test asks for.
const DEADLINE: Duration = Duration::from_secs(90);
