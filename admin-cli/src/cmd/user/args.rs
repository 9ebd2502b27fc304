//! What can be said of users on the command line.

use clap::{Args, ValueEnum};
use proto::{admin::v1::AdminRole, name::Slug};

use super::password::PasswordArgs;

/// Which user.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// The user
    pub(super) name: Slug,
    /// The tenant that they belong to
    #[arg(long)]
    pub(super) tenant: Slug,
}

/// What a new user is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) user: UserArgs,
    /// What they sign in with and what the policy calls them, for example `ada@acme.com`
    #[arg(long)]
    pub(super) login: String,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    #[command(flatten)]
    pub(super) password: PasswordArgs,
}

/// What to change of a user.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) user: UserArgs,
    /// What they sign in with and what the policy calls them
    #[arg(long)]
    pub(super) login: Option<String>,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    pub(super) clear_roles: bool,
    /// Take them out of all groups
    #[arg(long, conflicts_with = "groups")]
    pub(super) clear_groups: bool,
    #[command(flatten)]
    pub(super) state: StateArgs,
    /// Change them only if this is still their etag
    #[arg(long)]
    pub(super) etag: Option<String>,
}

/// Whether they may sign in.
#[derive(Debug, Args)]
pub(super) struct StateArgs {
    /// Let nothing of theirs work from now on
    #[arg(long, conflicts_with = "enable")]
    pub(super) disable: bool,
    /// Let them sign in again
    #[arg(long)]
    pub(super) enable: bool,
}

/// What can be said of new users and changed of others.
#[derive(Debug, Args)]
pub(super) struct FieldArgs {
    /// A role that they have, besides those that the policy binds to them; repeatable
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
    /// A group that they are in; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    pub(super) groups: Vec<String>,
    /// What they may do through the admin API, signed in with `aldgate login`
    #[arg(long, value_enum)]
    pub(super) admin_role: Option<AdminRoleArg>,
    /// What people call them
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
}

/// Which user to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(super) user: UserArgs,
    /// Delete them only if this is still their etag
    #[arg(long)]
    pub(super) etag: Option<String>,
}

/// Whose password to set.
#[derive(Debug, Args)]
pub(crate) struct SetPasswordArgs {
    #[command(flatten)]
    pub(super) user: UserArgs,
    #[command(flatten)]
    pub(super) password: PasswordArgs,
}

/// What a user may do through the admin API.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum AdminRoleArg {
    /// Nothing
    None,
    /// Read what belongs to the tenant
    Viewer,
    /// Change it, too
    Admin,
}

impl UserArgs {
    pub(super) fn name(&self) -> String {
        format!("tenants/{}/users/{}", self.tenant, self.name)
    }
}

impl From<AdminRoleArg> for AdminRole {
    fn from(role: AdminRoleArg) -> Self {
        match role {
            AdminRoleArg::None => Self::Unspecified,
            AdminRoleArg::Viewer => Self::Viewer,
            AdminRoleArg::Admin => Self::Admin,
        }
    }
}
