//! `aldgate client`: the programs that ask a tenant's authorization server for tokens. They are no config,
//! so there is no revision to wait for.

mod args;
mod request;

use clap::Subcommand;
use proto::{
    admin::v1::{
        DeleteClientRequest, GetClientRequest, ListClientsRequest, RotateClientSecretRequest,
    },
    name::Slug,
};

use self::args::{ClientArgs, CreateArgs, DeleteArgs, UpdateArgs};
use super::tenant_name;
use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a client; its secret, if it has one, is shown this once
    Create(CreateArgs),
    /// Show one client, however it was registered
    Get(ClientArgs),
    /// List a tenant's clients
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a client; only the fields that are given. Of one that registered itself, --trust alone
    Update(UpdateArgs),
    /// Delete a client with all that was granted to it
    Delete(DeleteArgs),
    /// Give a client a new secret; it is shown this once, and the old one stops working
    RotateSecret(ClientArgs),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut clients = session.clients();
    match verb {
        Verb::Create(args) => {
            let request = request::create(&args)?;
            let answer = clients.create_client(request).await?.into_inner();
            let client = answer.client.unwrap_or_default();
            printer.with_secret(&client, SECRET, &answer.client_secret)?;
            if !answer.client_secret.is_empty() {
                printer.note(ONCE);
            }
            Ok(())
        }
        Verb::Get(args) => {
            let request = GetClientRequest { name: args.name() };
            let answer = clients.get_client(request).await?.into_inner();
            printer.one(&answer.client.unwrap_or_default())
        }
        Verb::List { tenant, list } => {
            let all = gather(&list, async |page_size, page_token| {
                let request = ListClientsRequest {
                    parent: tenant_name(&tenant),
                    page_size,
                    page_token,
                };
                let page = clients.list_clients(request).await?.into_inner();
                Ok((page.clients, page.next_page_token))
            });
            printer.list(&all.await?)
        }
        Verb::Update(args) => {
            let request = request::update(&args)?;
            let answer = clients.update_client(request).await?.into_inner();
            printer.one(&answer.client.unwrap_or_default())
        }
        Verb::Delete(args) => {
            let name = args.client.name();
            let request = DeleteClientRequest {
                name: name.clone(),
                etag: args.etag.unwrap_or_default(),
            };
            let answer = clients.delete_client(request).await?.into_inner();
            printer.deleted_and_revoked(&name, answer.revocation)
        }
        Verb::RotateSecret(args) => {
            let request = RotateClientSecretRequest { name: args.name() };
            let answer = clients.rotate_client_secret(request).await?.into_inner();
            let client = answer.client.unwrap_or_default();
            printer.with_secret(&client, SECRET, &answer.client_secret)?;
            printer.note(ONCE);
            Ok(())
        }
    }
}

const SECRET: &str = "secret";
const ONCE: &str = "The secret is shown this once; only its hash is kept.";

#[cfg(test)]
mod tests;
