//! What `./dev up` tells the person: how to connect, then one short line for each call and for each
//! thing that went wrong. The whole output of every process is in files.

use std::{
    fmt::Write as _,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Stack;
use crate::{
    shell::quoted,
    state::{State, root},
};

/// How to connect, with everything that is needed to do it.
pub fn welcome(stack: &Stack) -> String {
    let state = &stack.state;
    let more: Vec<_> = state.gateways.iter().skip(1).map(String::as_str).collect();
    format!(
        "
  MCP URL   {url}   (the same behind {more})
  API key   {key}
  Sign in   {login}   {password}

Paste the MCP URL into a client that can sign in, open it in a browser to see how, or use the API key.

Client configuration:
{config}
One call:
  curl -sS {url} \\
    -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
    -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: hello' \\
    -d '{call}'

Administration, in another terminal (scripts read {file}):
  eval \"$({root}/dev env)\"
  aldgate server list --tenant {tenant}

Output of every process: {logs}
",
        url = state.mcp_url,
        more = more.join(", "),
        key = state.api_key,
        login = state.user.as_ref().map_or("", |user| &user.name),
        password = state.user.as_ref().map_or("", |user| &user.password),
        config = stack.seeded.client_config,
        call = hello(),
        file = State::path().display(),
        root = root().display(),
        tenant = state.tenant,
        logs = stack.cluster.logs().display(),
    )
}

/// Shell lines that put `aldgate` on the PATH and tell it where the stack is.
pub fn exports(state: &State) -> Result<String> {
    let dir = state.bin.parent().context("a program in a folder")?;
    let mut lines = format!("export PATH={}:\"$PATH\"\n", quoted(&dir.to_string_lossy()));
    for (name, value) in &state.env {
        let _ = writeln!(lines, "export {name}={}", quoted(value));
    }
    Ok(lines)
}

fn hello() -> Value {
    serde_json::json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "hello",
            "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "curl", "version": "8"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    })
}

/// Follows the processes' output.
#[derive(Debug)]
pub struct Follower {
    files: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    name: String,
    path: PathBuf,
    position: u64,
    unfinished: Vec<u8>,
}

impl Follower {
    /// Of these processes, whose output is in `logs`, from now on.
    pub fn new(logs: &Path, names: impl IntoIterator<Item = String>) -> Self {
        let kinds = |name: String| {
            ["out", "err"].map(|kind| {
                let path = crate::process::log_path(logs, &name, kind);
                Followed {
                    name: name.clone(),
                    position: path.metadata().map_or(0, |file| file.len()),
                    path,
                    unfinished: Vec::new(),
                }
            })
        };
        Self {
            files: names.into_iter().flat_map(kinds).collect(),
        }
    }

    /// What has been said since the last time, in short.
    pub fn news(&mut self) -> Vec<String> {
        self.files.iter_mut().flat_map(Followed::news).collect()
    }
}

impl Followed {
    fn news(&mut self) -> Vec<String> {
        let mut more = Vec::new();
        if let Ok(mut file) = File::open(&self.path) {
            let _ = file.seek(SeekFrom::Start(self.position));
            // What cannot be read now is read the next time.
            let _ = file.read_to_end(&mut more);
        }
        self.position += more.len() as u64;
        self.unfinished.extend(more);
        let Some(end) = self.unfinished.iter().rposition(|&byte| byte == b'\n') else {
            return Vec::new();
        };
        let whole: Vec<u8> = self.unfinished.drain(..=end).collect();
        String::from_utf8_lossy(&whole)
            .lines()
            .filter_map(|line| short(&self.name, line))
            .collect()
    }
}

/// One line of JSON in short; `None` for what a person need not see.
fn short(process: &str, line: &str) -> Option<String> {
    let json: Value = serde_json::from_str(line).ok()?;
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| {
            json.get(name)
                .or_else(|| json.get("fields")?.get(name))
                .filter(|value| !value.is_null())
        });
        found.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    if let Some(status) = text(&["status", "http.status"]) {
        let parts = [
            text(&["tenant"]),
            text(&["server"]),
            text(&["mcp.method"]).or_else(|| text(&["method"])),
            text(&["mcp.name"]),
            Some(status),
            text(&["duration_us"]).map(|micros| format!("{micros} µs")),
        ];
        let said: Vec<_> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        return Some(format!("{process}: {}", said.join(" ")));
    }
    let level = text(&["level"])?;
    matches!(level.as_str(), "WARN" | "ERROR").then(|| {
        let message = text(&["message"]).unwrap_or_default();
        let error = text(&["error"]).map_or_else(String::new, |error| format!(": {error}"));
        format!("{process}: {level} {message}{error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_becomes_one_short_line_and_lifecycle_stays_in_the_files() {
        let call = r#"{"target":"access","tenant":"demo","server":"demo","mcp.method":"tools/call","mcp.name":"echo","status":200,"duration_us":900}"#;
        assert_eq!(
            short("gateway-1", call).as_deref(),
            Some("gateway-1: demo demo tools/call echo 200 900 µs")
        );
        assert_eq!(
            short("gateway-1", r#"{"level":"INFO","message":"listening"}"#),
            None
        );
        assert_eq!(
            short(
                "controller",
                r#"{"level":"WARN","fields":{"message":"slow"}}"#
            )
            .as_deref(),
            Some("controller: WARN slow")
        );
    }
}
