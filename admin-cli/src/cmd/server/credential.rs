//! What is presented to a server, on the command line: how, in which header, and where its value is
//! read from. The value itself is no argument.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use proto::admin::v1::{AuthScheme, CredentialInput, Server, credential::State};
use secrecy::ExposeSecret as _;

use super::ServerArgs;
use crate::{failure::Failure, input};

/// What to present to a server.
#[derive(Debug, Args)]
pub(super) struct CredentialArgs {
    /// How the credential is presented
    #[arg(long = "auth-scheme", value_enum)]
    scheme: Option<Scheme>,
    /// The header for `api_key`; X-API-Key if not given
    #[arg(long = "auth-header-name", value_name = "HEADER")]
    header_name: Option<String>,
    /// The file that holds the credential, or - for stdin; one line end at its end is cut
    #[arg(long = "auth-credential-file", value_name = "FILE")]
    value_file: Option<PathBuf>,
}

/// How a credential is presented (S1-3).
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scheme {
    /// The server wants no credential
    None,
    /// Authorization: Bearer CREDENTIAL
    Bearer,
    /// HEADER: CREDENTIAL
    #[value(name = "api_key", alias = "api-key")]
    ApiKey,
}

impl CredentialArgs {
    pub(super) fn reads_stdin(&self) -> bool {
        self.value_file.as_deref().is_some_and(input::is_stdin)
    }

    /// Reads the value, if the scheme has one. `None` if nothing was said of a credential.
    pub(super) fn read(&self) -> Result<Option<CredentialInput>, Failure> {
        let wrong = |text: &str| Err(Failure::Usage(text.into()));
        let header_name = self.header_name.clone().unwrap_or_default();
        let (scheme, header_name) = match (self.scheme, &self.value_file) {
            (None, None) if header_name.is_empty() => return Ok(None),
            (None, _) => {
                return wrong(
                    "--auth-scheme: say how the credential is presented, bearer or api_key",
                );
            }
            (Some(Scheme::None), Some(_)) => {
                return wrong("--auth-credential-file: `--auth-scheme none` has no credential");
            }
            (Some(Scheme::Bearer | Scheme::ApiKey), None) => {
                return wrong(
                    "--auth-credential-file: name the file that holds the credential, or - for stdin",
                );
            }
            (Some(Scheme::None | Scheme::Bearer), _) if !header_name.is_empty() => {
                return wrong(
                    "--auth-header-name: only `--auth-scheme api_key` has a header of its own",
                );
            }
            (Some(Scheme::None), None) => (AuthScheme::None, header_name),
            (Some(Scheme::Bearer), Some(_)) => (AuthScheme::Bearer, header_name),
            (Some(Scheme::ApiKey), Some(_)) => (AuthScheme::ApiKey, header_name),
        };
        let file = self.value_file.as_deref();
        let value = file
            .map(|path| input::secret("--auth-credential-file", path))
            .transpose()?;
        Ok(Some(CredentialInput {
            scheme: scheme.into(),
            header_name,
            value: value
                .map(|value| value.expose_secret().to_owned())
                .unwrap_or_default(),
        }))
    }
}

/// What to say if an update detached the credential: that it did, and the command that mends it.
pub(super) fn detached(server: &Server, args: &ServerArgs) -> Option<String> {
    let credential = server.credential.as_ref()?;
    if credential.state() != State::Detached {
        return None;
    }
    let how = match credential.scheme() {
        AuthScheme::Unspecified | AuthScheme::None => return None,
        AuthScheme::Bearer => "--auth-scheme bearer".to_owned(),
        AuthScheme::ApiKey => format!(
            "--auth-scheme api_key --auth-header-name {}",
            credential.header_name
        ),
    };
    let ServerArgs { name, tenant } = args;
    Some(format!(
        "warning: the credential is detached, because it was set for another origin; calls fail until it is set anew:\n  \
         aldgate server set-credential {name} --tenant {tenant} {how} --auth-credential-file -"
    ))
}
