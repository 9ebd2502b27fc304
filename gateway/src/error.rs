//! Every way a request can fail, and the only mapping from those to the wire.
//!
//! `Display` is for our log. What a client reads is in [`Error::wire`], written on purpose, and
//! never contains internal text.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER},
};

use mcp::era::Era;

use crate::{
    authn::{Challenge, MissingScope},
    door::DoorError,
    policy::{self, Denial},
    upstream::UpstreamError,
};

/// Why a request was not answered by its server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No snapshot yet.
    #[error("no config has arrived yet")]
    NotReady,
    /// The request could be read in two ways.
    #[error("ambiguous request: {0}")]
    Ambiguous(&'static str),
    /// Request line longer than allowed.
    #[error("the request target is too long")]
    TargetTooLong,
    /// Too many or too long header fields.
    #[error("the request's header fields are too large")]
    HeadersTooLarge,
    /// No tenant has this host.
    #[error("no tenant has the requested host")]
    UnknownHost,
    /// Not a path of ours.
    #[error("no such path")]
    UnknownPath,
    /// Not a method of ours, or not one of this endpoint.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// A page of another site is asking.
    #[error("the origin is not allowed")]
    ForeignOrigin,
    /// More than one `Authorization` line.
    #[error("more than one credential")]
    TwoCredentials,
    /// Nobody who may be let in.
    #[error("no authenticator accepts the request")]
    Unauthenticated(Challenge),
    /// Nobody can say whether the credential was revoked.
    #[error("no feed confirms what is revoked")]
    Unconfirmed,
    /// The body is not plain JSON.
    #[error("the body is not application/json, or it is encoded")]
    UnsupportedMediaType,
    /// The client takes neither of the two reply types.
    #[error("the client accepts neither JSON nor an event stream")]
    NotAcceptable,
    /// Body over the limit.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body came too slowly.
    #[error("the body came too slowly")]
    BodyTooSlow,
    /// The body ended early or was framed wrongly.
    #[error("reading the body")]
    BodyBroken(#[source] hyper::Error),
    /// Not an acceptable MCP message.
    #[error("refusing the message")]
    Refused(#[from] mcp::Rejection),
    /// There is no such server, or the caller may not know of it.
    #[error("no such server for this caller")]
    UnknownServer,
    /// The server's config is bad and no older version exists.
    #[error("the server's config is quarantined")]
    ServerQuarantined,
    /// The server moved to another origin after its credential was stored.
    #[error("the server's credential is detached")]
    CredentialDetached,
    /// The lease ran out, or has not arrived.
    #[error("the server's credential is not usable at the moment")]
    CredentialUnavailable,
    /// The credential is good for less than this (TK-13).
    #[error("the credential lacks a scope")]
    InsufficientScope(MissingScope),
    /// The policy says no.
    #[error("the policy denies the call")]
    Denied(Box<Denial>),
    /// The cursor of a list was made for somebody or something else, or before the policy changed.
    #[error("the cursor is not for this caller and list")]
    InvalidCursor(Era),
    /// The principal has too many calls in flight.
    #[error("too many calls in flight")]
    TooManyCalls,
    /// The principal has too many open streams.
    #[error("too many open streams")]
    TooManyStreams,
    /// A limit on calls per time has no room.
    #[error("over a limit of calls per time")]
    RateLimited {
        /// How long until it may have room.
        retry_after: Duration,
    },
    /// The session id opens for nobody, or not for this caller and server.
    #[error("no such session")]
    UnknownSession,
    /// No key to seal a new session with.
    #[error("no key to seal sessions with")]
    SessionsUnavailable,
    /// The server did not answer as it should.
    #[error("forwarding the call")]
    Upstream(#[from] UpstreamError),
    /// A controller did not answer as it should, or was not asked.
    #[error("asking a controller")]
    Door(#[from] DoorError),
    /// A bug of ours.
    #[error("the request's task panicked")]
    Panicked,
}

/// The class of an [`Error`], for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// We cannot serve at the moment.
    Unavailable,
    /// Not well-formed HTTP or not for us.
    Http,
    /// Unknown host, path, server or session.
    NotFound,
    /// No valid credential.
    Unauthenticated,
    /// Not allowed by scopes or policy.
    Denied,
    /// Another site's page.
    Origin,
    /// Not an acceptable MCP message.
    Message,
    /// Over a limit.
    Limit,
    /// The server's fault.
    Upstream,
    /// Our fault.
    Bug,
}

impl Kind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Unavailable,
        Self::Http,
        Self::NotFound,
        Self::Unauthenticated,
        Self::Denied,
        Self::Origin,
        Self::Message,
        Self::Limit,
        Self::Upstream,
        Self::Bug,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Http => "http",
            Self::NotFound => "not_found",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::Origin => "origin",
            Self::Message => "message",
            Self::Limit => "limit",
            Self::Upstream => "upstream",
            Self::Bug => "bug",
        }
    }
}

