//! What is presented to a server, on the command line: how, in which header, and where its value is
//! read from. The value itself is no argument.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use proto::admin::v1::{AuthScheme, CredentialInput, Server, credential::State};
use secrecy::{ExposeSecret as _, SecretString};

use super::args::ServerArgs;
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
    pub(super) fn file(&self) -> Option<&Path> {
        self.value_file.as_deref()
    }

    /// Whether there must be a value and nobody said where it is.
    pub(super) fn lacks_value(&self) -> bool {
        matches!(self.scheme, Some(Scheme::Bearer | Scheme::ApiKey)) && self.value_file.is_none()
    }

    /// Reads the value, if the scheme has one and nobody was asked for it. `None` if nothing was said
    /// of a credential.
    pub(super) fn read(
        &self,
        asked: Option<&SecretString>,
    ) -> Result<Option<CredentialInput>, Failure> {
        let wrong = |text: &str| Err(Failure::Usage(text.into()));
        let header_name = self.header_name.clone().unwrap_or_default();
        let given = asked.is_some() || self.value_file.is_some();
        let (scheme, header_name) = match (self.scheme, given) {
            (None, false) if header_name.is_empty() => return Ok(None),
            (None, _) => {
                return wrong(
                    "--auth-scheme: say how the credential is presented, bearer or api_key",
                );
            }
            (Some(Scheme::None), true) => {
                return wrong("--auth-credential-file: `--auth-scheme none` has no credential");
            }
            (Some(Scheme::Bearer | Scheme::ApiKey), false) => return wrong(NO_VALUE),
            (Some(Scheme::None | Scheme::Bearer), _) if !header_name.is_empty() => {
                return wrong(
                    "--auth-header-name: only `--auth-scheme api_key` has a header of its own",
                );
            }
            (Some(Scheme::None), false) => (AuthScheme::None, header_name),
            (Some(Scheme::Bearer), true) => (AuthScheme::Bearer, header_name),
            (Some(Scheme::ApiKey), true) => (AuthScheme::ApiKey, header_name),
        };
        let value = match (asked, self.file()) {
            (Some(asked), _) => asked.expose_secret().to_owned(),
            (None, Some(path)) => input::secret("--auth-credential-file", path)?
                .expose_secret()
                .to_owned(),
            (None, None) => String::new(),
        };
        Ok(Some(CredentialInput {
            scheme: scheme.into(),
            header_name,
            value,
        }))
    }
}

/// Whether a credential resolved to nothing, or to a header with nothing in it (S4-14).
pub(super) fn is_empty(credential: &CredentialInput) -> bool {
    let value = credential.value.trim();
    value.is_empty() || value.eq_ignore_ascii_case("bearer")
}

/// What to say if there must be a value and nobody said where it is.
pub(super) const NO_VALUE: &str =
    "--auth-credential-file: name the file that holds the credential, or - for stdin";

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
