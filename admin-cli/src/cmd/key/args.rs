//! What can be said of keys on the command line.

use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use proto::{admin::v1::KeyLifespan, name::Slug};

use crate::{
    args::{WaitArgs, duration},
    cmd::server_name,
};

/// Which key.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The key
    pub(super) name: Slug,
    /// The tenant that owns it
    #[arg(long)]
    pub(super) tenant: Slug,
}

/// What a new key is like.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("opens").required(true).args(["servers", "all_servers"]))]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    #[command(flatten)]
    pub(super) opens: OpensArgs,
    /// What it may do, `SERVER:read`, `SERVER:write` or `SERVER:*` (`*` for all servers); repeatable.
    /// Everything at the servers that it opens, if not given
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<String>,
    /// How long it lives
    #[arg(long, value_enum)]
    pub(super) lifespan: Lifespan,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// What to change of a key.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    #[command(flatten)]
    pub(super) opens: OpensArgs,
    /// What it may do from now on, in place of all it could; repeatable
    #[arg(long = "scope", value_name = "SCOPE", conflicts_with = "all_scopes")]
    pub(super) scopes: Vec<String>,
    /// Let it do everything at the servers that it opens
    #[arg(long)]
    pub(super) all_scopes: bool,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
    /// Refuse it from now on
    #[arg(long, conflicts_with = "enable")]
    pub(super) disable: bool,
    /// Accept it again
    #[arg(long)]
    pub(super) enable: bool,
    /// Change it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// What a key opens.
#[derive(Debug, Args)]
pub(super) struct OpensArgs {
    /// A server that it opens; repeatable
    #[arg(long = "server", value_name = "SERVER", conflicts_with = "all_servers")]
    pub(super) servers: Vec<Slug>,
    /// It opens every server of the tenant, those to come included
    #[arg(long)]
    pub(super) all_servers: bool,
}

/// Which key gets a new secret.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    /// How long the secret before still works, up to 7d; not at all, if not given
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) overlap: Option<Duration>,
    /// Rotate it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// Which key to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// How long a key lives (S0-8).
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Lifespan {
    /// Seven days
    #[value(name = "7d")]
    SevenDays,
    /// Fifteen days
    #[value(name = "15d")]
    FifteenDays,
    /// Thirty days
    #[value(name = "30d")]
    ThirtyDays,
    /// It never expires
    Permanent,
}

impl KeyArgs {
    pub(super) fn name(&self) -> String {
        format!("tenants/{}/keys/{}", self.tenant, self.name)
    }
}

impl OpensArgs {
    pub(super) fn names(&self, tenant: &Slug) -> Vec<String> {
        self.servers
            .iter()
            .map(|server| server_name(tenant, server))
            .collect()
    }
}

impl From<Lifespan> for KeyLifespan {
    fn from(lifespan: Lifespan) -> Self {
        match lifespan {
            Lifespan::SevenDays => Self::SevenDays,
            Lifespan::FifteenDays => Self::FifteenDays,
            Lifespan::ThirtyDays => Self::ThirtyDays,
            Lifespan::Permanent => Self::Permanent,
        }
    }
}
