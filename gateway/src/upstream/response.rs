//! What becomes of a server's answer: which statuses, types and headers reach the client
//! (design.md §5). Everything else the server says stays here.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING},
    response::Parts,
};
use http_body::Body as _;
use hyper::body::Incoming;
use mcp::{
    list::{self, List, Unlisted},
    reply::Reply,
};

use super::{
    PASSING, UpstreamError, UpstreamSettings, collect, pool::Lent, request::LAST_EVENT_ID,
};
use crate::{
    error::Error,
    policy::{Permit, Sight},
    read::Call,
    session::{Opening, Session},
};

/// What is known about the call when its answer arrives.
pub(super) struct Traits {
    pub(super) long_lived: bool,
    pub(super) in_session: bool,
    pub(super) expects_message: bool,
    pub(super) opening: Option<Opening>,
    pub(super) screening: Screening,
}

/// Which lists an answer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screening {
    /// None.
    Off,
    /// The one that was asked for.
    List(List),
    /// Any, and news of resources.
    Any,
}

impl Screening {
    fn of(call: &Call, permit: &Permit) -> Self {
        if let Some(list) = call
            .message()
            .and_then(|message| List::of(message.method()))
        {
            return Self::List(list);
        }
        // A resumed stream brings answers to what was asked before, and a server that is not quite
        // right may bring them on any that is open for long.
        let resumed = call.message().is_none() && call.headers().contains_key(LAST_EVENT_ID);
        if resumed || (call.is_long_lived() && permit.is_restricted()) {
            Self::Any
        } else {
            Self::Off
        }
    }

    /// The list that the answer must be, if any.
    pub(super) fn expected(self) -> Option<List> {
        match self {
            Self::List(list) => Some(list),
            Self::Off | Self::Any => None,
        }
    }
}

impl Traits {
    pub(super) fn of(permit: &Permit, session: &Session) -> Self {
        let call = permit.call();
        Self {
            long_lived: call.is_long_lived(),
            in_session: session.is_open(),
            expects_message: call.expects_message(),
            opening: None,
            screening: Screening::of(call, permit),
        }
    }
}

/// Whether an answer's body matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// There is none.
    Absent,
    /// Nothing is owed, so whatever comes is dropped: servers end a 200 to DELETE with an empty chunk.
    Idle,
    /// The call expects a message.
    Due,
}

impl Presence {
    pub(super) fn of(body: &Incoming, traits: &Traits) -> Self {
        match (body.is_end_stream(), traits.expects_message) {
            (true, _) => Self::Absent,
            (false, false) => Self::Idle,
            (false, true) => Self::Due,
        }
    }
}

/// How to relay an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Without a body.
    Empty,
    /// One JSON text.
    Json,
    /// An event stream.
    Events,
    /// An error whose body passes if it is JSON-RPC.
    Failure,
}

/// Decides by status, content type and whether there is, and should be, a body at all.
pub(super) fn plan(parts: &Parts, body: Presence) -> Result<Plan, UpstreamError> {
    let status = parts.status;
    if PASSING.contains(&status) {
        return Ok(Plan::Failure);
    }
    if !status.is_success() {
        return Err(UpstreamError::Status {
            status,
            retry_after: parts.headers.get(RETRY_AFTER).cloned(),
        });
    }
    if status == StatusCode::ACCEPTED || body != Presence::Due {
        return Ok(Plan::Empty);
    }
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(UpstreamError::ContentType);
    }
    let essence = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim);
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(Plan::Json)
    } else if essence.eq_ignore_ascii_case("text/event-stream") {
        Ok(Plan::Events)
    } else {
        Err(UpstreamError::ContentType)
    }
}

