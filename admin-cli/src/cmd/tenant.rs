//! `aldgate tenant`.

mod authenticators;
mod oauth;

use clap::{Args, Subcommand};
use proto::{
    admin::v1::{
        CreateTenantRequest, DeleteTenantRequest, GetTenantRequest, ListTenantsRequest, Tenant,
        UpdateTenantRequest,
    },
    name::Slug,
};

use super::{mask, tenant_name};
use crate::{
    args::{ListArgs, WaitArgs},
    connect::Session,
    failure::Failure,
    live::wait_if_asked,
    output::Printer,
    page::gather,
};

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a tenant
    Create(CreateArgs),
    /// Show one tenant
    Get {
        /// The tenant
        name: Slug,
    },
    /// List all tenants
    List(ListArgs),
    /// Change a tenant; only the fields that are given
    Update(UpdateArgs),
    /// Delete a tenant with all it owns
    Delete(DeleteArgs),
    /// How callers prove who they are, at servers that do not say
    #[command(subcommand)]
    Authenticators(authenticators::Verb),
    /// How the tenant's authorization server behaves and looks
    #[command(subcommand)]
    Oauth(oauth::Verb),
}

/// What a new tenant is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// How commands and URLs call it: `[a-z0-9](-?[a-z0-9])*`
    name: Slug,
    /// Its canonical public origin, for example `https://acme.example.com`
    #[arg(long, value_name = "ORIGIN")]
    host: String,
    /// A further origin that answers for it; repeatable
    #[arg(long = "alias-host", value_name = "ORIGIN")]
    alias_hosts: Vec<String>,
    /// A web origin whose pages may call it; repeatable
    #[arg(long = "allowed-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What to change of a tenant.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The tenant
    name: Slug,
    /// Its canonical public origin
    #[arg(long, value_name = "ORIGIN")]
    host: Option<String>,
    /// The further origins that answer for it, in place of all it has; repeatable
    #[arg(
        long = "alias-host",
        value_name = "ORIGIN",
        conflicts_with = "clear_alias_hosts"
    )]
    alias_hosts: Vec<String>,
    /// Take all further origins away
    #[arg(long)]
    clear_alias_hosts: bool,
    /// The web origins whose pages may call it, in place of all it has; repeatable
    #[arg(
        long = "allowed-origin",
        value_name = "ORIGIN",
        conflicts_with = "clear_allowed_origins"
    )]
    allowed_origins: Vec<String>,
    /// Take all web origins away
    #[arg(long)]
    clear_allowed_origins: bool,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Change it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Which tenant to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The tenant
    name: Slug,
    /// Delete it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut tenants = session.tenants();
    match verb {
        Verb::Create(args) => {
            let answer = tenants
                .create_tenant(create_request(&args))
                .await?
                .into_inner();
            let tenant = answer.tenant.unwrap_or_default();
            printer.one(&tenant)?;
            wait_if_asked(&args.wait, session, printer, answer.revision, &tenant.name).await
        }
        Verb::Get { name } => {
            let name = tenant_name(&name);
            let answer = tenants
                .get_tenant(GetTenantRequest { name })
                .await?
                .into_inner();
            printer.one(&answer.tenant.unwrap_or_default())
        }
        Verb::List(args) => {
            let all = gather(&args, async |page_size, page_token| {
                let request = ListTenantsRequest {
                    page_size,
                    page_token,
                };
                let page = tenants.list_tenants(request).await?.into_inner();
                Ok((page.tenants, page.next_page_token))
            });
            printer.list(&all.await?)
        }
        Verb::Update(args) => {
            let answer = tenants
                .update_tenant(update_request(&args)?)
                .await?
                .into_inner();
            let tenant = answer.tenant.unwrap_or_default();
            printer.one(&tenant)?;
            wait_if_asked(&args.wait, session, printer, answer.revision, &tenant.name).await
        }
        Verb::Delete(args) => {
            let request = DeleteTenantRequest {
                name: tenant_name(&args.name),
                etag: args.etag.unwrap_or_default(),
            };
            let name = request.name.clone();
            let answer = tenants.delete_tenant(request).await?.into_inner();
            printer.deleted(&name, answer.revision)?;
            // The tenant is gone, so nothing can be waited for in its name.
            wait_if_asked(&args.wait, session, printer, answer.revision, "").await
        }
        Verb::Authenticators(verb) => authenticators::run(verb, session, printer).await,
        Verb::Oauth(verb) => oauth::run(verb, session, printer).await,
    }
}

fn create_request(args: &CreateArgs) -> CreateTenantRequest {
    CreateTenantRequest {
        tenant_id: args.name.to_string(),
        tenant: Some(Tenant {
            host: args.host.clone(),
            alias_hosts: args.alias_hosts.clone(),
            allowed_origins: args.allowed_origins.clone(),
            display_name: args.display_name.clone().unwrap_or_default(),
            ..Tenant::default()
        }),
    }
}

fn update_request(args: &UpdateArgs) -> Result<UpdateTenantRequest, Failure> {
    let update_mask = mask([
        ("host", args.host.is_some()),
        (
            "alias_hosts",
            !args.alias_hosts.is_empty() || args.clear_alias_hosts,
        ),
        (
            "allowed_origins",
            !args.allowed_origins.is_empty() || args.clear_allowed_origins,
        ),
        ("display_name", args.display_name.is_some()),
    ])?;
    Ok(UpdateTenantRequest {
        tenant: Some(Tenant {
            name: tenant_name(&args.name),
            host: args.host.clone().unwrap_or_default(),
            alias_hosts: args.alias_hosts.clone(),
            allowed_origins: args.allowed_origins.clone(),
            display_name: args.display_name.clone().unwrap_or_default(),
            etag: args.etag.clone().unwrap_or_default(),
            ..Tenant::default()
        }),
        update_mask: Some(update_mask),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::{Command, tests::command};

    #[test]
    fn create_sends_what_was_given() {
        let Command::Tenant(Verb::Create(args)) = command(
            "aldgate tenant create acme --host acme.test:8080 --alias-host a.test --alias-host b.test",
        ) else {
            panic!("not a create");
        };
        let request = create_request(&args);
        let tenant = request.tenant.unwrap();
        assert_eq!(request.tenant_id, "acme");
        assert_eq!(tenant.host, "acme.test:8080");
        assert_eq!(tenant.alias_hosts, ["a.test", "b.test"]);
    }

    #[test]
    fn update_names_only_the_fields_that_were_given() {
        let request = update("aldgate tenant update acme --host acme.test --etag 7").unwrap();
        let tenant = request.tenant.unwrap();
        assert_eq!(request.update_mask.unwrap().paths, ["host"]);
        assert_eq!(
            (tenant.name.as_str(), tenant.etag.as_str()),
            ("tenants/acme", "7")
        );
    }

    #[test]
    fn lists_can_be_emptied() {
        let request =
            update("aldgate tenant update acme --clear-alias-hosts --clear-allowed-origins")
                .unwrap();
        assert_eq!(
            request.update_mask.unwrap().paths,
            ["alias_hosts", "allowed_origins"]
        );
        assert!(request.tenant.unwrap().alias_hosts.is_empty());
    }

    #[test]
    fn an_update_of_nothing_is_a_mistake() {
        assert!(matches!(
            update("aldgate tenant update acme"),
            Err(Failure::Usage(_))
        ));
    }

    fn update(line: &str) -> Result<UpdateTenantRequest, Failure> {
        match command(line) {
            Command::Tenant(Verb::Update(args)) => update_request(&args),
            other => panic!("not an update: {other:?}"),
        }
    }
}
