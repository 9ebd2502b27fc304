//! What can be said of clients on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use proto::{admin::v1::ClientTrust, name::Slug};

/// Which client.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// The client
    pub(super) name: Slug,
    /// The tenant that it is registered with
    #[arg(long)]
    pub(super) tenant: Slug,
}

/// What a new client is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// How it proves who it is; `client_secret_basic`, if not given
    #[arg(long, value_enum)]
    pub(super) auth_method: Option<AuthMethod>,
}

/// What to change of a client.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// Take all redirect URIs away
    #[arg(long, conflicts_with = "redirect_uris")]
    pub(super) clear_redirect_uris: bool,
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    pub(super) clear_roles: bool,
    /// Change it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
}

/// What can be said of new clients and changed of others.
#[derive(Debug, Args)]
pub(super) struct FieldArgs {
    /// Where users are sent back to, exactly, but for the port of loopback addresses; repeatable
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(super) redirect_uris: Vec<String>,
    /// How it may get tokens; `authorization_code` and `refresh_token`, if not given; repeatable
    #[arg(long = "grant-type", value_enum, value_name = "GRANT")]
    pub(super) grant_types: Vec<GrantType>,
    /// The file that holds its public keys for `private_key_jwt`, a JWK set as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub(super) jwks_file: Option<PathBuf>,
    /// Where its public keys are
    #[arg(long, value_name = "URL")]
    pub(super) jwks_uri: Option<String>,
    /// A role of the tokens that it gets for itself (`client_credentials`); repeatable
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
    /// What the tenant thinks of it
    #[arg(long, value_enum)]
    pub(super) trust: Option<Trust>,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
}

/// Which client to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
}

/// How a client proves who it is at the token endpoint.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum AuthMethod {
    /// It does not: programs on people's machines, with PKCE
    None,
    /// A secret in `Authorization: Basic`
    ClientSecretBasic,
    /// A secret in the form
    ClientSecretPost,
    /// An assertion that it signs
    PrivateKeyJwt,
}

/// How a client gets tokens.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum GrantType {
    /// A user allows it in a browser
    AuthorizationCode,
    /// It goes on without the user
    RefreshToken,
    /// For itself
    ClientCredentials,
    /// A user allows it on another device
    DeviceCode,
}

/// What the tenant thinks of a client.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Trust {
    /// Users are asked for consent
    Ask,
    /// Users are not asked
    Trusted,
    /// Refused everywhere, with all that was granted to it
    Blocked,
}

impl ClientArgs {
    pub(super) fn name(&self) -> String {
        format!("tenants/{}/clients/{}", self.tenant, self.name)
    }
}

impl AuthMethod {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

impl GrantType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }
}

impl From<Trust> for ClientTrust {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Ask => Self::Ask,
            Trust::Trusted => Self::Trusted,
            Trust::Blocked => Self::Blocked,
        }
    }
}
