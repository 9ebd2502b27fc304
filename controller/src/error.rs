//! What can go wrong when someone calls us, and the only mapping of it to gRPC. Callers read a fixed
//! text, a stable reason and the fields at fault; what the database or the system said goes to the
//! log under a correlation id.

use std::{collections::HashMap, error::Error as StdError};

use prost::Message as _;
use proto::admin::v1::WaitForRevisionResponse;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _, pb};
use uuid::Uuid;

use crate::{
    store::{StoreError, tenant::OriginsError},
    vault::Unreadable,
};

/// Why a call is not answered as wished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No admin token, or none that we know.
    #[error("present an admin token: `authorization: Bearer aldp_…`")]
    Unauthenticated,
    /// A service for nodes, called without a node's certificate.
    #[error("present a node's client certificate")]
    NoNodeCertificate,
    /// The admin API, called with a client certificate.
    #[error("the admin API is not open to nodes")]
    NodeOnAdmin,
    /// The caller may not do this.
    #[error("the token lacks the permission `{permission}`")]
    Denied {
        /// What it would need.
        permission: String,
    },
    /// There is no such method, or none that says who may call it.
    #[error("there is no such method")]
    NoMethod,
    /// Fields at fault.
    #[error("some fields are invalid; the details name them")]
    Invalid(Vec<Violation>),
    /// Missing, or another tenant's.
    #[error("`{0}` was not found")]
    NotFound(String),
    /// Something of this name or origin exists.
    #[error("it exists already; the details name the field")]
    AlreadyExists(Violation),
    /// The resource changed since it was read.
    #[error("the resource has changed since it was read: its etag is now `{current}`")]
    EtagMismatch {
        /// The etag to read again.
        current: String,
    },
    /// A connected node cannot be forgotten.
    #[error("the node is connected; stop it first")]
    NodeConnected,
    /// A node refused a resource of the revision waited for.
    #[error("revision {} was rejected by a node; the details name it", .0.revision)]
    RevisionRejected(WaitForRevisionResponse),
    /// Not live everywhere in time.
    #[error("revision {} is not live on every node yet; the details name them", .0.revision)]
    RevisionPending(WaitForRevisionResponse),
    /// The request ended early.
    #[error("the request was cut off")]
    CutOff,
    /// A request of more than 4 MiB.
    #[error("the request is larger than 4 MiB")]
    TooLarge,
    /// The method took too long.
    #[error("the call took longer than the server allows")]
    Deadline,
    /// The database failed.
    #[error("the database could not do it")]
    Store(#[source] StoreError),
    /// A stored key cannot be unwrapped.
    #[error("the tenant's key cannot be read")]
    Vault(#[source] Unreadable),
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its path in the request, for example `server.url`.
    pub field: String,
    /// What is wrong with it, and how to mend it.
    pub description: String,
}

impl Violation {
    /// A violation of this field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }

    /// A violation of the field that holds a tenant's origin at this position.
    pub fn of_origin(position: usize, description: &str) -> Self {
        match position.checked_sub(1) {
            None => Self::new("tenant.host", description),
            Some(alias) => Self::new(format!("tenant.alias_hosts[{alias}]"), description),
        }
    }
}

impl Error {
    /// One field at fault.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, description)])
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        match self {
            Self::Unauthenticated | Self::NoNodeCertificate => Code::Unauthenticated,
            Self::NodeOnAdmin | Self::Denied { .. } => Code::PermissionDenied,
            Self::NoMethod => Code::Unimplemented,
            Self::Invalid(_) | Self::CutOff => Code::InvalidArgument,
            Self::NotFound(_) => Code::NotFound,
            Self::AlreadyExists(_) => Code::AlreadyExists,
            Self::EtagMismatch { .. } => Code::Aborted,
            Self::NodeConnected | Self::RevisionRejected(_) => Code::FailedPrecondition,
            Self::TooLarge => Code::ResourceExhausted,
            Self::RevisionPending(_) | Self::Deadline => Code::DeadlineExceeded,
            Self::Store(error) => match error {
                StoreError::Sql(cause) if unreachable(cause) => Code::Unavailable,
                StoreError::Collision(_) => Code::Aborted,
                StoreError::Sql(_)
                | StoreError::Duplicate { .. }
                | StoreError::RowCount { .. }
                | StoreError::Inconsistent { .. } => Code::Internal,
            },
            Self::Vault(_) => Code::Internal,
        }
    }

    /// Stable, for programs: `ErrorInfo.reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::NoNodeCertificate => "NODE_CERTIFICATE_REQUIRED",
            Self::NodeOnAdmin => "NODE_ON_ADMIN_API",
            Self::Denied { .. } => "PERMISSION_DENIED",
            Self::NoMethod => "NO_SUCH_METHOD",
            Self::Invalid(_) => "INVALID_FIELD",
            Self::NotFound(_) => "NOT_FOUND",
            Self::AlreadyExists(_) => "ALREADY_EXISTS",
            Self::EtagMismatch { .. } => "ETAG_MISMATCH",
            Self::NodeConnected => "NODE_CONNECTED",
            Self::RevisionRejected(_) => "REVISION_REJECTED",
            Self::RevisionPending(_) => "REVISION_PENDING",
            Self::CutOff => "REQUEST_CUT_OFF",
            Self::TooLarge => "MESSAGE_TOO_LARGE",
            Self::Deadline => "DEADLINE_EXCEEDED",
            Self::Store(_) => match self.code() {
                Code::Unavailable => "DATABASE_UNAVAILABLE",
                Code::Aborted => "TRY_AGAIN",
                _ => "INTERNAL",
            },
            Self::Vault(_) => "KEY_UNREADABLE",
        }
    }

    /// What goes into the status details besides the reason.
    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason(), DOMAIN, HashMap::new());
        match self {
            Self::Invalid(violations) => {
                let violations: Vec<_> = violations.iter().map(Violation::to_wire).collect();
                details.set_bad_request(violations);
            }
            Self::AlreadyExists(violation) => {
                details.set_bad_request(vec![violation.to_wire()]);
            }
            Self::Store(_) | Self::Vault(_) => {
                let correlation = Uuid::now_v7().to_string();
                tracing::error!(
                    correlation,
                    error = chain(self),
                    "a call failed inside; the caller was given the correlation id"
                );
                details.set_request_info(correlation, "");
            }
            Self::Unauthenticated
            | Self::NoNodeCertificate
            | Self::NodeOnAdmin
            | Self::Denied { .. }
            | Self::NoMethod
            | Self::NotFound(_)
            | Self::EtagMismatch { .. }
            | Self::NodeConnected
            | Self::RevisionRejected(_)
            | Self::RevisionPending(_)
            | Self::CutOff
            | Self::TooLarge
            | Self::Deadline => {}
        }
        details
    }

    /// The nodes that a wait was about, as a detail of its own.
    fn receipts(&self) -> Option<&WaitForRevisionResponse> {
        match self {
            Self::RevisionRejected(receipts) | Self::RevisionPending(receipts) => Some(receipts),
            _ => None,
        }
    }
}

