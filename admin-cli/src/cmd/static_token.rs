//! `aldgate static-token`.

mod args;
mod created;
mod forecast;
mod request;

use clap::Subcommand;
use proto::{
    admin::v1::{DeleteStaticTokenRequest, GetStaticTokenRequest, ListStaticTokensRequest},
    name::Slug,
};

pub(super) use self::args::TokenArgs;
use self::{
    args::{CreateArgs, DeleteArgs, UpdateArgs},
    created::Created,
};
use super::tenant_name;
use crate::{
    args::ListArgs, connect::Session, failure::Failure, live::wait_if_asked, output::Printer,
    page::gather,
};

/// What to do with static tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a static token; what clients send is shown this once
    Create(CreateArgs),
    /// Show one static token, without its value
    Get(TokenArgs),
    /// List a tenant's static tokens
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a static token; only the fields that are given
    Update(UpdateArgs),
    /// Delete a static token
    Delete(DeleteArgs),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create(&args, session, printer).await,
        Verb::Get(args) => get(&args, session, printer).await,
        Verb::List { tenant, list } => self::list(&tenant, &list, session, printer).await,
        Verb::Update(args) => update(&args, session, printer).await,
        Verb::Delete(args) => delete(args, session, printer).await,
    }
}

async fn create(args: &CreateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::create(args, printer)?;
    let mut tokens = session.static_tokens();
    let answer = tokens.create_static_token(request).await?.into_inner();
    let created = Created::of(&answer);
    printer.facts(&created, &created.facts())?;
    printer.note("The header is shown this once; only a keyed hash of its value is kept.");
    let token = answer.static_token.clone().unwrap_or_default();
    for obstacle in forecast::obstacles(&token, &args.token.tenant, session).await {
        printer.note(&format!("note: {obstacle}"));
    }
    let tenant = tenant_name(&args.token.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn get(args: &TokenArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = GetStaticTokenRequest { name: args.name() };
    let answer = session.static_tokens().get_static_token(request).await?;
    printer.one(&answer.into_inner().static_token.unwrap_or_default())
}

async fn list(
    tenant: &Slug,
    args: &ListArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut tokens = session.static_tokens();
    let all = gather(args, async |page_size, page_token| {
        let request = ListStaticTokensRequest {
            parent: tenant_name(tenant),
            page_size,
            page_token,
        };
        let page = tokens.list_static_tokens(request).await?.into_inner();
        Ok((page.static_tokens, page.next_page_token))
    });
    printer.list(&all.await?)
}

async fn update(args: &UpdateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::update(args, printer)?;
    let answer = session.static_tokens().update_static_token(request).await?;
    let answer = answer.into_inner();
    printer.one(&answer.static_token.unwrap_or_default())?;
    let tenant = tenant_name(&args.token.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn delete(args: DeleteArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let name = args.token.name();
    let request = DeleteStaticTokenRequest {
        name: name.clone(),
        etag: args.etag.unwrap_or_default(),
    };
    let answer = session.static_tokens().delete_static_token(request).await?;
    let revision = answer.into_inner().revision;
    printer.deleted(&name, revision)?;
    let tenant = tenant_name(&args.token.tenant);
    wait_if_asked(&args.wait, session, printer, revision, &tenant).await
}

#[cfg(test)]
mod tests;
