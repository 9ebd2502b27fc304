//! `aldgate grant`: what users allowed clients. `aldgate revoke grant` ends one.

use clap::{Args, Subcommand};
use proto::{
    admin::v1::{GetGrantRequest, ListGrantsRequest},
    name::Slug,
};

use super::tenant_name;
use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with grants.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show one grant
    Get {
        /// The grant, as `grant list` names it
        name: Slug,
        /// The tenant
        #[arg(long)]
        tenant: Slug,
    },
    /// List grants, newest first
    List(ListGrantsArgs),
}

/// Which grants.
#[derive(Debug, Args)]
pub(crate) struct ListGrantsArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// Only this user's
    #[arg(long)]
    user: Option<Slug>,
    /// Only this client's
    #[arg(long)]
    client: Option<Slug>,
    /// Those that were revoked or have ended, too
    #[arg(long)]
    ended: bool,
    #[command(flatten)]
    list: ListArgs,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut oauth = session.oauth();
    match verb {
        Verb::Get { name, tenant } => {
            let request = GetGrantRequest {
                name: format!("tenants/{tenant}/grants/{name}"),
            };
            let answer = oauth.get_grant(request).await?.into_inner();
            printer.one(&answer.grant.unwrap_or_default())
        }
        Verb::List(args) => {
            let all = gather(&args.list, async |page_size, page_token| {
                let request = list_request(&args, page_size, page_token);
                let page = oauth.list_grants(request).await?.into_inner();
                Ok((page.grants, page.next_page_token))
            });
            printer.list(&all.await?)
        }
    }
}

fn list_request(args: &ListGrantsArgs, page_size: i32, page_token: String) -> ListGrantsRequest {
    let parent = tenant_name(&args.tenant);
    let child = |kind: &str, name: &Option<Slug>| {
        let name = name.as_ref();
        name.map(|name| format!("{parent}/{kind}/{name}"))
            .unwrap_or_default()
    };
    ListGrantsRequest {
        user: child("users", &args.user),
        client: child("clients", &args.client),
        show_ended: args.ended,
        parent,
        page_size,
        page_token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::{Command, tests::command};

    #[test]
    fn a_list_is_of_everybody_or_of_one() {
        let list = |line: &str| match command(line) {
            Command::Grant(Verb::List(args)) => list_request(&args, 100, String::new()),
            other => panic!("not a list: {other:?}"),
        };
        let all = list("aldgate grant list --tenant acme");
        assert_eq!(
            (all.user.as_str(), all.client.as_str(), all.show_ended),
            ("", "", false)
        );
        let one = list("aldgate grant list --tenant acme --user ada --client ci --ended");
        assert_eq!(one.user, "tenants/acme/users/ada");
        assert_eq!(one.client, "tenants/acme/clients/ci");
        assert!(one.show_ended);
    }
}
