//! The requests that the arguments of `aldgate server` make.

use proto::admin::v1::{
    CreateServerRequest, EgressMode, Server, SetServerCredentialRequest, UpdateServerRequest,
};
use secrecy::SecretString;

use super::args::{CreateArgs, FieldArgs, SetCredentialArgs, UpdateArgs};
use crate::{cmd::mask, failure::Failure, input, operator_file, output::Printer};

pub(super) fn create(args: &CreateArgs, printer: &Printer) -> Result<CreateServerRequest, Failure> {
    let mut request = match &args.file {
        Some(file) => operator_file::read("--file", file, printer)?,
        None => of_flags(args, printer)?,
    };
    claim(&mut request.parent, args.server.tenant_name(), "parent")?;
    claim(
        &mut request.server_id,
        args.server.name.to_string(),
        "server_id",
    )?;
    request.omit_primary_key |= args.no_primary_key;
    if request
        .credential
        .as_ref()
        .is_some_and(super::credential::is_empty)
    {
        request.credential = None;
        printer.note("note: the credential in the file is empty, so the server gets none; `aldgate server set-credential` sets one");
    }
    Ok(request)
}

fn of_flags(args: &CreateArgs, printer: &Printer) -> Result<CreateServerRequest, Failure> {
    input::stdin_once(&[
        (
            "--tool-list-json-file",
            args.fields.tool_list_json_file.as_deref(),
        ),
        (
            "--authenticators-file",
            args.fields.authenticators_file.as_deref(),
        ),
        ("--auth-credential-file", args.credential.file()),
    ])?;
    Ok(CreateServerRequest {
        server: Some(Server {
            url: args.url.clone().unwrap_or_default(),
            ..args.fields.read(printer)?
        }),
        credential: args.credential.read(None)?,
        ..CreateServerRequest::default()
    })
}

/// What the command line says; a file may only say the same.
fn claim(field: &mut String, said: String, name: &str) -> Result<(), Failure> {
    if !field.is_empty() && *field != said {
        return Err(Failure::Usage(format!(
            "--file: `{name}` is not {said}, as the command line says"
        )));
    }
    *field = said;
    Ok(())
}

pub(super) fn update(args: &UpdateArgs, printer: &Printer) -> Result<UpdateServerRequest, Failure> {
    let fields = &args.fields;
    let update_mask = mask([
        ("url", args.url.is_some()),
        ("display_name", fields.display_name.is_some()),
        ("description", fields.description.is_some()),
        ("timeout", fields.timeout.is_some()),
        ("tool_list_json", fields.tool_list_json_file.is_some()),
        (
            "authenticators",
            fields.authenticators_file.is_some() || args.reset_authenticators,
        ),
        ("egress_mode", fields.egress_mode.is_some()),
    ])?;
    input::stdin_once(&[
        (
            "--tool-list-json-file",
            fields.tool_list_json_file.as_deref(),
        ),
        (
            "--authenticators-file",
            fields.authenticators_file.as_deref(),
        ),
    ])?;
    Ok(UpdateServerRequest {
        server: Some(Server {
            name: args.server.name(),
            url: args.url.clone().unwrap_or_default(),
            etag: args.etag.clone().unwrap_or_default(),
            ..fields.read(printer)?
        }),
        update_mask: Some(update_mask),
    })
}

/// `asked` is the credential that somebody typed.
pub(super) fn set_credential(
    args: &SetCredentialArgs,
    asked: Option<&SecretString>,
) -> Result<SetServerCredentialRequest, Failure> {
    Ok(SetServerCredentialRequest {
        name: args.server.name(),
        credential: args.credential.read(asked)?,
        etag: args.etag.clone().unwrap_or_default(),
    })
}

impl FieldArgs {
    fn read(&self, printer: &Printer) -> Result<Server, Failure> {
        let tool_list = self.tool_list_json_file.as_deref();
        let tool_list = tool_list
            .map(|path| input::text("--tool-list-json-file", path))
            .transpose()?;
        let authenticators = self.authenticators_file.as_deref();
        let authenticators = authenticators
            .map(|path| operator_file::read("--authenticators-file", path, printer))
            .transpose()?;
        let egress_mode = self.egress_mode.map(EgressMode::from);
        Ok(Server {
            display_name: self.display_name.clone().unwrap_or_default(),
            description: self.description.clone().unwrap_or_default(),
            timeout: self.timeout.and_then(|timeout| timeout.try_into().ok()),
            tool_list_json: tool_list.unwrap_or_default(),
            authenticators,
            egress_mode: egress_mode.unwrap_or_default().into(),
            ..Server::default()
        })
    }
}
