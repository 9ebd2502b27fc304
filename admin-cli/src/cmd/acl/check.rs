//! `aldgate acl check` (S4-54): asks the policy, or one that is only tried out, and says which rule decides.

use std::path::PathBuf;

use clap::{ArgGroup, Args, builder::PossibleValuesParser};
use proto::{
    admin::v1::{Decision, ExplainRequest, explain_request::Object},
    name::Slug,
};

use crate::{
    cmd::{server_name, tenant_name},
    connect::Session,
    failure::Failure,
    operator_file,
    output::Printer,
};

/// Who wants to do what.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("object").required(true).args(["tool", "resource", "prompt", "method", "all_tools"]))]
pub(crate) struct CheckArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// The server
    #[arg(long)]
    server: Slug,
    /// Who; nobody in particular, if not given
    #[arg(long)]
    subject: Option<String>,
    /// A role that the credential gives; repeatable
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A group that the credential gives; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// An API key instead of a subject
    #[arg(long, conflicts_with_all = ["subject", "roles", "groups"])]
    key: Option<Slug>,
    /// A tool by its name
    #[arg(long)]
    tool: Option<String>,
    /// A resource by its URI
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// A prompt by its name
    #[arg(long)]
    prompt: Option<String>,
    /// Another method by its name
    #[arg(long)]
    method: Option<String>,
    /// Every tool whose definition the server was given by hand
    #[arg(long)]
    all_tools: bool,
    /// Ask as if tools were of this class; as they are classed, if not given
    #[arg(long, value_parser = PossibleValuesParser::new(["read", "write", "*"]))]
    access: Option<String>,
    /// A policy to ask instead of the stored one, in a file (or -) in YAML or JSON
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) async fn run(
    args: &CheckArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = request(args, printer)?;
    let answer = session.access().explain(request).await?.into_inner();
    printer.list(&answer.decisions)?;
    if answer.decisions.is_empty() {
        printer.note("the server was given no tool definitions, so there is nothing to decide");
    }
    verdict(&answer.decisions)
}

fn request(args: &CheckArgs, printer: &Printer) -> Result<ExplainRequest, Failure> {
    let CheckArgs { tenant, key, .. } = args;
    let policy = args.file.as_deref();
    let policy = policy
        .map(|path| operator_file::read("--file", path, printer))
        .transpose()?;
    let key = key
        .as_ref()
        .map(|key| format!("tenants/{tenant}/keys/{key}"));
    Ok(ExplainRequest {
        parent: tenant_name(tenant),
        subject: args.subject.clone().unwrap_or_default(),
        roles: args.roles.clone(),
        groups: args.groups.clone(),
        key: key.unwrap_or_default(),
        server: server_name(tenant, &args.server),
        object: args.object(),
        access: args.access.clone().unwrap_or_default(),
        policy,
    })
}

impl CheckArgs {
    fn object(&self) -> Option<Object> {
        let tool = self.tool.clone().map(Object::Tool);
        tool.or_else(|| self.resource.clone().map(Object::Resource))
            .or_else(|| self.prompt.clone().map(Object::Prompt))
            .or_else(|| self.method.clone().map(Object::Method))
            .or_else(|| self.all_tools.then_some(Object::AllTools(true)))
    }
}

/// Denied, if anything is, and if nothing was decided.
fn verdict(decisions: &[Decision]) -> Result<(), Failure> {
    if !decisions.is_empty() && decisions.iter().all(|decision| decision.allowed) {
        Ok(())
    } else {
        Err(Failure::Denied)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        args::{Cli, Format},
        cmd::{Command, acl::Verb, tests::command},
    };

    /// S4-54.
    #[test]
    fn the_question_is_sent_as_it_was_asked() {
        let asked = ask(
            "aldgate acl check --tenant acme --server files --subject ann --role dev --role ops --group staff --tool write_file --access write",
        );
        assert_eq!(asked.parent, "tenants/acme");
        assert_eq!(asked.server, "tenants/acme/servers/files");
        assert_eq!(
            (asked.subject.as_str(), asked.access.as_str()),
            ("ann", "write")
        );
        assert_eq!((asked.roles.len(), asked.groups.len()), (2, 1));
        assert_eq!(asked.object, Some(Object::Tool("write_file".into())));
        assert_eq!(asked.policy, None);
    }

    #[test]
    fn every_kind_of_object_can_be_asked_about() {
        for (flag, object) in [
            ("--resource file:///a", Object::Resource("file:///a".into())),
            ("--prompt p", Object::Prompt("p".into())),
            ("--method tasks/list", Object::Method("tasks/list".into())),
            ("--all-tools", Object::AllTools(true)),
        ] {
            let asked = ask(&format!(
                "aldgate acl check --tenant acme --server files --key ci {flag}"
            ));
            assert_eq!(asked.object, Some(object));
            assert_eq!(asked.key, "tenants/acme/keys/ci");
        }
        for bad in [
            "",
            " --tool a --prompt b",
            " --all-tools --access execute",
            " --tool a --key ci --subject ann",
        ] {
            let line = format!("aldgate acl check --tenant acme --server files{bad}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    /// S4-54: 0 allow, 1 deny.
    #[test]
    fn one_denial_denies() {
        let decision = |allowed| Decision {
            allowed,
            ..Decision::default()
        };
        assert!(verdict(&[decision(true), decision(true)]).is_ok());
        for denied in [&[decision(true), decision(false)][..], &[]] {
            let denied = verdict(denied).unwrap_err();
            assert_eq!(u8::from(denied.exit_code()), 1);
        }
    }

    fn ask(line: &str) -> ExplainRequest {
        match command(line) {
            Command::Acl(Verb::Check(args)) => {
                request(&args, &Printer::new(Format::Table)).unwrap()
            }
            other => panic!("not a check: {other:?}"),
        }
    }
}
