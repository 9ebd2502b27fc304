//! `aldgate server`.

mod credential;
mod request;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use proto::{
    admin::v1::{DeleteServerRequest, GetServerRequest, ListServersRequest},
    name::Slug,
};

use self::credential::CredentialArgs;
use super::{server_name, tenant_name};
use crate::{
    args::{ListArgs, WaitArgs, duration},
    connect::Session,
    failure::Failure,
    live::wait_if_asked,
    output::Printer,
    page::gather,
};

/// What to do with servers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a server
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

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server
    name: Slug,
    /// The tenant that owns it
    #[arg(long)]
    tenant: Slug,
}

/// What a new server is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Its MCP endpoint, for example `https://files.example.com/mcp`
    #[arg(long)]
    url: String,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    credential: CredentialArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What to change of a server.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Its MCP endpoint
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    fields: FieldArgs,
    /// Change it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What can be said of a server and need not be.
#[derive(Debug, Args)]
struct FieldArgs {
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How long a tool call may take to its first byte, 1s to 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// A file (or -) with MCP tool definitions given by hand, a JSON array
    #[arg(long, value_name = "FILE")]
    tool_list_json_file: Option<PathBuf>,
}

/// Which server to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What to present to a server from now on.
#[derive(Debug, Args)]
pub(crate) struct SetCredentialArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    credential: CredentialArgs,
    /// Set it only if this is still the server's etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
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
    let request = request::create(args)?;
    let answer = session.servers().create_server(request).await?.into_inner();
    printer.one(&answer.server.unwrap_or_default())?;
    wait_if_asked(
        &args.wait,
        session,
        printer,
        answer.revision,
        &args.server.tenant_name(),
    )
    .await
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
    let request = request::update(args)?;
    let answer = session.servers().update_server(request).await?.into_inner();
    let server = answer.server.unwrap_or_default();
    printer.one(&server)?;
    if let Some(notice) = credential::detached(&server, &args.server) {
        printer.note(&notice);
    }
    wait_if_asked(
        &args.wait,
        session,
        printer,
        answer.revision,
        &args.server.tenant_name(),
    )
    .await
}

async fn delete(args: DeleteArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let name = args.server.name();
    let request = DeleteServerRequest {
        name: name.clone(),
        etag: args.etag.unwrap_or_default(),
    };
    let answer = session.servers().delete_server(request).await?.into_inner();
    printer.deleted(&name, answer.revision)?;
    wait_if_asked(
        &args.wait,
        session,
        printer,
        answer.revision,
        &args.server.tenant_name(),
    )
    .await
}

async fn set_credential(
    args: &SetCredentialArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = request::set_credential(args)?;
    let answer = session
        .servers()
        .set_server_credential(request)
        .await?
        .into_inner();
    printer.one(&answer.server.unwrap_or_default())?;
    wait_if_asked(
        &args.wait,
        session,
        printer,
        answer.revision,
        &args.server.tenant_name(),
    )
    .await
}

impl ServerArgs {
    fn name(&self) -> String {
        server_name(&self.tenant, &self.name)
    }

    fn tenant_name(&self) -> String {
        tenant_name(&self.tenant)
    }
}

#[cfg(test)]
mod tests;
