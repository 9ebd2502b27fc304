//! `.dev/state.json`: what scripts need to find a running stack. It holds secrets and is readable by
//! its owner only; it exists while the stack runs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::scratch::write_private;

/// The file's content.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The program `aldgate`.
    pub bin: PathBuf,
    /// The gateways' public origins.
    pub gateways: Vec<String>,
    /// The demo tenant's canonical origin.
    pub issuer: String,
    /// The demo server as clients reach it.
    pub mcp_url: String,
    /// The demo key.
    pub api_key: String,
    /// The endpoint of the admin API.
    pub admin: String,
    /// The file with the certificate that the admin API's is signed by.
    pub ca: PathBuf,
    /// The platform's admin token.
    pub admin_token: String,
    /// The demo tenant's slug.
    pub tenant: String,
    /// The demo server's slug.
    pub server: String,
    /// The demo end user.
    pub user: Option<User>,
    /// The ops doors.
    pub ops: Ops,
    /// The processes.
    pub pids: Pids,
    /// What `aldgate` needs in its environment.
    pub env: BTreeMap<String, String>,
}

/// An end user of the demo tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// The URLs of the ops doors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ops {
    /// In the order of `gateways`.
    pub gateways: Vec<String>,
    /// The controller's.
    pub controller: String,
}

/// Process ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pids {
    /// The one that ends all others.
    pub launcher: u32,
    /// Postgres.
    pub postgres: u32,
    /// Redis.
    pub redis: u32,
    /// The controller.
    pub controller: u32,
    /// In the order of `gateways`.
    pub gateways: Vec<u32>,
    /// The demo MCP server.
    pub demo: u32,
}

impl State {
    /// The file of the checkout that this program was built from.
    pub fn path() -> PathBuf {
        root().join(".dev/state.json")
    }

    /// Writes it, all at once.
    pub fn write(&self, path: &Path) -> Result<()> {
        let dir = path.parent().context("a file in a folder")?;
        std::fs::create_dir_all(dir)?;
        let draft = path.with_extension("draft");
        write_private(&draft, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&draft, path)?;
        Ok(())
    }

    /// Reads it; `None` when no stack runs, also when the one that wrote it was killed.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        // A file that cannot be read is of another version of this program.
        let state: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(state.filter(Self::runs))
    }

    /// Whether its launcher is alive. Process ids are used again, so the name has to match too.
    fn runs(&self) -> bool {
        let path = format!("/proc/{}/cmdline", self.pids.launcher);
        std::fs::read(path).is_ok_and(|line| {
            let program = line.split(|&byte| byte == 0).next().unwrap_or_default();
            program.ends_with(b"aldgate-dev")
        })
    }
}

/// The top folder of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in a folder of the checkout")
}
