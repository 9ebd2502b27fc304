//! `aldgate user`: the people of a tenant who sign in to connect their clients.

mod args;
mod password;
mod request;

use clap::Subcommand;
use proto::{
    admin::v1::{DeleteUserRequest, GetUserRequest, ListUsersRequest, SetPasswordRequest},
    name::Slug,
};

use self::args::{CreateArgs, DeleteArgs, SetPasswordArgs, UpdateArgs, UserArgs};
use super::tenant_name;
use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a user; the password is asked for, unless a flag says where it comes from
    Create(CreateArgs),
    /// Show one user
    Get(UserArgs),
    /// List a tenant's users
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a user; only the fields that are given
    Update(UpdateArgs),
    /// Delete a user with all their connections
    Delete(DeleteArgs),
    /// Set or remove a user's password, and sign them out of their browsers
    SetPassword(SetPasswordArgs),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut users = session.users();
    match verb {
        Verb::Create(args) => {
            let request = request::create(&args)?;
            let answer = users.create_user(request).await?.into_inner();
            let user = answer.user.unwrap_or_default();
            printer.with_secret(&user, PASSWORD, &answer.password)?;
            note_generated(&answer.password, printer);
            Ok(())
        }
        Verb::Get(args) => {
            let request = GetUserRequest { name: args.name() };
            let answer = users.get_user(request).await?.into_inner();
            printer.one(&answer.user.unwrap_or_default())
        }
        Verb::List { tenant, list } => {
            let all = gather(&list, async |page_size, page_token| {
                let request = ListUsersRequest {
                    parent: tenant_name(&tenant),
                    page_size,
                    page_token,
                };
                let page = users.list_users(request).await?.into_inner();
                Ok((page.users, page.next_page_token))
            });
            printer.list(&all.await?)
        }
        Verb::Update(args) => {
            let request = request::update(&args)?;
            let answer = users.update_user(request).await?.into_inner();
            printer.one(&answer.user.unwrap_or_default())
        }
        Verb::Delete(args) => {
            let name = args.user.name();
            let request = DeleteUserRequest {
                name: name.clone(),
                etag: args.etag.unwrap_or_default(),
            };
            let answer = users.delete_user(request).await?.into_inner();
            printer.deleted_and_revoked(&name, answer.revocation)
        }
        Verb::SetPassword(args) => {
            let request = SetPasswordRequest {
                name: args.user.name(),
                password: args.password.read()?,
            };
            let answer = users.set_password(request).await?.into_inner();
            let user = answer.user.unwrap_or_default();
            printer.with_secret(&user, PASSWORD, &answer.password)?;
            note_generated(&answer.password, printer);
            Ok(())
        }
    }
}

fn note_generated(password: &str, printer: &Printer) {
    if !password.is_empty() {
        printer.note("The password is shown this once; only its hash is kept.");
    }
}

/// What a generated password is called in the output.
const PASSWORD: &str = "password";

#[cfg(test)]
mod tests;
