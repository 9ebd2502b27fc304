//! `aldgate login` and `aldgate logout`.

use clap::Args;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{args::Global, connect, failure::Failure, login, output::Printer};

/// Where to sign in, and how.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The tenant's public address, for example `https://acme.example.com`; the one of the last login, if
    /// not given
    #[arg(long, env = "ALDGATE_TENANT_URL", value_name = "URL")]
    tenant_url: Option<String>,
    /// Show a code to type in a browser on any machine, instead of opening one here
    #[arg(long)]
    device: bool,
}

pub(super) async fn login(
    args: &LoginArgs,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let endpoint = connect::endpoint(global)?;
    let tenant_url = args.tenant_url.as_deref();
    let until = login::sign_in(&endpoint, tenant_url, args.device, printer).await?;
    let until = i64::try_from(until).ok();
    let until = until.and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok());
    let until = until.and_then(|until| until.format(&Rfc3339).ok());
    let signed_in = SignedIn {
        endpoint,
        expire_time: until.unwrap_or_default(),
    };
    let facts = [
        ("signed in to", signed_in.endpoint.clone()),
        ("renewed after", signed_in.expire_time.clone()),
    ];
    printer.facts(&signed_in, &facts)
}

pub(super) async fn logout(global: &Global, printer: &Printer) -> Result<(), Failure> {
    let endpoint = connect::endpoint(global)?;
    if login::sign_out(&endpoint, printer).await? {
        printer.note(&format!("signed out of {endpoint}"));
    } else {
        printer.note(&format!("nobody was signed in to {endpoint}"));
    }
    Ok(())
}

/// A login as scripts read it.
#[derive(Serialize)]
struct SignedIn {
    endpoint: String,
    /// Until when the access token is good; it is renewed by itself.
    expire_time: String,
}
