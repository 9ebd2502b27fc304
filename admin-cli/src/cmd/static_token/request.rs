//! The requests that the arguments of `aldgate static-token` make.

use proto::admin::v1::{
    BasicInput, CreateStaticTokenRequest, CustomHeader, KeyLifespan, StaticToken, StaticTokenInput,
    StaticTokenType, UpdateStaticTokenRequest,
};
use secrecy::ExposeSecret as _;

use super::args::{CreateArgs, FieldArgs, TokenType, UpdateArgs};
use crate::{
    cmd::{mask, server_name, tenant_name},
    failure::Failure,
    input, operator_file,
    output::Printer,
};

pub(super) fn create(
    args: &CreateArgs,
    printer: &Printer,
) -> Result<CreateStaticTokenRequest, Failure> {
    input::stdin_once(&[
        ("--value-file", args.value_file.as_deref()),
        ("--password-file", args.password_file.as_deref()),
        ("--headers-file", args.fields.headers_file.as_deref()),
    ])?;
    let tenant = &args.token.tenant;
    Ok(CreateStaticTokenRequest {
        parent: tenant_name(tenant),
        static_token_id: args.token.name.to_string(),
        static_token: Some(StaticToken {
            server: server_name(tenant, &args.server),
            r#type: StaticTokenType::from(args.kind).into(),
            passthrough: args.passthrough,
            ..args.fields.read(printer)?
        }),
        lifespan: KeyLifespan::from(args.lifespan).into(),
        input: Some(value(args)?),
    })
}

pub(super) fn update(
    args: &UpdateArgs,
    printer: &Printer,
) -> Result<UpdateStaticTokenRequest, Failure> {
    let fields = &args.fields;
    let update_mask = mask([
        ("display_name", fields.display_name.is_some()),
        ("subject", fields.subject.is_some()),
        ("roles", args.clear.clear_roles || !fields.roles.is_empty()),
        (
            "passthrough",
            args.switch.passthrough || args.switch.no_passthrough,
        ),
        (
            "headers",
            args.clear.clear_headers || fields.headers_file.is_some(),
        ),
        ("disabled", args.disable || args.enable),
    ])?;
    Ok(UpdateStaticTokenRequest {
        static_token: Some(StaticToken {
            name: args.token.name(),
            passthrough: args.switch.passthrough,
            disabled: args.disable,
            etag: args.etag.clone().unwrap_or_default(),
            ..fields.read(printer)?
        }),
        update_mask: Some(update_mask),
    })
}

/// What clients present, in the one way that was given (S0-11, S0-12).
fn value(args: &CreateArgs) -> Result<StaticTokenInput, Failure> {
    let mut input = StaticTokenInput::default();
    if let Some(path) = &args.value_file {
        let value = input::secret("--value-file", path)?;
        value.expose_secret().clone_into(&mut input.value);
    } else if let (Some(user), Some(path)) = (&args.user, &args.password_file) {
        if args.kind != TokenType::Basic {
            return Err(Failure::Usage(
                "--user: only `--type basic` has a user and a password".into(),
            ));
        }
        let password = input::secret("--password-file", path)?;
        input.basic = Some(BasicInput {
            user: user.clone(),
            password: password.expose_secret().to_owned(),
        });
    } else {
        input.generate = args.generate;
    }
    Ok(input)
}

impl FieldArgs {
    fn read(&self, printer: &Printer) -> Result<StaticToken, Failure> {
        Ok(StaticToken {
            display_name: self.display_name.clone().unwrap_or_default(),
            subject: self.subject.clone().unwrap_or_default(),
            roles: self.roles.clone(),
            headers: self.headers(printer)?,
            ..StaticToken::default()
        })
    }

    /// The headers of the file, and their switches (S0-13, S0-14).
    fn headers(&self, printer: &Printer) -> Result<Vec<CustomHeader>, Failure> {
        let Some(path) = &self.headers_file else {
            return Ok(Vec::new());
        };
        let file: StaticToken = operator_file::read("--headers-file", path, printer)?;
        let mut headers = file.headers;
        if headers.is_empty() {
            return Err(Failure::Usage(
                "--headers-file: holds no header; write a list of `name`, `value` and `passthrough`"
                    .into(),
            ));
        }
        for name in &self.headers_on {
            let named = |header: &&mut CustomHeader| header.name.eq_ignore_ascii_case(name);
            let header = headers.iter_mut().find(named).ok_or_else(|| {
                Failure::Usage(format!("--header: --headers-file holds no `{name}`"))
            })?;
            header.passthrough = true;
        }
        Ok(headers)
    }
}
