//! `aldgate idp`: identity providers, at which a tenant's users sign in (`OpenID` Connect).

mod args;
mod request;

use clap::Subcommand;
use proto::{
    admin::v1::{
        DeleteIdentityProviderRequest, GetIdentityProviderRequest, IdentityProvider,
        ListIdentityProvidersRequest,
    },
    name::Slug,
};

use self::args::{CreateArgs, DeleteArgs, ProviderArgs, UpdateArgs};
use super::tenant_name;
use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with identity providers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register an identity provider, and say which redirect URI to register there
    Create(CreateArgs),
    /// Show one identity provider; never its secret
    Get(ProviderArgs),
    /// List a tenant's identity providers
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change an identity provider; only the fields that are given
    Update(UpdateArgs),
    /// Delete an identity provider. Its users stay and cannot sign in through it
    Delete(DeleteArgs),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut providers = session.identity_providers();
    match verb {
        Verb::Create(args) => {
            let request = request::create(&args, printer)?;
            let answer = providers.create_identity_provider(request).await?;
            let provider = answer.into_inner().identity_provider.unwrap_or_default();
            printer.one(&provider)?;
            printer.note(&to_register(&provider));
            Ok(())
        }
        Verb::Get(args) => {
            let request = GetIdentityProviderRequest { name: args.name() };
            let answer = providers.get_identity_provider(request).await?;
            printer.one(&answer.into_inner().identity_provider.unwrap_or_default())
        }
        Verb::List { tenant, list } => {
            let all = gather(&list, async |page_size, page_token| {
                let request = ListIdentityProvidersRequest {
                    parent: tenant_name(&tenant),
                    page_size,
                    page_token,
                };
                let page = providers.list_identity_providers(request).await?;
                let page = page.into_inner();
                Ok((page.identity_providers, page.next_page_token))
            });
            printer.list(&all.await?)
        }
        Verb::Update(args) => {
            let request = request::update(&args)?;
            let answer = providers.update_identity_provider(request).await?;
            printer.one(&answer.into_inner().identity_provider.unwrap_or_default())
        }
        Verb::Delete(args) => {
            let name = args.provider.name();
            let request = DeleteIdentityProviderRequest {
                name: name.clone(),
                etag: args.etag.unwrap_or_default(),
            };
            providers.delete_identity_provider(request).await?;
            printer.gone(&name)
        }
    }
}

fn to_register(provider: &IdentityProvider) -> String {
    format!(
        "Register this redirect URI at {}: {}",
        provider.issuer, provider.redirect_uri
    )
}

#[cfg(test)]
mod tests;