/// The head of our reply, in the server's header map so that it need not be made anew.
pub(super) fn head(status: StatusCode, plan: Plan, mut headers: HeaderMap) -> Response<()> {
    let passing = PASSING_HEADERS.map(|name| headers.remove(&name).map(|value| (name, value)));
    headers.clear();
    headers.extend(passing.into_iter().flatten());
    match plan {
        Plan::Empty => {}
        Plan::Json | Plan::Failure => {
            headers.insert(CONTENT_TYPE, JSON);
        }
        Plan::Events => {
            headers.insert(CONTENT_TYPE, EVENTS);
        }
    }
    let mut reply = Response::new(());
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

/// The body of an error that passes. One that is not JSON-RPC is replaced by ours; for a call of a
/// session 404 means that the server has forgotten it.
pub(super) async fn failure(
    status: StatusCode,
    body: Incoming,
    lent: Lent,
    traits: &Traits,
    settings: &UpstreamSettings,
) -> Result<Reply, Error> {
    let collected = collect::all(body, lent, FAILURE_BYTES, settings.first_byte).await;
    let reply = collected.ok().and_then(|bytes| Reply::read(&bytes).ok());
    match reply {
        Some(reply) => Ok(reply),
        None if status == StatusCode::NOT_FOUND && traits.in_session => Err(Error::UnknownSession),
        None => Err(UpstreamError::Bare(status).into()),
    }
}

/// What of an answer the client may have; all of it where nothing is kept from anybody.
pub(super) fn screen(
    reply: Reply,
    list: Option<List>,
    sight: Option<&Sight>,
) -> Result<Bytes, Error> {
    let Some(sight) = sight else {
        return Ok(reply.into_bytes());
    };
    list::rewrite(&reply, list, sight).map_err(|error| match error {
        Unlisted::Malformed => UpstreamError::NotJsonRpc.into(),
        Unlisted::Unsealed => Error::SessionsUnavailable,
    })
}

/// Whether the end of the body is the end of the connection, which a broken connection has too.
pub(super) fn is_close_delimited(headers: &HeaderMap, body: &Incoming) -> bool {
    body.size_hint().exact().is_none() && !headers.contains_key(TRANSFER_ENCODING)
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const PASSING_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("mcp-protocol-version"),
    RETRY_AFTER,
    HeaderName::from_static("x-accel-buffering"),
];
const FAILURE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use http::header::SET_COOKIE;

    use super::*;

    #[test]
    fn answers_pass_by_status_and_type() {
        let json = Some("application/json; charset=utf-8");
        for (status, content_type, body, expected) in [
            (200, json, Presence::Due, Plan::Json),
            (200, Some("Text/Event-Stream"), Presence::Due, Plan::Events),
            (202, None, Presence::Absent, Plan::Empty),
            (202, Some("text/plain"), Presence::Due, Plan::Empty),
            (200, None, Presence::Absent, Plan::Empty),
            (200, None, Presence::Idle, Plan::Empty),
            (204, None, Presence::Absent, Plan::Empty),
            (400, json, Presence::Due, Plan::Failure),
            (404, Some("text/html"), Presence::Due, Plan::Failure),
            (405, None, Presence::Absent, Plan::Failure),
        ] {
            let parts = parts(status, content_type);
            assert_eq!(
                plan(&parts, body).unwrap(),
                expected,
                "{status} {content_type:?}"
            );
        }
    }

    /// SS-09, SS-10, SS-11, UP-08, UP-10.
    #[test]
    fn redirects_refusals_and_failures_never_pass() {
        for status in [
            301, 302, 307, 308, 401, 403, 406, 409, 418, 429, 500, 502, 503,
        ] {
            let outcome = plan(&parts(status, Some("application/json")), Presence::Due);
            assert!(
                matches!(outcome, Err(UpstreamError::Status { .. })),
                "{status}"
            );
        }
        for content_type in [None, Some("text/html"), Some("application/octet-stream")] {
            let outcome = plan(&parts(200, content_type), Presence::Due);
            assert!(
                matches!(outcome, Err(UpstreamError::ContentType)),
                "{content_type:?}"
            );
        }
    }

    /// UP-02
    #[test]
    fn encoded_answers_are_refused() {
        let mut parts = parts(200, Some("application/json"));
        parts
            .headers
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(matches!(
            plan(&parts, Presence::Due),
            Err(UpstreamError::ContentType)
        ));
    }

    /// UP-09
    #[test]
    fn only_listed_headers_reach_the_client() {
        let mut server = HeaderMap::new();
        for (name, value) in [
            (SET_COOKIE, "a=b"),
            (http::header::SERVER, "x"),
            (http::header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (http::header::STRICT_TRANSPORT_SECURITY, "max-age=1"),
            (HeaderName::from_static("mcp-session-id"), "raw"),
            (CONTENT_TYPE, "text/event-stream; x=y"),
            (RETRY_AFTER, "7"),
            (HeaderName::from_static("x-accel-buffering"), "no"),
            (
                HeaderName::from_static("mcp-protocol-version"),
                "2025-11-25",
            ),
        ] {
            server.insert(name, HeaderValue::from_static(value));
        }
        let reply = head(StatusCode::OK, Plan::Events, server);
        let mut names: Vec<_> = reply.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "content-type",
                "mcp-protocol-version",
                "retry-after",
                "x-accel-buffering"
            ]
        );
        assert_eq!(reply.headers()[CONTENT_TYPE], "text/event-stream");
    }

    fn parts(status: u16, content_type: Option<&str>) -> Parts {
        let mut response = Response::builder().status(status);
        if let Some(content_type) = content_type {
            response = response.header(CONTENT_TYPE, content_type);
        }
        response.body(()).unwrap().into_parts().0
    }
}