impl Error {
    /// The class of the error.
    pub fn kind(&self) -> Kind {
        self.wire().kind
    }

    /// The JSON-RPC code the client sees, where it sees one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Refused(rejection) => Some(rejection.code()),
            Self::Unauthenticated(_) | Self::InsufficientScope(_) | Self::Door(_) => None,
            other => Some(other.wire().code),
        }
    }

    /// Whether the connection must not carry another request.
    pub fn closes(&self) -> bool {
        match self {
            Self::Ambiguous(_)
            | Self::TargetTooLong
            | Self::HeadersTooLarge
            | Self::BodyTooLarge
            | Self::BodyTooSlow
            | Self::BodyBroken(_)
            | Self::Panicked => true,
            Self::Door(error) => error.closes(),
            _ => self.wire().status == StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The reply. `id` is the raw JSON of the request's id, where it was read.
    pub fn reply(&self, id: Option<&str>) -> http::Response<Bytes> {
        let wire = self.wire();
        let mut reply = http::Response::new(self.body(&wire, id));
        *reply.status_mut() = wire.status;
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        self.write_headers(wire.status, headers);
        reply
    }

    fn body(&self, wire: &Wire, id: Option<&str>) -> Bytes {
        match self {
            Self::Refused(rejection) => rejection.body(),
            Self::Door(error) => error.body(),
            Self::Unauthenticated(challenge) => challenge.body(),
            Self::InsufficientScope(_) => Bytes::from_static(INSUFFICIENT),
            Self::Denied(denial) => denial.body(id),
            _ => json_rpc_error(id, wire.code, self.text()),
        }
    }

    fn write_headers(&self, status: StatusCode, headers: &mut HeaderMap) {
        match self {
            Self::Unauthenticated(challenge) => challenge.write(headers),
            Self::InsufficientScope(missing) => missing.write(headers),
            Self::MethodNotAllowed => {
                headers.insert(ALLOW, METHODS);
            }
            Self::Upstream(error) => {
                if let Some(value) = error.retry_after() {
                    headers.insert(RETRY_AFTER, value.clone());
                }
            }
            Self::RateLimited { retry_after } => {
                headers.insert(RETRY_AFTER, whole_seconds(*retry_after));
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE
                || status == StatusCode::TOO_MANY_REQUESTS =>
            {
                headers.insert(RETRY_AFTER, SOON);
            }
            _ => {}
        }
    }

    /// What each error is on the wire. This is the only place that decides it.
    fn wire(&self) -> Wire {
        use Kind as K;
        use StatusCode as S;
        let (kind, status) = match self {
            Self::NotReady
            | Self::Unconfirmed
            | Self::ServerQuarantined
            | Self::CredentialUnavailable
            | Self::SessionsUnavailable => (K::Unavailable, S::SERVICE_UNAVAILABLE),
            Self::CredentialDetached => (K::Unavailable, S::BAD_GATEWAY),
            Self::Ambiguous(_) | Self::TwoCredentials | Self::BodyBroken(_) => {
                (K::Http, S::BAD_REQUEST)
            }
            Self::TargetTooLong => (K::Http, S::URI_TOO_LONG),
            Self::HeadersTooLarge => (K::Http, S::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::UnknownHost => (K::NotFound, S::MISDIRECTED_REQUEST),
            Self::UnknownPath | Self::UnknownServer => (K::NotFound, S::NOT_FOUND),
            Self::UnknownSession => return wire(K::NotFound, S::NOT_FOUND, -32001),
            Self::MethodNotAllowed => (K::Http, S::METHOD_NOT_ALLOWED),
            Self::ForeignOrigin => (K::Origin, S::FORBIDDEN),
            Self::Unauthenticated(_) => (K::Unauthenticated, S::UNAUTHORIZED),
            Self::InsufficientScope(_) => (K::Denied, S::FORBIDDEN),
            Self::Denied(_) => return wire(K::Denied, S::OK, policy::DENIED),
            Self::InvalidCursor(era) => {
                // Legacy clients read errors of JSON-RPC from a success only.
                let status = if *era == Era::Modern {
                    S::BAD_REQUEST
                } else {
                    S::OK
                };
                return wire(K::Message, status, -32602);
            }
            Self::UnsupportedMediaType => (K::Http, S::UNSUPPORTED_MEDIA_TYPE),
            Self::NotAcceptable => (K::Http, S::NOT_ACCEPTABLE),
            Self::BodyTooLarge => (K::Limit, S::PAYLOAD_TOO_LARGE),
            Self::BodyTooSlow => (K::Limit, S::REQUEST_TIMEOUT),
            Self::TooManyCalls | Self::TooManyStreams | Self::RateLimited { .. } => {
                (K::Limit, S::TOO_MANY_REQUESTS)
            }
            Self::Refused(rejection) => {
                return wire(K::Message, rejection.status(), rejection.code());
            }
            Self::Upstream(error) => (K::Upstream, error.wire().0),
            Self::Door(error) => (error.kind(), error.status()),
            Self::Panicked => (K::Bug, S::INTERNAL_SERVER_ERROR),
        };
        let ours = matches!(kind, K::Unavailable | K::Limit | K::Upstream | K::Bug);
        wire(kind, status, if ours { -32603 } else { -32600 })
    }

    /// What a client reads.
    fn text(&self) -> &'static str {
        match self {
            Self::NotReady => "The gateway is starting",
            Self::Unconfirmed => {
                "The gateway cannot find out at the moment whether the credential still counts"
            }
            Self::Ambiguous(_) => "Ambiguous HTTP request",
            Self::TargetTooLong => "URI too long",
            Self::HeadersTooLarge => "Header fields too large",
            Self::UnknownHost => "Unknown host",
            Self::UnknownPath | Self::UnknownServer => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::ForeignOrigin => "Origin not allowed",
            Self::TwoCredentials => "More than one Authorization header",
            Self::UnsupportedMediaType => {
                "The body must be application/json without Content-Encoding"
            }
            Self::NotAcceptable => "Accept must allow application/json and text/event-stream",
            Self::BodyTooLarge => "The body is too large",
            Self::BodyTooSlow => "The body came too slowly",
            Self::BodyBroken(_) => "The body was cut off",
            // Their bodies have their own texts.
            Self::Refused(_)
            | Self::Unauthenticated(_)
            | Self::InsufficientScope(_)
            | Self::Denied(_)
            | Self::Door(_) => "",
            Self::InvalidCursor(_) => "Invalid cursor: list again from the start",
            Self::ServerQuarantined => {
                "This server's configuration is faulty; its administrator must correct it"
            }
            Self::CredentialDetached => {
                "This server moved to another address or lacks its credential; its administrator must set the credential again"
            }
            Self::CredentialUnavailable => {
                "This server's credential is not available at the moment"
            }
            Self::TooManyCalls => "Too many requests at once",
            Self::TooManyStreams => "Too many open streams",
            Self::RateLimited { .. } => "Rate limit exceeded",
            Self::UnknownSession => "Session not found",
            Self::SessionsUnavailable => "Sessions cannot be opened at the moment",
            Self::Upstream(error) => error.wire().1,
            Self::Panicked => "Internal error",
        }
    }
}

/// One error in the client's terms.
struct Wire {
    kind: Kind,
    status: StatusCode,
    code: i32,
}

const fn wire(kind: Kind, status: StatusCode, code: i32) -> Wire {
    Wire { kind, status, code }
}

/// `Retry-After` (RFC 9110 §10.2.3): whole seconds, rounded up; nobody is told to come at once.
fn whole_seconds(time: Duration) -> HeaderValue {
    let seconds = time.as_millis().div_ceil(1_000).max(1);
    HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX))
}

