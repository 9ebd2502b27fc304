//! Further clients as people run them. They are large and are installed by `./dev test clients` alone.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    connect::Desktop,
    foreign::{Node, Python},
    person::Seen,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
    time::timeout,
};

use super::TOOLS;
use crate::people::People;

/// It listens at one port, so its runs follow each other.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by ./dev test clients"]
async fn the_inspector_connects_on_the_first_try() -> Result<()> {
    let mut people = People::start().await?;
    let (desktop, url) = (people.desktop().await?, people.urls().remove(0));
    let node = Node::install().await?.program()?;
    let inspector = Node::install_further().await?;
    let inspector =
        inspector.file("@modelcontextprotocol/inspector/clients/launcher/build/index.js");
    let ask = async |arguments: &[&str]| {
        let mut command = desktop.command(&node);
        command
            .arg(&inspector)
            .args(["--cli", &url, "--transport", "http"])
            .args(arguments)
            .args(["--format", "json"])
            .env("MCP_AUTO_OPEN_ENABLED", "true")
            .env("MCP_INSPECTOR_SECRET_STORE", "file");
        run(command, &desktop).await
    };
    for next in NEXT {
        let listed = ask(&["--method", "tools/list"]).await?;
        ensure!(TOOLS.iter().all(|tool| listed.contains(tool)), "{listed}");
        let call = [
            "--method",
            "tools/call",
            "--tool-name",
            "add",
            "--tool-arg",
            "a=19",
            "b=23",
        ];
        let sum = ask(&call).await?;
        ensure!(sum.contains("42"), "{sum}");
        next.happen(&mut people, &desktop).await?;
    }
    opened_once(&desktop)
}

/// Its command line remembers nothing: each run signs in. What refreshes is in [`super::fastmcp`].
#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by ./dev test clients"]
async fn fastmcp_connects_on_the_first_try() -> Result<()> {
    let mut people = People::start().await?;
    let (desktop, url) = (people.desktop().await?, people.urls().remove(0));
    let fastmcp = Python::install_further().await?.script("fastmcp");
    for next in [Next::Restart, Next::End] {
        let mut list = desktop.command(&fastmcp);
        list.args(["list", &url, "--auth", "oauth", "--json"]);
        let listed = run(list, &desktop).await?;
        ensure!(TOOLS.iter().all(|tool| listed.contains(tool)), "{listed}");
        let mut call = desktop.command(&fastmcp);
        call.args(["call", &url, "add", "a=19", "b=23", "--auth", "oauth"]);
        let sum = run(call, &desktop).await?;
        ensure!(sum.contains("42"), "{sum}");
        next.happen(&mut people, &desktop).await?;
    }
    Ok(())
}

/// It names its document as its id, which we know without fetching it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by ./dev test clients"]
async fn claude_code_connects_on_the_first_try() -> Result<()> {
    let mut people = People::start().await?;
    let (desktop, url) = (people.desktop().await?, people.urls().remove(0));
    let modules = Node::install_further().await?;
    let claude = modules.file("@anthropic-ai/claude-code-linux-x64/claude");
    let mut add = desktop.command(&claude);
    add.args([
        "mcp",
        "add",
        "--scope",
        "user",
        "--transport",
        "http",
        "acme",
        &url,
    ]);
    run(add, &desktop).await?;
    log_in(&people, &desktop, &claude).await?;
    for next in NEXT {
        let mut list = desktop.command(&claude);
        list.args(["mcp", "list"]);
        let listed = run(list, &desktop).await?;
        ensure!(listed.contains("Connected"), "{listed}");
        next.happen(&mut people, &desktop).await?;
    }
    Ok(())
}

/// What comes between two runs of a client, which needs no person again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    /// Both gateways and the controller start again.
    Restart,
    /// Its access token does not count any more: it refreshes.
    Expiry,
    /// Nothing more.
    End,
}

const NEXT: [Next; 3] = [Next::Restart, Next::Expiry, Next::End];

impl Next {
    pub(super) async fn happen(self, people: &mut People, desktop: &Desktop) -> Result<()> {
        match self {
            Self::Restart => people.restart().await,
            Self::Expiry => {
                let tokens = desktop.access_tokens()?;
                ensure!(
                    !tokens.is_empty(),
                    "it keeps no token where one can be read"
                );
                for token in tokens {
                    people.revoke_token(&token).await?;
                }
                Ok(())
            }
            Self::End => Ok(()),
        }
    }
}

/// It prints the address to open, and waits for the one that the browser came back to.
async fn log_in(people: &People, desktop: &Desktop, claude: &Path) -> Result<()> {
    let line = format!("{} mcp login acme --no-browser", claude.display());
    let mut child = desktop
        .command("script")
        .args(["-qfec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().context("its input")?;
    let mut output = BufReader::new(child.stdout.take().context("its output")?);
    let mut printed = String::new();
    let start = timeout(DEADLINE, async {
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).await? > 0 {
            printed.push_str(&String::from_utf8_lossy(&line));
            line.clear();
            if let Some(url) = address(&printed) {
                return Ok(url);
            }
        }
        anyhow::bail!("it ended")
    });
    let start = start.await.with_context(|| printed.clone())??;
    let seen = people.ada.visit(&start, &[]).await?;
    let Some(Seen::End { url, .. }) = seen.last() else {
        anyhow::bail!("{seen:?}")
    };
    // It listens there, too, and may have ended meanwhile.
    let _ = input.write_all(format!("{url}\r").as_bytes()).await;
    let ended = timeout(DEADLINE, async {
        let mut rest = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut output, &mut rest).await?;
        anyhow::Ok((child.wait().await?, rest))
    });
    let (status, rest) = ended.await.context("the login did not end")??;
    let said = String::from_utf8_lossy(&rest);
    ensure!(status.success(), "{printed}{said}");
    Ok(())
}

/// The authorization URL in what was printed, which a terminal may have broken into lines.
fn address(printed: &str) -> Option<String> {
    let start = printed.find("http://localhost")?;
    let text = &printed[start..];
    let end = text.find("\r\n\r\n").or_else(|| text.find("\n\n"))?;
    let url: String = text[..end]
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    // A terminal gets it as a link, between control characters.
    let url = url.split(char::is_control).next().unwrap_or_default();
    url.contains("code_challenge").then(|| url.to_owned())
}

async fn run(mut command: Command, desktop: &Desktop) -> Result<String> {
    let child = command.stdin(Stdio::null()).output();
    let output = timeout(DEADLINE, child).await;
    let output =
        output.with_context(|| format!("{command:?} did not end\n{}", desktop.seen()))??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?} ended with {}\n{text}{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
        desktop.seen()
    );
    Ok(text)
}

pub(super) fn opened_once(desktop: &Desktop) -> Result<()> {
    let seen = desktop.seen();
    let ends = seen
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ends = ends.filter(|line| line["event"] == "end").count();
    ensure!(ends == 1, "the browser opened {ends} times\n{seen}");
    Ok(())
}

const DEADLINE: Duration = Duration::from_secs(90);
