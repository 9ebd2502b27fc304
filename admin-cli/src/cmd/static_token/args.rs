//! What can be said of static tokens on the command line. Values of any kind come from files.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use proto::{admin::v1::StaticTokenType, name::Slug};

use crate::{args::WaitArgs, cmd::key::Lifespan};

/// Which static token.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The static token
    pub(super) name: Slug,
    /// The tenant that owns it
    #[arg(long)]
    pub(super) tenant: Slug,
}

/// What a new static token is like.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).args(["value_file", "generate", "user"]))]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) token: TokenArgs,
    /// The server that it opens
    #[arg(long)]
    pub(super) server: Slug,
    /// The header that it comes in
    #[arg(long = "type", value_enum)]
    pub(super) kind: TokenType,
    /// How long it lives
    #[arg(long, value_enum)]
    pub(super) lifespan: Lifespan,
    /// The file that holds its value, or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE")]
    pub(super) value_file: Option<PathBuf>,
    /// Let the installation make a random value
    #[arg(long)]
    pub(super) generate: bool,
    /// The user, for `--type basic`
    #[arg(long, requires = "password_file")]
    pub(super) user: Option<String>,
    /// The file that holds the user's password, or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(super) password_file: Option<PathBuf>,
    /// Let its header go on to the server as it came
    #[arg(long)]
    pub(super) passthrough: bool,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// What to change of a static token.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) token: TokenArgs,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    #[command(flatten)]
    pub(super) clear: ClearArgs,
    #[command(flatten)]
    pub(super) switch: SwitchArgs,
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

/// What to take away from a static token.
#[derive(Debug, Args)]
pub(super) struct ClearArgs {
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    pub(super) clear_roles: bool,
    /// Take all headers away
    #[arg(long, conflicts_with = "headers_file")]
    pub(super) clear_headers: bool,
}

/// Where its header goes from now on.
#[derive(Debug, Args)]
pub(super) struct SwitchArgs {
    /// Let its header go on to the server as it comes
    #[arg(long, conflicts_with = "no_passthrough")]
    pub(super) passthrough: bool,
    /// Keep its header from the server
    #[arg(long)]
    pub(super) no_passthrough: bool,
}

/// What can be said of a static token and need not be.
#[derive(Debug, Args)]
pub(super) struct FieldArgs {
    /// What people call it and what it is for
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
    /// Who calls with it, for the policy and the access log; `tokens/NAME` if not given
    #[arg(long)]
    pub(super) subject: Option<String>,
    /// A role that it gives; repeatable
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
    /// A file (or -) in YAML or JSON with the headers that calls carry to the server and clients never
    /// see: a list of `name`, `value` and `passthrough`. `${NAME}` in its texts stands for a variable of
    /// the environment
    #[arg(long, value_name = "FILE")]
    pub(super) headers_file: Option<PathBuf>,
    /// Switch this header of the file on, whatever the file says; repeatable
    #[arg(long = "header", value_name = "HEADER", requires = "headers_file")]
    pub(super) headers_on: Vec<String>,
}

/// Which static token to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(super) token: TokenArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

/// The header that a token comes in (S0-9, S0-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TokenType {
    /// Authorization: Bearer VALUE
    Bearer,
    /// Api-Key: VALUE
    ApiKey,
    /// X-API-Key: VALUE
    XApiKey,
    /// Authorization: Basic USER:PASSWORD in Base64
    Basic,
}

impl TokenArgs {
    pub(crate) fn name(&self) -> String {
        format!("tenants/{}/staticTokens/{}", self.tenant, self.name)
    }
}

impl From<TokenType> for StaticTokenType {
    fn from(kind: TokenType) -> Self {
        match kind {
            TokenType::Bearer => Self::Bearer,
            TokenType::ApiKey => Self::ApiKey,
            TokenType::XApiKey => Self::XApiKey,
            TokenType::Basic => Self::Basic,
        }
    }
}
