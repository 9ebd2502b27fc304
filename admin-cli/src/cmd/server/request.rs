//! The requests that the arguments of `aldgate server` make.

use proto::admin::v1::{
    CreateServerRequest, Server, SetServerCredentialRequest, UpdateServerRequest,
};

use super::{CreateArgs, FieldArgs, SetCredentialArgs, UpdateArgs};
use crate::{cmd::mask, failure::Failure, input};

pub(super) fn create(args: &CreateArgs) -> Result<CreateServerRequest, Failure> {
    if args.fields.reads_stdin() && args.credential.reads_stdin() {
        let message =
            "--tool-list-json-file: stdin is already read for --auth-credential-file; use a file";
        return Err(Failure::Usage(message.into()));
    }
    Ok(CreateServerRequest {
        parent: args.server.tenant_name(),
        server_id: args.server.name.to_string(),
        server: Some(Server {
            url: args.url.clone(),
            ..args.fields.read()?
        }),
        credential: args.credential.read()?,
        ..CreateServerRequest::default()
    })
}

pub(super) fn update(args: &UpdateArgs) -> Result<UpdateServerRequest, Failure> {
    let update_mask = mask([
        ("url", args.url.is_some()),
        ("display_name", args.fields.display_name.is_some()),
        ("description", args.fields.description.is_some()),
        ("timeout", args.fields.timeout.is_some()),
        ("tool_list_json", args.fields.tool_list_json_file.is_some()),
    ])?;
    Ok(UpdateServerRequest {
        server: Some(Server {
            name: args.server.name(),
            url: args.url.clone().unwrap_or_default(),
            etag: args.etag.clone().unwrap_or_default(),
            ..args.fields.read()?
        }),
        update_mask: Some(update_mask),
    })
}

pub(super) fn set_credential(
    args: &SetCredentialArgs,
) -> Result<SetServerCredentialRequest, Failure> {
    Ok(SetServerCredentialRequest {
        name: args.server.name(),
        credential: args.credential.read()?,
        etag: args.etag.clone().unwrap_or_default(),
    })
}

impl FieldArgs {
    fn reads_stdin(&self) -> bool {
        self.tool_list_json_file
            .as_deref()
            .is_some_and(input::is_stdin)
    }

    fn read(&self) -> Result<Server, Failure> {
        let tool_list = self.tool_list_json_file.as_deref();
        let tool_list = tool_list
            .map(|path| input::text("--tool-list-json-file", path))
            .transpose()?;
        Ok(Server {
            display_name: self.display_name.clone().unwrap_or_default(),
            description: self.description.clone().unwrap_or_default(),
            timeout: self.timeout.and_then(|timeout| timeout.try_into().ok()),
            tool_list_json: tool_list.unwrap_or_default(),
            ..Server::default()
        })
    }
}
