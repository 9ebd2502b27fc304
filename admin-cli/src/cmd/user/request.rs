//! The requests that the arguments of `aldgate user` make.

use proto::admin::v1::{AdminRole, CreateUserRequest, UpdateUserRequest, User};

use super::args::{CreateArgs, FieldArgs, UpdateArgs};
use crate::{
    cmd::{mask, tenant_name},
    failure::Failure,
};

pub(super) fn create(args: &CreateArgs) -> Result<CreateUserRequest, Failure> {
    Ok(CreateUserRequest {
        parent: tenant_name(&args.user.tenant),
        user_id: args.user.name.to_string(),
        user: Some(User {
            login: args.login.clone(),
            ..fields(&args.fields)
        }),
        password: args.password.read()?,
    })
}

pub(super) fn update(args: &UpdateArgs) -> Result<UpdateUserRequest, Failure> {
    let given = &args.fields;
    let update_mask = mask([
        ("login", args.login.is_some()),
        ("display_name", given.display_name.is_some()),
        ("roles", !given.roles.is_empty() || args.clear_roles),
        ("groups", !given.groups.is_empty() || args.clear_groups),
        ("admin_role", given.admin_role.is_some()),
        ("disabled", args.state.disable || args.state.enable),
    ])?;
    Ok(UpdateUserRequest {
        user: Some(User {
            name: args.user.name(),
            login: args.login.clone().unwrap_or_default(),
            disabled: args.state.disable,
            etag: args.etag.clone().unwrap_or_default(),
            ..fields(given)
        }),
        update_mask: Some(update_mask),
    })
}

fn fields(args: &FieldArgs) -> User {
    let admin_role = args.admin_role.map(AdminRole::from);
    User {
        display_name: args.display_name.clone().unwrap_or_default(),
        roles: args.roles.clone(),
        groups: args.groups.clone(),
        admin_role: admin_role.unwrap_or_default().into(),
        ..User::default()
    }
}
