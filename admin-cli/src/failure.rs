//! Why a command failed. Each reason has its text, which says how to mend it where we know, and its
//! exit code; both are stable.

mod flag;
mod receipts;

use std::{error::Error as _, fmt, io, iter, path::PathBuf, process::ExitCode};

use runtime::settings::SettingsError;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

pub(crate) use receipts::NotLive;

use crate::{login::KeptError, web::WebError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong in a way that its grammar does not tell.
    #[error("{0}")]
    Usage(String),
    /// A file that a flag names cannot be read.
    #[error("{flag}: cannot read {}", path.display())]
    File {
        flag: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A setting cannot be used.
    #[error("cannot read the admin token")]
    Settings(#[source] SettingsError),
    /// Nobody said who is calling.
    #[error(
        "no admin token: set ALDGATE_TOKEN_FILE or --token-file to the file that holds it, or ALDGATE_TOKEN; or sign in with `aldgate login`"
    )]
    NoToken,
    /// Nobody could be signed in.
    #[error("cannot sign in: {0}")]
    SignIn(String),
    /// What is kept of a login does not work.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A tenant's public address did not answer.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The controller answered with an error.
    #[error("{}", Answer(_0))]
    Call(Box<Status>),
    /// There was no answer.
    #[error("{} does not answer: {}", endpoint, Answer(status))]
    Unreachable {
        endpoint: String,
        status: Box<Status>,
    },
    /// A node cannot apply the change.
    #[error("revision {} is rejected:{_0}", _0.revision)]
    Rejected(NotLive),
    /// The change is made, but not live in time.
    #[error("revision {} is not live on every node yet:{_0}", _0.revision)]
    WaitTimedOut(NotLive),
    /// It is revoked, but not refused everywhere in time.
    #[error("revocation {revocation} is made, but not confirmed by {nodes}")]
    Unconfirmed { revocation: u64, nodes: String },
    /// Somebody pressed Ctrl-C.
    #[error("cancelled; a change that was already sent is not undone")]
    Cancelled,
    /// The answer could not be printed.
    #[error("cannot write to stdout")]
    Output(#[source] io::Error),
    /// A browser could not come back to this machine.
    #[error("cannot listen on this machine")]
    Listen(#[source] io::Error),
    /// What `doctor` looked at does not work, which the data says.
    #[error("it does not work")]
    Unwell,
    /// What `acl check` was asked about is denied, which the data says.
    #[error("denied")]
    Denied,
}

/// What the process exits with. Stable; `--help` and the README list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    Cancelled = 3,
    Auth = 4,
    Conflict = 5,
    Unreachable = 6,
}

impl Failure {
    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::File { .. } | Self::Settings(_) => Exit::Usage,
            Self::NoToken | Self::SignIn(_) => Exit::Auth,
            Self::Web(WebError::NotAUrl(_) | WebError::Plain(_) | WebError::Header(_)) => {
                Exit::Usage
            }
            Self::Call(status) => exit_of(status.code()),
            Self::Unreachable { .. }
            | Self::Web(
                WebError::Connect { .. }
                | WebError::Exchange { .. }
                | WebError::Late { .. }
                | WebError::TooLong(_)
                | WebError::Trust(_),
            ) => Exit::Unreachable,
            Self::WaitTimedOut(_) | Self::Cancelled => Exit::Cancelled,
            Self::Kept(_)
            | Self::Rejected(_)
            | Self::Unconfirmed { .. }
            | Self::Output(_)
            | Self::Listen(_)
            | Self::Unwell
            | Self::Denied => Exit::Failed,
        }
    }

    /// Names the endpoint, if it gave no answer.
    pub(crate) fn at(self, endpoint: &str) -> Self {
        match self {
            Self::Call(status) if is_silence(&status) => Self::Unreachable {
                endpoint: endpoint.to_owned(),
                status,
            },
            other => other,
        }
    }

    /// What to do about it, where it is always the same.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Call(status) => match status.code() {
                Code::Unauthenticated => Some(
                    "set ALDGATE_TOKEN_FILE or ALDGATE_TOKEN to a token that this installation knows, or sign in again with `aldgate login`",
                ),
                Code::PermissionDenied => Some(
                    "use a token of the needed role and scope; `aldgate token create` makes one",
                ),
                Code::Aborted => {
                    Some("somebody changed it meanwhile: read it again, and repeat the change")
                }
                Code::Unavailable | Code::DeadlineExceeded => {
                    Some("the controller runs but cannot do it now; try again")
                }
                _ => None,
            },
            Self::Unreachable { .. } => Some(
                "check that a controller runs there, and that ALDGATE_ENDPOINT and ALDGATE_CA_FILE belong to it",
            ),
            Self::WaitTimedOut(_) => {
                Some("`aldgate status` shows what each node runs; `aldgate wait` waits again")
            }
            Self::Unconfirmed { .. } => Some(
                "a node refuses it as soon as it reads either feed; `aldgate status` shows the nodes",
            ),
            Self::Rejected(_) => Some("mend the resource that is named; everything else is live"),
            Self::Usage(_)
            | Self::File { .. }
            | Self::Settings(_)
            | Self::NoToken
            | Self::SignIn(_)
            | Self::Kept(_)
            | Self::Web(_)
            | Self::Cancelled
            | Self::Output(_)
            | Self::Listen(_)
            | Self::Unwell
            | Self::Denied => None,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}

/// Whether nobody answered. A controller that cannot do what was asked gives its reason.
fn is_silence(status: &Status) -> bool {
    exit_of(status.code()) == Exit::Unreachable && status.get_details_error_info().is_none()
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::InvalidArgument => Exit::Usage,
        Code::Unauthenticated | Code::PermissionDenied => Exit::Auth,
        Code::Aborted | Code::AlreadyExists => Exit::Conflict,
        // The client's own deadline ends a call as cancelled.
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Exit::Unreachable,
        Code::Ok
        | Code::Unknown
        | Code::NotFound
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => Exit::Failed,
    }
}

/// A status as people read it: the flags to mend, or else the message; and the stable reason.
struct Answer<'a>(&'a Status);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bad_request = self.0.get_details_bad_request();
        let violations = bad_request.map_or_else(Vec::new, |details| details.field_violations);
        if violations.is_empty() {
            self.write_message(f)?;
        }
        for (at, violation) in violations.iter().enumerate() {
            let line = if at == 0 { "" } else { "\n" };
            let flag = flag::of(&violation.field);
            write!(f, "{line}{flag}: {}", violation.description)?;
        }
        if let Some(info) = self.0.get_details_error_info() {
            write!(f, " ({})", info.reason)?;
        }
        // The controller's log tells more under this id.
        if let Some(info) = self.0.get_details_request_info() {
            write!(f, ", correlation id {}", info.request_id)?;
        }
        Ok(())
    }
}

impl Answer<'_> {
    fn write_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of a failed connection only the innermost cause says something, and the others repeat it.
        if let Some(cause) = iter::successors(self.0.source(), |cause| (*cause).source()).last() {
            return write!(f, "{cause}");
        }
        match self.0.message() {
            "" => f.write_str(self.0.code().description()),
            message => f.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests;
