//! `aldgate server`.

mod args;
mod created;
mod credential;
mod prompt;
mod request;

use clap::Subcommand;
use proto::{
    admin::v1::{DeleteServerRequest, GetServerRequest, ListServersRequest},
    name::Slug,
};

use self::{
    args::{CreateArgs, DeleteArgs, ServerArgs, SetCredentialArgs, UpdateArgs},
    created::Created,
};
use super::{key::ONCE, tenant_name};
use crate::{
    args::ListArgs, connect::Session, failure::Failure, live::wait_if_asked, output::Printer,
    page::gather,
};

/// What to do with servers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a server, and make an API key for it; the key is shown this once
    Create(CreateArgs),
    /// Show one server; never its credential
    Get(ServerArgs),
    /// List a tenant's servers
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a server; only the fields that are given. Another origin detaches the credential
    Update(UpdateArgs),
    /// Delete a server with its credential
    Delete(DeleteArgs),
    /// Set, replace or remove (`--auth-scheme none`) what is presented to a server
    #[command(mut_arg("scheme", |arg| arg.required(true)))]
    SetCredential(SetCredentialArgs),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create(&args, session, printer).await,
        Verb::Get(args) => get(&args, session, printer).await,
        Verb::List { tenant, list } => self::list(&tenant, &list, session, printer).await,
        Verb::Update(args) => update(&args, session, printer).await,
        Verb::Delete(args) => delete(args, session, printer).await,
        Verb::SetCredential(args) => set_credential(&args, session, printer).await,
    }
}

async fn create(args: &CreateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::create(args, printer)?;
    let answer = session.servers().create_server(request).await?.into_inner();
    let server = answer.server.clone().unwrap_or_default();
    let created = Created::of(&server, &answer);
    printer.facts(&created, &created.facts())?;
    if created.has_key() {
        printer.note(ONCE);
    }
    let tenant = args.server.tenant_name();
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn get(args: &ServerArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = GetServerRequest { name: args.name() };
    let answer = session.servers().get_server(request).await?.into_inner();
    printer.one(&answer.server.unwrap_or_default())
}

async fn list(
    tenant: &Slug,
    args: &ListArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut servers = session.servers();
    let all = gather(args, async |page_size, page_token| {
        let request = ListServersRequest {
            parent: tenant_name(tenant),
            page_size,
            page_token,
        };
        let page = servers.list_servers(request).await?.into_inner();
        Ok((page.servers, page.next_page_token))
    });
    printer.list(&all.await?)
}

async fn update(args: &UpdateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::update(args, printer)?;
    let answer = session.servers().update_server(request).await?.into_inner();
    let server = answer.server.unwrap_or_default();
    printer.one(&server)?;
    if let Some(notice) = credential::detached(&server, &args.server) {
        printer.note(&notice);
    }
    let tenant = args.server.tenant_name();
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn delete(args: DeleteArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let name = args.server.name();
    let request = DeleteServerRequest {
        name: name.clone(),
        etag: args.etag.unwrap_or_default(),
    };
    let answer = session.servers().delete_server(request).await?.into_inner();
    printer.deleted(&name, answer.revision)?;
    let tenant = args.server.tenant_name();
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn set_credential(
    args: &SetCredentialArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let asked = if args.credential.lacks_value() {
        Some(prompt::credential(&args.server, session, printer).await?)
    } else {
        None
    };
    let request = request::set_credential(args, asked.as_ref())?;
    let answer = session
        .servers()
        .set_server_credential(request)
        .await?
        .into_inner();
    printer.one(&answer.server.unwrap_or_default())?;
    let tenant = args.server.tenant_name();
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

#[cfg(test)]
mod tests;
