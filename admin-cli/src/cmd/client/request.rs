//! The requests that the arguments of `aldgate client` make.

use proto::admin::v1::{Client, ClientTrust, CreateClientRequest, UpdateClientRequest};

use super::args::{AuthMethod, CreateArgs, FieldArgs, GrantType, UpdateArgs};
use crate::{
    cmd::{mask, tenant_name},
    failure::Failure,
    input,
};

pub(super) fn create(args: &CreateArgs) -> Result<CreateClientRequest, Failure> {
    let auth_method = args.auth_method.map_or("", AuthMethod::as_str);
    Ok(CreateClientRequest {
        parent: tenant_name(&args.client.tenant),
        client_id: args.client.name.to_string(),
        client: Some(Client {
            token_endpoint_auth_method: auth_method.to_owned(),
            ..fields(&args.fields)?
        }),
    })
}

pub(super) fn update(args: &UpdateArgs) -> Result<UpdateClientRequest, Failure> {
    let given = &args.fields;
    let keys = given.jwks_file.is_some() || given.jwks_uri.is_some();
    let update_mask = mask([
        ("display_name", given.display_name.is_some()),
        (
            "redirect_uris",
            !given.redirect_uris.is_empty() || args.clear_redirect_uris,
        ),
        ("grant_types", !given.grant_types.is_empty()),
        // One stands in place of the other.
        ("jwks", keys),
        ("jwks_uri", keys),
        ("roles", !given.roles.is_empty() || args.clear_roles),
        ("trust", given.trust.is_some()),
    ])?;
    Ok(UpdateClientRequest {
        client: Some(Client {
            name: args.client.name(),
            etag: args.etag.clone().unwrap_or_default(),
            ..fields(given)?
        }),
        update_mask: Some(update_mask),
    })
}

fn fields(args: &FieldArgs) -> Result<Client, Failure> {
    let grant_types = args.grant_types.iter().copied().map(GrantType::as_str);
    let jwks = args.jwks_file.as_deref();
    let jwks = jwks.map(|path| input::text("--jwks-file", path));
    Ok(Client {
        display_name: args.display_name.clone().unwrap_or_default(),
        redirect_uris: args.redirect_uris.clone(),
        grant_types: grant_types.map(str::to_owned).collect(),
        jwks: jwks.transpose()?.unwrap_or_default(),
        jwks_uri: args.jwks_uri.clone().unwrap_or_default(),
        roles: args.roles.clone(),
        trust: args
            .trust
            .map_or(ClientTrust::Unspecified, ClientTrust::from)
            .into(),
        ..Client::default()
    })
}
