//! What can be said of servers on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use proto::{admin::v1::EgressMode, name::Slug};

use super::credential::CredentialArgs;
use crate::{
    args::{WaitArgs, duration},
    cmd::{server_name, tenant_name},
};

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server
    pub(super) name: Slug,
    /// The tenant that owns it
    #[arg(long)]
    pub(super) tenant: Slug,
}

/// What a new server is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// Its MCP endpoint, for example `https://files.example.com/mcp`
    #[arg(long, required_unless_present = "file")]
    pub(super) url: Option<String>,
    /// All of it in a file (or -) in YAML or JSON: `server`, `credential`, `authenticators`.
    /// `${NAME}` in its texts stands for a variable of the environment
    #[arg(long, value_name = "FILE", conflicts_with_all = IN_FILE)]
    pub(super) file: Option<PathBuf>,
    /// Make no API key along with it
    #[arg(long)]
    pub(super) no_primary_key: bool,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    #[command(flatten)]
    pub(super) credential: CredentialArgs,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// What to change of a server.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// Its MCP endpoint
    #[arg(long)]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// Let callers prove who they are as the tenant says
    #[arg(long, conflicts_with = "authenticators_file")]
    pub(super) reset_authenticators: bool,
    /// Change it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// What can be said of a server and need not be.
#[derive(Debug, Args)]
pub(super) struct FieldArgs {
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// How long a tool call may take to its first byte, 1s to 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    /// A file (or -) with MCP tool definitions given by hand, a JSON array
    #[arg(long, value_name = "FILE")]
    pub(super) tool_list_json_file: Option<PathBuf>,
    /// A file (or -) in YAML or JSON that says how callers prove who they are; as the tenant says, if not
    /// given. `${NAME}` in its texts stands for a variable of the environment
    #[arg(long, value_name = "FILE")]
    pub(super) authenticators_file: Option<PathBuf>,
    /// Which credential calls carry
    #[arg(long, value_enum, value_name = "MODE")]
    pub(super) egress_mode: Option<Egress>,
}

/// Which credential calls to a server carry (S0-2, S0-3).
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Egress {
    /// The stored one
    Shared,
    /// The caller's own, where that may be forwarded; never the stored one
    Passthrough,
    /// None
    None,
}

/// Which server to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// What to present to a server from now on.
#[derive(Debug, Args)]
pub(crate) struct SetCredentialArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(flatten)]
    pub(super) credential: CredentialArgs,
    /// Set it only if this is still the server's etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

impl ServerArgs {
    pub(super) fn name(&self) -> String {
        server_name(&self.tenant, &self.name)
    }

    pub(super) fn tenant_name(&self) -> String {
        tenant_name(&self.tenant)
    }
}

impl From<Egress> for EgressMode {
    fn from(mode: Egress) -> Self {
        match mode {
            Egress::Shared => Self::Shared,
            Egress::Passthrough => Self::Passthrough,
            Egress::None => Self::None,
        }
    }
}

/// What `--file` says in place of flags.
const IN_FILE: [&str; 10] = [
    "url",
    "display_name",
    "description",
    "timeout",
    "tool_list_json_file",
    "authenticators_file",
    "egress_mode",
    "scheme",
    "header_name",
    "value_file",
];
