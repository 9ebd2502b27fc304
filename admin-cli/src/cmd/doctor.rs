//! `aldgate doctor`: what a client would run into.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};

use crate::{
    doctor::{self, Person, Profile},
    failure::Failure,
    input,
    output::Printer,
};

/// What to look at.
#[derive(Debug, Subcommand)]
pub(crate) enum Patient {
    /// Connect to an MCP URL as a well-known client does, and say what breaks it and what mends it
    Connector(ConnectorArgs),
}

/// Which client, where to, and who signs in.
#[derive(Debug, Args)]
pub(crate) struct ConnectorArgs {
    /// The MCP URL, as people type it into the client
    url: String,
    /// Whose habits to have
    #[arg(long = "as", value_name = "CLIENT", value_parser = PossibleValuesParser::new(Profile::all().keys().map(String::as_str)))]
    client: String,
    /// Sign in as this user, on the pages of the authorization server, and allow everything; otherwise a
    /// person does it in a browser
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
    /// The file that holds their password, or - for stdin; it is asked for, if not given
    #[arg(long, value_name = "FILE", requires = "login")]
    password_file: Option<PathBuf>,
}

pub(super) async fn run(patient: Patient, printer: &Printer) -> Result<(), Failure> {
    let Patient::Connector(args) = patient;
    let profile = Profile::all().get(&args.client);
    let profile =
        profile.ok_or_else(|| Failure::Usage("--as: not a client that is known".into()))?;
    let person = person(&args)?;
    let report = doctor::connect(profile, &args.url, person.as_ref(), printer).await?;
    printer.text(&report, &report.lines())?;
    if report.is_ok() {
        return Ok(());
    }
    Err(Failure::Unwell)
}

fn person(args: &ConnectorArgs) -> Result<Option<Person>, Failure> {
    let Some(login) = &args.login else {
        return Ok(None);
    };
    let password = match &args.password_file {
        Some(path) => input::secret("--password-file", path)?,
        None => input::asked(
            "Password (it is not shown): ",
            "--password-file: name the file that holds the password of --login, or - for stdin",
        )?,
    };
    Ok(Some(Person {
        login: login.clone(),
        password,
    }))
}
