//! The requests that the arguments of `aldgate idp` make.

use proto::admin::v1::{
    CreateIdentityProviderRequest, IdentityProvider, UpdateIdentityProviderRequest,
};
use secrecy::ExposeSecret as _;

use super::args::{CreateArgs, FieldArgs, SecretArgs, UpdateArgs};
use crate::{
    cmd::{mask, tenant_name},
    failure::Failure,
    input, operator_file,
    output::Printer,
};

pub(super) fn create(
    args: &CreateArgs,
    printer: &Printer,
) -> Result<CreateIdentityProviderRequest, Failure> {
    let provider = match &args.file {
        Some(file) => operator_file::read("--file", file, printer)?,
        None => IdentityProvider {
            issuer: args.issuer.clone().unwrap_or_default(),
            client_secret: new_secret(&args.secret)?,
            ..fields(&args.fields)
        },
    };
    Ok(CreateIdentityProviderRequest {
        parent: tenant_name(&args.provider.tenant),
        identity_provider_id: args.provider.name.to_string(),
        identity_provider: Some(provider),
    })
}

pub(super) fn update(args: &UpdateArgs) -> Result<UpdateIdentityProviderRequest, Failure> {
    let given = &args.fields;
    let clear = &args.clear;
    let secret = &args.secret;
    let update_mask = mask([
        ("display_name", given.display_name.is_some()),
        ("client_id", given.client_id.is_some()),
        (
            "client_secret",
            secret.client_secret_file.is_some() || secret.public_client,
        ),
        ("scopes", !given.scopes.is_empty() || clear.clear_scopes),
        ("groups_claim", given.groups_claim.is_some()),
        (
            "group_roles",
            !given.group_roles.is_empty() || clear.clear_group_roles,
        ),
        ("login_claim", given.login_claim.is_some()),
        ("create_users", given.create_users.is_some()),
        (
            "email_domains",
            !given.email_domains.is_empty() || clear.clear_email_domains,
        ),
        ("disabled", args.disable || args.enable),
    ])?;
    Ok(UpdateIdentityProviderRequest {
        identity_provider: Some(IdentityProvider {
            name: args.provider.name(),
            client_secret: from_file(secret)?.unwrap_or_default(),
            disabled: args.disable,
            etag: args.etag.clone().unwrap_or_default(),
            ..fields(given)
        }),
        update_mask: Some(update_mask),
    })
}

/// The secret of a new provider: whoever has none says so.
fn new_secret(args: &SecretArgs) -> Result<String, Failure> {
    if args.public_client {
        return Ok(String::new());
    }
    if let Some(secret) = from_file(args)? {
        return Ok(secret);
    }
    let secret = input::asked("Client secret (it is not shown): ", NO_SECRET)?;
    Ok(secret.expose_secret().to_owned())
}

fn from_file(args: &SecretArgs) -> Result<Option<String>, Failure> {
    let path = args.client_secret_file.as_deref();
    let secret = path.map(|path| input::secret("--client-secret-file", path));
    Ok(secret
        .transpose()?
        .map(|secret| secret.expose_secret().to_owned()))
}

fn fields(args: &FieldArgs) -> IdentityProvider {
    IdentityProvider {
        display_name: args.display_name.clone().unwrap_or_default(),
        client_id: args.client_id.clone().unwrap_or_default(),
        scopes: args.scopes.clone(),
        groups_claim: args.groups_claim.clone().unwrap_or_default(),
        group_roles: args.group_roles.clone(),
        login_claim: args.login_claim.clone().unwrap_or_default(),
        create_users: args.create_users.unwrap_or_default(),
        email_domains: args.email_domains.clone(),
        ..IdentityProvider::default()
    }
}

const NO_SECRET: &str = "--client-secret-file: name the file that holds our secret at the provider, or - for stdin; or give --public-client";
