//! `aldgate wait`: for scripts that made changes without `--wait`, or not through this program.

use std::time::Duration;

use clap::Args;
use proto::name::Slug;

use super::tenant_name;
use crate::{args::wait_timeout, connect::Session, failure::Failure, live, output::Printer};

/// What to wait for.
#[derive(Debug, Args)]
pub(crate) struct WaitForArgs {
    /// The revision, as each change prints it
    #[arg(long, value_name = "NUMBER")]
    revision: u64,
    /// How long to wait at most, up to 5m
    #[arg(long, value_name = "TIME", value_parser = wait_timeout, default_value = "30s")]
    timeout: Duration,
    /// Let only this tenant's rejects count; tenant tokens need it
    #[arg(long)]
    tenant: Option<Slug>,
}

pub(super) async fn run(
    args: WaitForArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let tenant = args.tenant.as_ref().map(tenant_name).unwrap_or_default();
    let answer = live::wait(session, args.revision, args.timeout, &tenant).await?;
    printer.one(&answer)
}
