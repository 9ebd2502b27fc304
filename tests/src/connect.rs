//! Clients that connect from an MCP URL and nothing else, as people run them: they register, send a
//! person to the browser, and call tools.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use token::access::kid_of;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{
    clients::Event,
    foreign::{Node, Python},
    person::Person,
    state::root,
};

/// A client that speaks OAuth by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connector {
    /// `@modelcontextprotocol/client` with a handshake and a session.
    TypeScriptLegacy,
    /// `@modelcontextprotocol/client` held to 2026-07-28.
    TypeScriptModern,
    /// The Python package `mcp`.
    Python,
}

/// A person's machine: programs keep there what they were given, and find a browser.
#[derive(Debug, Clone)]
pub struct Desktop {
    /// Their home folder.
    pub home: PathBuf,
    browser: PathBuf,
}

impl Desktop {
    /// The machine of this person, below this folder.
    pub async fn of(person: &Person, dir: &Path) -> Result<Self> {
        let home = dir.join(format!("home-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&home)?;
        let browser = person.browser(&home).await?;
        Ok(Self { home, browser })
    }

    /// A program that runs on it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let dir = self.browser.parent().expect("a program in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env("HOME", &self.home)
            .env("BROWSER", &self.browser)
            .env("PATH", format!("{}:{path}", dir.display()))
            .env_remove("XDG_CONFIG_HOME")
            .kill_on_drop(true);
        command
    }

    /// The access tokens that programs keep here as text.
    pub fn access_tokens(&self) -> Result<BTreeSet<String>> {
        let (mut tokens, mut folders) = (BTreeSet::new(), vec![self.home.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                    let odd =
                        |letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter);
                    let tokens_there = text.split(odd).filter(|word| kid_of(word).is_some());
                    tokens.extend(tokens_there.map(str::to_owned));
                }
            }
        }
        Ok(tokens)
    }

    /// What the person saw in the browser so far.
    pub fn seen(&self) -> String {
        std::fs::read_to_string(self.browser.with_file_name("browser.log")).unwrap_or_default()
    }
}

impl Connector {
    /// Connects at each address, lists tools and calls one. On a desktop where it was before, it goes
    /// on with what it was given then.
    pub async fn tour(self, desktop: &Desktop, urls: &[String]) -> Result<Vec<Event>> {
        self.tour_with(desktop, urls, &[]).await
    }

    /// The same once its access token does not count any more.
    pub async fn tour_expired(self, desktop: &Desktop, urls: &[String]) -> Result<Vec<Event>> {
        self.tour_with(desktop, urls, &[("EXPIRED", "1")]).await
    }

    async fn tour_with(
        self,
        desktop: &Desktop,
        urls: &[String],
        settings: &[(&str, &str)],
    ) -> Result<Vec<Event>> {
        let (program, script, mode) = match self {
            Self::TypeScriptLegacy => (
                Node::install().await?.program()?,
                "ts/src/oauth.ts",
                "legacy",
            ),
            Self::TypeScriptModern => (
                Node::install().await?.program()?,
                "ts/src/oauth.ts",
                "modern",
            ),
            Self::Python => (Python::install().await?.program(), "py/oauth.py", "auto"),
        };
        let child = desktop
            .command(program)
            .arg(root().join("tests/clients").join(script))
            .arg(mode)
            .arg(self.file(desktop))
            .args(urls)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .output();
        let output = timeout(DEADLINE, child).await;
        let output =
            output.with_context(|| format!("{self:?} did not end\n{}", desktop.seen()))??;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "{self:?} ended with {}\n{text}{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            desktop.seen(),
        );
        let events = text.lines().map(serde_json::from_str);
        events
            .collect::<Result<_, _>>()
            .with_context(|| format!("{self:?} printed\n{text}"))
    }

    /// What it was given: `client` and `tokens`.
    pub fn kept(self, desktop: &Desktop) -> Result<Value> {
        Ok(serde_json::from_slice(&std::fs::read(self.file(desktop))?)?)
    }

    fn file(self, desktop: &Desktop) -> PathBuf {
        desktop.home.join(format!("{self:?}.json"))
    }
}

/// `mcp-remote` between a program that speaks over its standard streams and an MCP URL.
pub struct Bridge {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: u64,
}

impl Bridge {
    /// Starts it, as `npx mcp-remote URL` does.
    pub async fn start(desktop: &Desktop, url: &str) -> Result<Self> {
        let node = Node::install().await?;
        let errors = std::fs::File::create(desktop.home.join("mcp-remote.log"))?;
        let mut child = desktop
            .command(node.program()?)
            .arg(node.file("mcp-remote/dist/proxy.js"))
            .args([url, "--allow-http", "--auth-timeout", "60"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let input = child.stdin.take().context("its input")?;
        let output = child.stdout.take().context("its output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output).lines(),
            next: 0,
        })
    }

    /// Shakes hands, lists tools and calls one.
    pub async fn tour(&mut self) -> Result<(Vec<String>, Value)> {
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "aldgate-tests", "version": "1"},
        });
        self.ask("initialize", hello).await?;
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await?;
        let list = self.ask("tools/list", json!({})).await?;
        let tools = list["tools"].as_array().context("a list of tools")?;
        let names = tools.iter().filter_map(|tool| tool["name"].as_str());
        let mut names: Vec<_> = names.map(str::to_owned).collect();
        names.sort();
        let call = json!({"name": "add", "arguments": {"a": 19, "b": 23}});
        Ok((names, self.ask("tools/call", call).await?))
    }

    /// Sends a request and waits for its result.
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.next += 1;
        let id = self.next;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.say(&request).await?;
        let answer = timeout(DEADLINE, async {
            while let Some(line) = self.output.next_line().await? {
                let message: Value = serde_json::from_str(&line)?;
                if message["id"] == id {
                    return Ok(message);
                }
            }
            anyhow::bail!("mcp-remote ended")
        });
        let answer = answer
            .await
            .with_context(|| format!("no answer to {method}"))??;
        ensure!(answer["error"].is_null(), "{method}: {answer}");
        Ok(answer["result"].clone())
    }

    async fn say(&mut self, message: &Value) -> Result<()> {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await?;
        self.input.flush().await?;
        Ok(())
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.input);
        let _ = self.child.start_kill();
        self.child.wait().await?;
        Ok(())
    }
}

const DEADLINE: Duration = Duration::from_secs(100);
