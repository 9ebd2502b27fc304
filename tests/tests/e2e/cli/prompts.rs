//! Credentials that are typed at a terminal. The terminal is a pseudo one, which `script` of util-linux
//! makes.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tests::cli::Cli;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::calls::Acme;

/// S4-15, S4-16, S4-17: the service, what it calls its credential, where one is made, and a link.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_asked_for_with_the_hint_of_its_service_and_not_shown() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    // A name that nobody has (RFC 6761 §6.4): a hint goes by the name alone, and nothing is called.
    for (name, url, says) in [
        (
            "github",
            "http://github.invalid/mcp",
            &[
                "GitHub Personal Access Token",
                "Developer settings",
                "https://github.com/settings/tokens",
            ][..],
        ),
        ("plain", "http://127.0.0.1:9/mcp", &["(it is not shown)"]),
    ] {
        cli.ok(&["server", "create", name, "--tenant", "acme", "--url", url])
            .await?;
        let mut terminal = Terminal::run(cli, &set_credential(name)).await?;
        terminal.read_until("(it is not shown): ").await?;
        terminal.hidden().await?;
        terminal.type_in("CANARY-typed\n").await?;
        terminal.read_until("code=0").await?;
        for words in says {
            ensure!(terminal.seen.contains(words), "{words}: {}", terminal.seen);
        }
        ensure!(!terminal.seen.contains("CANARY"), "{}", terminal.seen);
        let get = ["server", "get", name, "--tenant", "acme"];
        let shown: Value = cli.json(&get).await?;
        assert_eq!(shown["credential"]["state"], "STATE_ACTIVE");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_at_the_prompt_changes_nothing_and_leaves_the_terminal_as_it_was() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let get = ["server", "get", "files", "--tenant", "acme"];
    let before: Value = cli.json(&get).await?;
    let mut terminal = Terminal::run(cli, &set_credential("files")).await?;
    terminal.read_until("(it is not shown): ").await?;
    terminal.hidden().await?;
    terminal.type_in("half\x03").await?;
    terminal.read_until("code=3").await?;
    ensure!(!terminal.is_hidden().await?, "echo is on again");
    let after: Value = cli.json(&get).await?;
    assert_eq!(before["credential"], after["credential"]);
    Ok(())
}

/// S4-15: where nobody can be asked, the error says what is wanted.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_the_hint_is_in_the_error() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let url = "http://linear.app.invalid/mcp";
    cli.ok(&[
        "server", "create", "linear", "--tenant", "acme", "--url", url,
    ])
    .await?;
    let refused = cli.run(&set_credential("linear")).await?;
    assert_eq!(refused.code, 2, "{refused:?}");
    for says in [
        "error: --auth-credential-file: ",
        "Linear",
        "linear.app/settings/api",
    ] {
        ensure!(refused.stderr.contains(says), "{says}: {refused:?}");
    }
    Ok(())
}

fn set_credential(name: &str) -> [&str; 7] {
    [
        "server",
        "set-credential",
        name,
        "--tenant",
        "acme",
        "--auth-scheme",
        "bearer",
    ]
}

/// `aldgate` at a pseudo terminal, whose shell says its exit code and then waits.
struct Terminal {
    // Killed when dropped, and the shell in it with the terminal.
    _script: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    /// All that was on the screen.
    seen: String,
    device: String,
}

impl Terminal {
    async fn run(cli: &Cli, args: &[&str]) -> Result<Self> {
        let line = format!(
            "echo tty=$(tty).; {} {}; echo code=$?; read wait",
            cli.program.display(),
            args.join(" ")
        );
        let mut script = Command::new("script")
            .args(["-q", "-c", &line, "/dev/null"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .envs(cli.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting `script` of util-linux")?;
        let mut terminal = Self {
            keyboard: script.stdin.take().context("a keyboard")?,
            screen: script.stdout.take().context("a screen")?,
            _script: script,
            seen: String::new(),
            device: String::new(),
        };
        terminal.read_until(".\r\n").await?;
        let named = terminal.seen.split_once("tty=").context("tty=")?.1;
        let named = named.split_once('.').context("an end")?.0;
        terminal.device = named.to_owned();
        Ok(terminal)
    }

    async fn read_until(&mut self, words: &str) -> Result<()> {
        let mut part = [0; 4096];
        while !self.seen.contains(words) {
            let read = timeout(DEADLINE, self.screen.read(&mut part)).await;
            match read.with_context(|| format!("no {words:?}: {}", self.seen))?? {
                0 => bail!("it ended without {words:?}: {}", self.seen),
                count => self.seen += &String::from_utf8_lossy(&part[..count]),
            }
        }
        Ok(())
    }

    async fn type_in(&mut self, keys: &str) -> Result<()> {
        self.keyboard.write_all(keys.as_bytes()).await?;
        Ok(self.keyboard.flush().await?)
    }

    /// Waits until the terminal shows nothing of what is typed: the question comes just before.
    async fn hidden(&self) -> Result<()> {
        timeout(DEADLINE, async {
            while !self.is_hidden().await? {}
            Ok(())
        })
        .await?
    }

    async fn is_hidden(&self) -> Result<bool> {
        let stty = Command::new("stty")
            .args(["-F", &self.device, "-a"])
            .output()
            .await?;
        ensure!(stty.status.success(), "{stty:?}");
        let modes = String::from_utf8_lossy(&stty.stdout).into_owned();
        Ok(modes.split_whitespace().any(|mode| mode == "-echo"))
    }
}

const DEADLINE: Duration = Duration::from_secs(30);
