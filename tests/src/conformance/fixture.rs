//! The fixture as a child: the MCP server that has everything the suite asks for, in TypeScript on
//! the official package (`tests/fixture`).

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde::Deserialize;

use crate::{
    controller::{port_file, ports},
    foreign::Node,
    process::{Process, Program},
    scratch::write_private,
    state::root,
};

/// A running fixture; dropping it kills it.
#[derive(Debug)]
pub struct Fixture {
    _process: Process,
    address: SocketAddr,
    credential_file: PathBuf,
}

#[derive(Deserialize)]
struct Ports {
    mcp: SocketAddr,
}

impl Fixture {
    /// Starts it on any free port; it demands this bearer credential.
    pub async fn start(node: &Node, dir: &Path, credential: &str) -> Result<Self> {
        let credential_file = dir.join("fixture.credential");
        write_private(&credential_file, credential)?;
        let mut process = Program::at("fixture", node.program()?, dir)
            .args([root().join("tests/fixture/src/main.ts")])
            .args(["--port-file"])
            .args([port_file(dir, "fixture")])
            .args(["--credential-file"])
            .args([&credential_file])
            .spawn()?;
        let Ports { mcp } = ports(&mut process, dir, "fixture").await?;
        Ok(Self {
            _process: process,
            address: mcp,
            credential_file,
        })
    }

    /// Its MCP endpoint. By name: the suite's host check wants `localhost`.
    pub fn url(&self) -> String {
        format!("http://localhost:{}/mcp", self.address.port())
    }

    /// The file with the credential that it demands.
    pub fn credential_file(&self) -> &Path {
        &self.credential_file
    }
}
