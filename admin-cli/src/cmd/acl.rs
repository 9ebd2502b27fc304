//! `aldgate acl`: the policy of a tenant, what it says of a call, and how tools are classed.

mod check;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::{
    access::v1::Policy,
    admin::v1::{AccessPolicy, ClassifyToolsRequest, GetPolicyRequest, SetPolicyRequest},
    name::Slug,
};

use self::check::CheckArgs;
use super::{server_name, tenant_name};
use crate::{
    args::WaitArgs, connect::Session, failure::Failure, input, live::wait_if_asked, operator_file,
    output::Printer,
};

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print the policy, in the form that `set` reads
    Get {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
    },
    /// Replace the policy by the one in a file
    Set(SetArgs),
    /// Take the policy away, which denies everything but to API keys without scopes
    Remove(ChangeArgs),
    /// Ask what somebody may do, and which rule says so. Exits with 0 if all that was asked about is
    /// allowed, with 1 if any of it is denied
    Check(CheckArgs),
    /// Show how the tools of a server are classed, and why
    Classify(ClassifyArgs),
}

/// The new policy.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// A file (or -) in YAML or JSON. `${NAME}` in its texts stands for a variable of the environment
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Whose policy to change.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// Change it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Which tools to class.
#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// The server
    #[arg(long)]
    server: Slug,
    /// A file (or -) with MCP tool definitions to class instead of the server's own, a JSON array
    #[arg(long, value_name = "FILE")]
    tools_file: Option<PathBuf>,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Get { tenant } => get(&tenant, session, printer).await,
        Verb::Set(args) => {
            let policy = operator_file::read("--file", &args.file, printer)?;
            set(&args.change, Some(policy), session, printer).await
        }
        Verb::Remove(args) => set(&args, None, session, printer).await,
        Verb::Check(args) => check::run(&args, session, printer).await,
        Verb::Classify(args) => classify(&args, session, printer).await,
    }
}

async fn get(tenant: &Slug, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let request = GetPolicyRequest {
        name: policy_name(tenant),
    };
    let answer = session.access().get_policy(request).await?.into_inner();
    let whole = answer.policy.unwrap_or_default();
    printer.written(&whole, whole.policy.as_ref())?;
    if whole.policy.is_none() {
        printer.note("none is set: everything is denied but to API keys without scopes; set one with `aldgate acl set`");
    }
    Ok(())
}

async fn set(
    args: &ChangeArgs,
    policy: Option<Policy>,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let removed = policy.is_none();
    let request = set_request(args, policy);
    let answer = session.access().set_policy(request).await?.into_inner();
    if removed && answer.revision == 0 {
        printer.note("none was set, so there is nothing to remove");
    } else if removed {
        printer.deleted(&policy_name(&args.tenant), answer.revision)?;
    } else {
        printer.one(&answer.policy.unwrap_or_default())?;
    }
    let tenant = tenant_name(&args.tenant);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

async fn classify(
    args: &ClassifyArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = classify_request(args)?;
    let answer = session.access().classify_tools(request).await?;
    let tools = answer.into_inner().tools;
    printer.list(&tools)?;
    if tools.is_empty() {
        printer.note("the server was given no tool definitions; name some with --tools-file");
    }
    Ok(())
}

fn set_request(args: &ChangeArgs, policy: Option<Policy>) -> SetPolicyRequest {
    SetPolicyRequest {
        policy: Some(AccessPolicy {
            name: policy_name(&args.tenant),
            policy,
            etag: args.etag.clone().unwrap_or_default(),
            ..AccessPolicy::default()
        }),
    }
}

fn classify_request(args: &ClassifyArgs) -> Result<ClassifyToolsRequest, Failure> {
    let tools = args.tools_file.as_deref();
    let tools = tools
        .map(|path| input::text("--tools-file", path))
        .transpose()?;
    Ok(ClassifyToolsRequest {
        server: server_name(&args.tenant, &args.server),
        tool_list_json: tools.unwrap_or_default(),
    })
}

/// `tenants/{tenant}/policy`.
fn policy_name(tenant: &Slug) -> String {
    format!("tenants/{tenant}/policy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::{Command, tests::command};

    #[test]
    fn a_removal_sends_no_policy_but_its_name_and_etag() {
        let Command::Acl(Verb::Remove(args)) = command("aldgate acl remove --tenant acme --etag 4")
        else {
            panic!("not a removal");
        };
        let policy = set_request(&args, None).policy.unwrap();
        assert_eq!(
            (policy.name.as_str(), policy.etag.as_str(), policy.policy),
            ("tenants/acme/policy", "4", None)
        );
    }

    #[test]
    fn tools_to_class_are_the_server_s_own_unless_a_file_is_given() {
        let Command::Acl(Verb::Classify(args)) =
            command("aldgate acl classify --tenant acme --server files")
        else {
            panic!("not a classification");
        };
        let request = classify_request(&args).unwrap();
        assert_eq!(
            (request.server.as_str(), request.tool_list_json.as_str()),
            ("tenants/acme/servers/files", "")
        );
    }
}