impl Violation {
    fn to_wire(&self) -> FieldViolation {
        FieldViolation::new(&self.field, &self.description)
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let status = Self::with_error_details(error.code(), error.to_string(), error.details());
        let Some(receipts) = error.receipts() else {
            return status;
        };
        let mut wire = pb::Status::decode(status.details()).expect("we encoded it");
        wire.details.push(prost_types::Any {
            type_url: "type.googleapis.com/aldgate.admin.v1.WaitForRevisionResponse".to_owned(),
            value: receipts.encode_to_vec(),
        });
        Self::with_details(status.code(), status.message(), wire.encode_to_vec().into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        Self::Vault(error)
    }
}

impl Error {
    /// A new resource collided with one that is there; `field` holds its id.
    pub fn on_insert(error: StoreError, field: &str) -> Self {
        match error {
            StoreError::Duplicate { .. } => {
                Self::AlreadyExists(Violation::new(field, "this name is taken"))
            }
            other => Self::Store(other),
        }
    }

    /// A tenant's origins, or a new tenant's id, collided with another's.
    pub fn on_origins(error: OriginsError) -> Self {
        match error {
            OriginsError::Taken(position) => Self::AlreadyExists(Violation::of_origin(
                position,
                "another tenant has this origin",
            )),
            OriginsError::Store(error) => Self::on_insert(error, "tenant_id"),
        }
    }
}

/// Whether trying later may help.
fn unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Classes 08 (connection), 53 (resources), 57 (operator intervention, statement timeout)
        // and 55P03 (lock timeout).
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            ["08", "53", "57"]
                .iter()
                .any(|class| code.starts_with(class))
                || code == "55P03"
        }),
        _ => false,
    }
}

/// An error with all its causes, on one line.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

const DOMAIN: &str = "aldgate";

#[cfg(test)]
mod tests {
    use super::*;

    /// CL-03: nothing of what the database said reaches the caller.
    #[test]
    fn a_database_failure_tells_a_correlation_id_and_nothing_else() {
        let status = Status::from(Error::from(StoreError::from(sqlx::Error::Protocol(
            "SELECT secret FROM servers at db.internal".to_owned(),
        ))));
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.message(), "the database could not do it");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "INTERNAL");
        assert!(!details.request_info().unwrap().request_id.is_empty());
        let wire = String::from_utf8_lossy(status.details()).into_owned();
        assert!(!wire.contains("SELECT") && !wire.contains("db.internal"));
    }

    #[test]
    fn a_database_that_does_not_answer_is_unavailable() {
        let status = Status::from(Error::from(StoreError::from(sqlx::Error::PoolTimedOut)));
        assert_eq!(status.code(), Code::Unavailable);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "DATABASE_UNAVAILABLE");
    }

    #[test]
    fn fields_at_fault_are_named_with_their_paths() {
        let status = Status::from(Error::invalid("server.url", "must be https"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "server.url");
        assert_eq!(fields[0].description, "must be https");
        assert_eq!(details.error_info().unwrap().domain, "aldgate");
    }

    #[test]
    fn a_failed_wait_names_the_nodes_in_its_details() {
        let receipts = WaitForRevisionResponse {
            revision: 7,
            nodes: vec![],
        };
        let status = Status::from(Error::RevisionRejected(receipts.clone()));
        assert_eq!(status.code(), Code::FailedPrecondition);
        let wire = pb::Status::decode(status.details()).unwrap();
        let any = wire.details.last().unwrap();
        assert!(
            any.type_url
                .ends_with("/aldgate.admin.v1.WaitForRevisionResponse")
        );
        assert_eq!(
            WaitForRevisionResponse::decode(any.value.as_slice()).unwrap(),
            receipts
        );
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "REVISION_REJECTED");
    }
}
