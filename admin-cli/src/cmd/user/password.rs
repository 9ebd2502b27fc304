//! Where a user's password comes from: a file, stdin, the terminal, or the installation makes one. Never
//! the command line.

use std::path::PathBuf;

use clap::Args;
use proto::admin::v1::PasswordInput;
use secrecy::ExposeSecret as _;

use crate::{failure::Failure, input};

/// Where the password comes from; without any of these, it is asked for at the terminal.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct PasswordArgs {
    /// The file that holds the password, or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Let the installation make a random password; it is shown this once
    #[arg(long)]
    generate: bool,
    /// No password: they sign in at an identity provider, or not at all
    #[arg(long)]
    no_password: bool,
}

impl PasswordArgs {
    /// Reads it, or asks for it. `None` means that there is to be none.
    pub(super) fn read(&self) -> Result<Option<PasswordInput>, Failure> {
        if self.no_password {
            return Ok(None);
        }
        if self.generate {
            return Ok(Some(PasswordInput {
                password: String::new(),
                generate: true,
            }));
        }
        let password = match &self.password_file {
            Some(path) => input::secret("--password-file", path)?,
            None => input::asked("Password (it is not shown): ", NO_PASSWORD)?,
        };
        Ok(Some(PasswordInput {
            password: password.expose_secret().to_owned(),
            generate: false,
        }))
    }
}

const NO_PASSWORD: &str = "--password-file: name the file that holds the password, or - for stdin; or give --generate or --no-password";
