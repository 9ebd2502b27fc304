//! The official clients as programs (`tests/clients`): they speak MCP in their own way and print what
//! they saw as JSON lines.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use crate::{
    foreign::{Node, Python},
    state::root,
};

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// `@modelcontextprotocol/client` with a handshake and a session.
    TypeScriptLegacy,
    /// `@modelcontextprotocol/client` held to 2026-07-28.
    TypeScriptModern,
    /// The Python package `mcp`, which finds out the era by itself.
    PythonAuto,
}

/// Something a client saw.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It registered at the authorization server.
    Registered {
        /// As this client.
        id: String,
    },
    /// It sent a person to the browser.
    Authorize {
        /// To this page, without the query.
        url: String,
    },
    /// It was given tokens.
    Tokens {
        /// Whether it can refresh.
        refresh: bool,
        /// What they are for.
        scope: Option<String>,
    },
    /// It is connected.
    Connected {
        /// To this address.
        url: String,
        /// The negotiated version.
        version: String,
    },
    /// The server's tools, sorted.
    Tools {
        /// At this address.
        url: String,
        /// Their names.
        names: Vec<String>,
    },
    /// Progress of a call that still runs.
    Progress {
        /// At this address.
        url: String,
        /// How far it is.
        progress: f64,
        /// How far it goes.
        total: f64,
        /// Since the call began.
        after_ms: u64,
    },
    /// The result of a call.
    Call {
        /// At this address.
        url: String,
        /// The tool.
        tool: String,
        /// The text it answered.
        text: String,
        /// Whether the tool failed.
        error: bool,
        /// Since the call began.
        after_ms: u64,
    },
    /// The state of a session that is used behind several addresses.
    Session {
        /// At this address.
        url: String,
        /// Whether it is open.
        open: bool,
    },
}

impl Client {
    /// Sends it round: at each address it lists the tools of the demo server and calls them, with
    /// these headers. Returns
    /// what it saw in order.
    pub async fn tour(self, urls: &[String], headers: &[(String, String)]) -> Result<Vec<Event>> {
        let (program, script, mode) = self.command().await?;
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let child = Command::new(program)
            .arg(root().join("tests/clients").join(script))
            .arg(mode)
            .args(urls)
            .env("HEADERS", serde_json::Value::Object(headers).to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(DEADLINE, child)
            .await
            .with_context(|| format!("{self:?} did not end within {DEADLINE:?}"))??;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "{self:?} ended with {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let events = text.lines().map(serde_json::from_str);
        events
            .collect::<Result<_, _>>()
            .with_context(|| format!("{self:?} printed\n{text}"))
    }

    async fn command(self) -> Result<(PathBuf, &'static str, &'static str)> {
        let node = async || Node::install().await?.program();
        Ok(match self {
            Self::TypeScriptLegacy => (node().await?, "ts/src/main.ts", "legacy"),
            Self::TypeScriptModern => (node().await?, "ts/src/main.ts", "modern"),
            Self::PythonAuto => (Python::install().await?.program(), "py/main.py", "auto"),
        })
    }
}

const DEADLINE: Duration = Duration::from_mins(1);
