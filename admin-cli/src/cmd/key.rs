//! `aldgate key`.

mod args;
mod created;
mod request;

use clap::Subcommand;
use proto::{
    admin::v1::{DeleteKeyRequest, GetKeyRequest, ListKeysRequest},
    name::Slug,
};

pub(super) use self::args::Lifespan;
use self::{
    args::{CreateArgs, DeleteArgs, KeyArgs, RotateArgs, UpdateArgs},
    created::Created,
};
use super::tenant_name;
use crate::{
    args::ListArgs, connect::Session, failure::Failure, live::wait_if_asked, output::Printer,
    page::gather,
};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a key; it is shown this once
    Create(CreateArgs),
    /// Show one key, without its secret
    Get(KeyArgs),
    /// List a tenant's keys
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a key; only the fields that are given
    Update(UpdateArgs),
    /// Give a key a new secret; it is shown this once
    Rotate(RotateArgs),
    /// Delete a key
    Delete(DeleteArgs),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create(&args, session, printer).await,
        Verb::Get(args) => {
            let request = GetKeyRequest { name: args.name() };
            let answer = session.keys().get_key(request).await?.into_inner();
            printer.one(&answer.key.unwrap_or_default())
        }
        Verb::List { tenant, list } => self::list(&tenant, &list, session, printer).await,
        Verb::Update(args) => update(&args, session, printer).await,
        Verb::Rotate(args) => rotate(&args, session, printer).await,
        Verb::Delete(args) => delete(args, session, printer).await,
    }
}

async fn create(args: &CreateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::create(args);
    let answer = session.keys().create_key(request).await?.into_inner();
    let created = Created::of(answer.key, &answer.secret, answer.revision);
    printer.facts(&created, &created.facts())?;
    printer.note(ONCE);
    let tenant = tenant_name(&args.key.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn list(
    tenant: &Slug,
    args: &ListArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut keys = session.keys();
    let all = gather(args, async |page_size, page_token| {
        let request = ListKeysRequest {
            parent: tenant_name(tenant),
            page_size,
            page_token,
        };
        let page = keys.list_keys(request).await?.into_inner();
        Ok((page.keys, page.next_page_token))
    });
    printer.list(&all.await?)
}

async fn update(args: &UpdateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::update(args)?;
    let answer = session.keys().update_key(request).await?.into_inner();
    printer.one(&answer.key.unwrap_or_default())?;
    let tenant = tenant_name(&args.key.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn rotate(args: &RotateArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = request::rotate(args);
    let answer = session.keys().rotate_key(request).await?.into_inner();
    let previous = answer.key.as_ref().and_then(|key| key.previous_expire_time);
    let created = Created::of(answer.key, &answer.secret, answer.revision);
    printer.facts(&created, &created.facts())?;
    printer.note(ONCE);
    printer.note(&match previous {
        Some(until) => format!("The secret before works until {until}."),
        None => "The secret before is refused as soon as the change is live.".into(),
    });
    let tenant = tenant_name(&args.key.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn delete(args: DeleteArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let name = args.key.name();
    let request = DeleteKeyRequest {
        name: name.clone(),
        etag: args.etag.unwrap_or_default(),
    };
    let answer = session.keys().delete_key(request).await?.into_inner();
    printer.deleted(&name, answer.revision)?;
    let tenant = tenant_name(&args.key.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

/// What to say beside a new secret.
pub(super) const ONCE: &str = "The key is shown this once; only its hash is kept.";

#[cfg(test)]
mod tests;
