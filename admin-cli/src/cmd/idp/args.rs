//! What can be said of identity providers on the command line.

use std::path::PathBuf;

use clap::Args;
use proto::{admin::v1::GroupRoles, name::Slug};

/// Which identity provider.
#[derive(Debug, Args)]
pub(crate) struct ProviderArgs {
    /// The identity provider
    pub(super) name: Slug,
    /// The tenant whose users sign in there
    #[arg(long)]
    pub(super) tenant: Slug,
}

/// What a new identity provider is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) provider: ProviderArgs,
    /// Its issuer, an https URL; its discovery document is found there
    #[arg(long, value_name = "URL", required_unless_present = "file")]
    pub(super) issuer: Option<String>,
    #[command(flatten)]
    pub(super) secret: SecretArgs,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// All of this from a file (or -) in YAML or JSON instead. `${NAME}` in its texts stands for a
    /// variable of the environment
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["issuer", "client_id", "client_secret_file", "public_client"]
    )]
    pub(super) file: Option<PathBuf>,
}

/// What to change of an identity provider.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) provider: ProviderArgs,
    #[command(flatten)]
    pub(super) secret: SecretArgs,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    #[command(flatten)]
    pub(super) clear: ClearArgs,
    /// Let nobody sign in through it from now on
    #[arg(long, conflicts_with = "enable")]
    pub(super) disable: bool,
    /// Let people sign in through it again
    #[arg(long)]
    pub(super) enable: bool,
    /// Change it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
}

/// Our secret there.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct SecretArgs {
    /// The file that holds our secret there, or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE")]
    pub(super) client_secret_file: Option<PathBuf>,
    /// We have no secret there
    #[arg(long)]
    pub(super) public_client: bool,
}

/// What can be said of new identity providers and changed of others.
#[derive(Debug, Args)]
pub(super) struct FieldArgs {
    /// What we are called there
    #[arg(long, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// What the button on the login page says
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
    /// A scope to ask for besides `openid`; `profile` and `email`, if not given; repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<String>,
    /// The claim that lists people's groups
    #[arg(long, value_name = "CLAIM")]
    pub(super) groups_claim: Option<String>,
    /// The roles of those in a group, `GROUP=ROLE,ROLE`; repeatable
    #[arg(long = "group-role", value_name = "GROUP=ROLES", value_parser = group_roles)]
    pub(super) group_roles: Vec<GroupRoles>,
    /// The claim that becomes the login of new users; `email` where it is verified, else `sub`, if not given
    #[arg(long, value_name = "CLAIM")]
    pub(super) login_claim: Option<String>,
    /// Whether people become users when they first sign in
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(super) create_users: Option<bool>,
    /// Let in only people with a verified address of this domain; repeatable
    #[arg(long = "email-domain", value_name = "DOMAIN")]
    pub(super) email_domains: Vec<String>,
}

/// What to take away from an identity provider.
#[derive(Debug, Args)]
pub(super) struct ClearArgs {
    /// Take the roles of groups away
    #[arg(long, conflicts_with = "group_roles")]
    pub(super) clear_group_roles: bool,
    /// Let people of all domains in
    #[arg(long, conflicts_with = "email_domains")]
    pub(super) clear_email_domains: bool,
    /// Ask for the usual scopes
    #[arg(long, conflicts_with = "scopes")]
    pub(super) clear_scopes: bool,
}

/// Which identity provider to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(super) provider: ProviderArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    pub(super) etag: Option<String>,
}

impl ProviderArgs {
    pub(super) fn name(&self) -> String {
        format!("tenants/{}/identityProviders/{}", self.tenant, self.name)
    }
}

/// `GROUP=ROLE,ROLE`. Groups may hold any character, so the last `=` counts.
fn group_roles(text: &str) -> Result<GroupRoles, String> {
    let (group, roles) = text
        .rsplit_once('=')
        .filter(|(group, roles)| !group.is_empty() && !roles.is_empty())
        .ok_or("write GROUP=ROLE,ROLE, for example staff=dev,ops")?;
    Ok(GroupRoles {
        group: group.to_owned(),
        roles: roles.split(',').map(str::to_owned).collect(),
    })
}
