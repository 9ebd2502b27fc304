//! `aldgate signing-key`: what a tenant's authorization server signs tokens with. `aldgate revoke
//! signing-key` ends one at once, with all that it signed.

use clap::{Args, Subcommand};
use proto::{
    admin::v1::{ListSigningKeysRequest, RotateSigningKeyRequest},
    name::Slug,
};

use super::tenant_name;
use crate::{
    args::WaitArgs, connect::Session, failure::Failure, live::wait_if_asked, output::Printer,
};

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the signing keys, newest first
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
    },
    /// Make a new signing key; tokens of the old one stay good until they expire
    Rotate(RotateArgs),
}

/// When the new key signs.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// It signs at once, instead of after verifiers had time to learn of it
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut oauth = session.oauth();
    match verb {
        Verb::List { tenant } => {
            let parent = tenant_name(&tenant);
            let request = ListSigningKeysRequest { parent };
            let answer = oauth.list_signing_keys(request).await?.into_inner();
            printer.list(&answer.signing_keys)
        }
        Verb::Rotate(args) => {
            let tenant = tenant_name(&args.tenant);
            let request = RotateSigningKeyRequest {
                parent: tenant.clone(),
                now: args.now,
            };
            let answer = oauth.rotate_signing_key(request).await?.into_inner();
            printer.one(&answer.signing_key.unwrap_or_default())?;
            wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
        }
    }
}
