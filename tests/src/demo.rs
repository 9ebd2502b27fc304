//! The demo server: an MCP server on rmcp that wants a bearer credential, so that a newcomer sees
//! a protected server and the tests have one that shares no code with the gateway. It serves both
//! eras. What it received can be written to a file: for tests, never with secrets that matter.

/// Its tools.
pub mod tools;

/// Its door: the credential check and the record of what came in.
pub mod door;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde::Deserialize;

use crate::{
    controller::{port_file, ports},
    process::{Process, Program},
    scratch::write_private,
};

/// A running demo server; dropping it kills it.
#[derive(Debug)]
pub struct Demo {
    process: Process,
    address: SocketAddr,
    credential_file: PathBuf,
    record: PathBuf,
}

/// What it received of one request.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Demo {
    /// Starts it with this credential; `port` 0 means any.
    pub async fn start(dir: &Path, name: &str, credential: &str, port: u16) -> Result<Self> {
        let credential_file = dir.join(format!("{name}.credential"));
        write_private(&credential_file, credential)?;
        let record = dir.join(format!("{name}.received.jsonl"));
        let mut process = Program::ours(name, "demo-server", dir)?
            .args(["--addr", &format!("127.0.0.1:{port}")])
            .args(["--credential-file"])
            .args([&credential_file])
            .args(["--log"])
            .args([&record])
            .args(["--port-file"])
            .args([port_file(dir, name)])
            .spawn()?;
        let Ports { mcp } = ports(&mut process, dir, name).await?;
        Ok(Self {
            process,
            address: mcp,
            credential_file,
            record,
        })
    }

    /// Its MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The file with the credentials that it takes, one in a line.
    pub fn credential_file(&self) -> &Path {
        &self.credential_file
    }

    /// From now on it takes these credentials and no other.
    pub fn accept(&self, credentials: &[&str]) -> Result<()> {
        // It reads the file at every request and must never see half of it.
        let draft = self.credential_file.with_extension("draft");
        write_private(&draft, credentials.join("\n"))?;
        std::fs::rename(draft, &self.credential_file)?;
        Ok(())
    }

    /// Everything it received so far.
    pub fn received(&self) -> Result<Vec<Received>> {
        let text = std::fs::read_to_string(&self.record).unwrap_or_default();
        Ok(text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?)
    }

    /// The child.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

#[derive(Deserialize)]
struct Ports {
    mcp: SocketAddr,
}
