//! `aldgate tenant authenticators`: how the callers of servers without authenticators of their own prove
//! who they are.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::{
    access::v1::Authenticators,
    admin::v1::{GetAuthenticatorsRequest, SetAuthenticatorsRequest},
    name::Slug,
};

use crate::{
    args::WaitArgs, cmd::tenant_name, connect::Session, failure::Failure, live::wait_if_asked,
    operator_file, output::Printer,
};

/// What to do with a tenant's authenticators.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print them, in the form that `set` reads
    Get {
        /// The tenant
        name: Slug,
    },
    /// Replace them by those in a file
    Set(SetArgs),
    /// Go back to API keys and access tokens of the tenant's own authorization server
    Reset(ResetArgs),
}

/// The new authenticators.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// A file (or -) in YAML or JSON. `${NAME}` in its texts stands for a variable of the environment
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    change: ResetArgs,
}

/// Whose authenticators to change.
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    /// The tenant
    name: Slug,
    /// Change them only if this is still the tenant's etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(crate) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Get { name } => get(&name, session, printer).await,
        Verb::Set(args) => {
            let new = operator_file::read("--file", &args.file, printer)?;
            set(&args.change, Some(new), session, printer).await
        }
        Verb::Reset(args) => set(&args, None, session, printer).await,
    }
}

async fn get(tenant: &Slug, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = GetAuthenticatorsRequest {
        name: tenant_name(tenant),
    };
    let answer = session.access().get_authenticators(request).await?;
    let answer = answer.into_inner();
    printer.written(&answer, answer.authenticators.as_ref())?;
    if answer.authenticators.is_none() {
        printer.note("none are set: callers come with API keys, or with access tokens of the tenant's own authorization server");
    }
    Ok(())
}

async fn set(
    args: &ResetArgs,
    authenticators: Option<Authenticators>,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = SetAuthenticatorsRequest {
        name: tenant_name(&args.name),
        authenticators,
        etag: args.etag.clone().unwrap_or_default(),
    };
    let answer = session.access().set_authenticators(request).await?;
    let answer = answer.into_inner();
    printer.one(&answer)?;
    let tenant = tenant_name(&args.name);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}
