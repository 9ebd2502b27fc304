//! The requests that the arguments of `aldgate key` make.

use proto::admin::v1::{CreateKeyRequest, Key, KeyLifespan, RotateKeyRequest, UpdateKeyRequest};

use super::args::{CreateArgs, RotateArgs, UpdateArgs};
use crate::{
    cmd::{mask, tenant_name},
    failure::Failure,
};

pub(super) fn create(args: &CreateArgs) -> CreateKeyRequest {
    CreateKeyRequest {
        parent: tenant_name(&args.key.tenant),
        key_id: args.key.name.to_string(),
        key: Some(Key {
            display_name: args.display_name.clone().unwrap_or_default(),
            all_servers: args.opens.all_servers,
            servers: args.opens.names(&args.key.tenant),
            scopes: args.scopes.clone(),
            ..Key::default()
        }),
        lifespan: KeyLifespan::from(args.lifespan).into(),
    }
}

pub(super) fn update(args: &UpdateArgs) -> Result<UpdateKeyRequest, Failure> {
    let opens = args.opens.all_servers || !args.opens.servers.is_empty();
    let update_mask = mask([
        ("display_name", args.display_name.is_some()),
        ("all_servers", opens),
        ("servers", opens),
        ("scopes", args.all_scopes || !args.scopes.is_empty()),
        ("disabled", args.disable || args.enable),
    ])?;
    Ok(UpdateKeyRequest {
        key: Some(Key {
            name: args.key.name(),
            display_name: args.display_name.clone().unwrap_or_default(),
            all_servers: args.opens.all_servers,
            servers: args.opens.names(&args.key.tenant),
            scopes: args.scopes.clone(),
            disabled: args.disable,
            etag: args.etag.clone().unwrap_or_default(),
            ..Key::default()
        }),
        update_mask: Some(update_mask),
    })
}

pub(super) fn rotate(args: &RotateArgs) -> RotateKeyRequest {
    RotateKeyRequest {
        name: args.key.name(),
        etag: args.etag.clone().unwrap_or_default(),
        overlap: args.overlap.and_then(|overlap| overlap.try_into().ok()),
    }
}
