//! `aldgate limits`: how many calls per time, for one tenant or for all that have no limits of their own.

use clap::{ArgGroup, Args, Subcommand};
use proto::{
    access::v1::{RateDimension, RateLimit, RateLimits},
    admin::v1::{
        GetDefaultLimitsRequest, GetTenantLimitsRequest, SetDefaultLimitsRequest,
        SetTenantLimitsRequest,
    },
    name::Slug,
};

use super::tenant_name;
use crate::{
    args::WaitArgs, connect::Session, failure::Failure, live::wait_if_asked, output::Printer,
};

/// What to do with limits.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show the limits that hold
    Get(WhoseArgs),
    /// Replace the limits
    Set(SetArgs),
    /// Take a tenant's own limits away, so that the defaults hold; without a tenant, take the defaults away
    Reset(ResetArgs),
}

/// Whose limits.
#[derive(Debug, Args)]
pub(crate) struct WhoseArgs {
    /// The tenant; the defaults for all tenants, if not given
    #[arg(long)]
    tenant: Option<Slug>,
}

/// The new limits.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("new").required(true).args(["limits", "unlimited"]))]
pub(crate) struct SetArgs {
    #[command(flatten)]
    whose: WhoseArgs,
    /// A limit, `DIMENSION=CALLS/UNIT[:BURST]`, such as `principal=10/s:20`: counted by tenant, principal,
    /// client, server or tool, per s, m, h or d; repeatable
    #[arg(long = "limit", value_name = "LIMIT", value_parser = limit)]
    limits: Vec<RateLimit>,
    /// No limit at all
    #[arg(long, conflicts_with = "limits")]
    unlimited: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Whose limits to take away.
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    whose: WhoseArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Get(whose) => get(&whose, session, printer).await,
        Verb::Set(args) => {
            let limits = Some(new_limits(args.limits)?);
            set(&args.whose, limits, &args.wait, session, printer).await
        }
        Verb::Reset(args) => set(&args.whose, None, &args.wait, session, printer).await,
    }
}

async fn get(whose: &WhoseArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut service = session.limits();
    if let Some(tenant) = &whose.tenant {
        let name = tenant_name(tenant);
        let request = GetTenantLimitsRequest { name };
        printer.one(&service.get_tenant_limits(request).await?.into_inner())
    } else {
        let request = GetDefaultLimitsRequest {};
        printer.one(&service.get_default_limits(request).await?.into_inner())
    }
}

async fn set(
    whose: &WhoseArgs,
    limits: Option<RateLimits>,
    wait: &WaitArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut service = session.limits();
    let tenant = whose.tenant.as_ref().map(tenant_name).unwrap_or_default();
    let revision = if whose.tenant.is_some() {
        let request = SetTenantLimitsRequest {
            name: tenant.clone(),
            limits,
        };
        let answer = service.set_tenant_limits(request).await?.into_inner();
        printer.one(&answer)?;
        answer.revision
    } else {
        let limits = Some(limits.unwrap_or_default());
        let request = SetDefaultLimitsRequest { limits };
        let answer = service.set_default_limits(request).await?.into_inner();
        printer.one(&answer)?;
        answer.revision
    };
    wait_if_asked(wait, session, printer, revision, &tenant).await
}

fn new_limits(limits: Vec<RateLimit>) -> Result<RateLimits, Failure> {
    for (at, limit) in limits.iter().enumerate() {
        if limits[..at]
            .iter()
            .any(|other| other.dimension == limit.dimension)
        {
            return Err(Failure::Usage(
                "--limit: each dimension has at most one limit".into(),
            ));
        }
    }
    Ok(RateLimits { limits })
}

/// `DIMENSION=CALLS/UNIT[:BURST]`. How large the numbers may be is for the API to say.
fn limit(text: &str) -> Result<RateLimit, String> {
    let wrong = || "write DIMENSION=CALLS/UNIT[:BURST], for example principal=10/s:20".to_owned();
    let (dimension, rest) = text.split_once('=').ok_or_else(wrong)?;
    let dimension = match dimension {
        "tenant" => RateDimension::Tenant,
        "principal" => RateDimension::Principal,
        "client" => RateDimension::Client,
        "server" => RateDimension::Server,
        "tool" => RateDimension::Tool,
        _ => return Err("count by tenant, principal, client, server or tool".into()),
    };
    let (rate, burst) = rest
        .split_once(':')
        .map_or((rest, None), |(rate, burst)| (rate, Some(burst)));
    let (tokens, unit) = rate.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("the unit is s, m, h or d".into()),
    };
    let number = |text: &str| match text.parse::<u32>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("calls and burst are whole numbers above 0".to_owned()),
    };
    Ok(RateLimit {
        dimension: dimension.into(),
        tokens: number(tokens)?,
        per: Some(prost_types::Duration { seconds, nanos: 0 }),
        burst: burst.map(number).transpose()?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        args::Cli,
        cmd::{Command, tests::command},
    };

    #[test]
    fn a_limit_has_a_dimension_a_rate_and_perhaps_a_burst() {
        for (text, dimension, tokens, seconds, burst) in [
            ("tenant=100/s", RateDimension::Tenant, 100, 1, 0),
            ("principal=10/s:20", RateDimension::Principal, 10, 1, 20),
            ("client=5/m", RateDimension::Client, 5, 60, 0),
            ("server=7/h:1", RateDimension::Server, 7, 3_600, 1),
            ("tool=1000000/d", RateDimension::Tool, 1_000_000, 86_400, 0),
        ] {
            let read = limit(text).unwrap();
            assert_eq!(read.dimension(), dimension);
            assert_eq!((read.tokens, read.burst), (tokens, burst));
            assert_eq!(read.per.unwrap().seconds, seconds);
        }
        for bad in [
            "",
            "tenant",
            "tenant=",
            "tenant=5",
            "tenant=5/",
            "tenant=0/s",
            "tenant=5/w",
            "user=5/s",
            "tenant=5/s:",
            "tenant=5/s:0",
            "tenant=-5/s",
            "tenant=5/s:2:2",
            "tenant=4294967296/s",
        ] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dimension_comes_once() {
        let set = |line: &str| match command(line) {
            Command::Limits(Verb::Set(args)) => new_limits(args.limits),
            other => panic!("not a set: {other:?}"),
        };
        let good = "aldgate limits set --tenant acme --limit tenant=1/s --limit tool=1/s";
        assert_eq!(set(good).unwrap().limits.len(), 2);
        let twice = "aldgate limits set --tenant acme --limit tenant=1/s --limit tenant=2/s";
        assert!(matches!(set(twice), Err(Failure::Usage(_))));
        let none = "aldgate limits set --tenant acme --unlimited";
        assert!(set(none).unwrap().limits.is_empty());
    }

    #[test]
    fn nothing_is_set_by_accident() {
        for bad in [
            "aldgate limits set --tenant acme",
            "aldgate limits set --limit tenant=1/s --unlimited",
        ] {
            assert!(Cli::try_parse_from(bad.split(' ')).is_err(), "{bad}");
        }
    }
}