/// A JSON-RPC error response. `id` is raw JSON; `message` is ours and needs no escaping.
fn json_rpc_error(id: Option<&str>, code: i32, message: &'static str) -> Bytes {
    let id = id.unwrap_or("null");
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#)
        .into()
}

/// S4-51, TK-13.
const INSUFFICIENT: &[u8] =
    br#"{"error":"Insufficient permission","status":403,"type":"authorization_error"}"#;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE, OPTIONS");
const SOON: HeaderValue = HeaderValue::from_static("1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_after_the_message_was_read_echoes_its_id() {
        let reply = Error::TooManyCalls.reply(Some(r#""a""#));
        assert_eq!(reply.status(), 429);
        assert_eq!(reply.headers()[RETRY_AFTER], "1");
        assert_eq!(
            reply.body(),
            r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32603,"message":"Too many requests at once"}}"#
        );
    }

    /// S2-16.
    #[test]
    fn who_is_over_a_rate_is_told_whole_seconds_to_wait() {
        for (wait_ms, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let retry_after = Duration::from_millis(wait_ms);
            let reply = Error::RateLimited { retry_after }.reply(Some("1"));
            assert_eq!(reply.status(), 429);
            assert_eq!(reply.headers()[RETRY_AFTER], seconds);
        }
    }

    /// TI-01: what does not exist and what is not for the caller look alike.
    #[test]
    fn unknown_paths_and_unknown_servers_look_alike() {
        let (path, server) = (
            Error::UnknownPath.reply(None),
            Error::UnknownServer.reply(None),
        );
        assert_eq!(path.status(), server.status());
        assert_eq!(path.headers(), server.headers());
        assert_eq!(path.body(), server.body());
    }

    #[test]
    fn kinds_are_numbered_in_their_order() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
