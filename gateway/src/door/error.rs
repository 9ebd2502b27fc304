//! Every way in which a request for a controller can fail on its way there and back. Its clients are
//! programs and pages, not MCP clients, so the body is no JSON-RPC.

use bytes::Bytes;
use http::StatusCode;

use crate::error::{Error, Kind};

/// Why a request was not answered by a controller.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Body over the limit.
    #[error("the body is too large")]
    TooLarge,
    /// The body came too slowly.
    #[error("the body came too slowly")]
    TooSlow,
    /// The body ended early or was framed wrongly.
    #[error("the body was cut off")]
    CutOff,
    /// The request cannot be written anew.
    #[error("the request cannot be forwarded")]
    Unfit(#[source] http::Error),
    /// Too many such requests at once.
    #[error("too many requests for controllers at once")]
    Busy,
    /// No controller can be reached.
    #[error("no controller can be reached")]
    Unreachable,
    /// The connection broke after the request was sent.
    #[error("the connection to the controller broke")]
    Broken(#[source] hyper::Error),
    /// A controller took too long.
    #[error("the controller took too long")]
    Deadline,
    /// The answer is too large, or encoded.
    #[error("the controller's answer cannot be passed on")]
    Answer,
}

impl DoorError {
    /// What reading a body told.
    pub(super) fn of_body(error: &Error) -> Self {
        match error {
            Error::BodyTooLarge => Self::TooLarge,
            Error::BodyTooSlow => Self::TooSlow,
            _ => Self::CutOff,
        }
    }

    /// The status of the reply.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::CutOff | Self::Unfit(_) => StatusCode::BAD_REQUEST,
            Self::Busy | Self::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) | Self::Answer => StatusCode::BAD_GATEWAY,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The class, for metrics and logs.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::TooLarge | Self::TooSlow | Self::Busy => Kind::Limit,
            Self::CutOff | Self::Unfit(_) => Kind::Http,
            Self::Unreachable | Self::Broken(_) | Self::Deadline | Self::Answer => {
                Kind::Unavailable
            }
        }
    }

    /// Whether the connection must not carry another request, because its body is there still.
    pub(crate) fn closes(&self) -> bool {
        matches!(
            self,
            Self::TooLarge | Self::TooSlow | Self::CutOff | Self::Busy
        )
    }

    /// What a client reads.
    pub(crate) fn body(&self) -> Bytes {
        let (text, class) = match self {
            Self::TooLarge => ("The body is too large", INVALID),
            Self::TooSlow => ("The body came too slowly", INVALID),
            Self::CutOff => ("The body was cut off", INVALID),
            Self::Unfit(_) => ("The request cannot be read", INVALID),
            Self::Busy => ("Too many requests at once", UNAVAILABLE),
            Self::Unreachable => ("Not available at the moment", UNAVAILABLE),
            Self::Broken(_) | Self::Answer => ("No proper answer from the controller", UNAVAILABLE),
            Self::Deadline => ("No answer in time", UNAVAILABLE),
        };
        let status = self.status().as_u16();
        format!(r#"{{"error":"{text}","status":{status},"type":"{class}"}}"#).into()
    }
}

const INVALID: &str = "invalid_request_error";
const UNAVAILABLE: &str = "unavailable_error";
