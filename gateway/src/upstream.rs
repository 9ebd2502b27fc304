//! Forwards one permitted call to its server and relays the answer. A call is sent at most once: only
//! a request of which no byte left is tried again, on a fresh connection.

mod collect;
mod credential;
mod error;
mod handshake;
mod pool;
mod relay;
mod request;
mod response;
mod screen;
mod streams;

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use egress::Dialer;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use mcp::reply::Reply;
use runtime::shutdown::Tasks;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use error::{UpstreamError, UpstreamKind};
pub use relay::{Relay, RelayError};
pub use streams::Streams;

use self::{
    pool::{Lent, Pool},
    response::{Plan, Screening},
    screen::Screen,
};
use crate::{
    access::Record,
    error::Error,
    limit::Slot,
    metrics::Metrics,
    policy::{Grant, Permit},
    read::Operation,
    session::{SESSION_ID, Session},
};

/// Deadlines and limits of calls to servers.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// To open a connection, TLS included.
    pub connect: Duration,
    /// To the first byte of the answer; `tools/call` has its server's own.
    pub first_byte: Duration,
    /// From the first byte of an answer to its last, long-lived streams aside.
    pub total: Duration,
    /// Longest silence of a stream, long-lived ones aside.
    pub idle: Duration,
    /// How often a silent stream gets a comment from us.
    pub keep_alive: Duration,
    /// Bytes of a JSON answer.
    pub json_bytes: usize,
    /// Bytes of an event or a line of a stream.
    pub event_bytes: usize,
    /// Longest time that a connection waits for its next call.
    pub reuse: Duration,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(30),
            total: Duration::from_mins(5),
            idle: Duration::from_mins(2),
            keep_alive: Duration::from_secs(15),
            json_bytes: 16 << 20,
            event_bytes: 4 << 20,
            reuse: Duration::from_secs(4),
        }
    }
}

/// One core's way to the servers.
pub struct Upstreams {
    settings: UpstreamSettings,
    dialer: Dialer,
    pool: Rc<Pool>,
    streams: Rc<Streams>,
    tasks: Tasks,
    drain: CancellationToken,
    metrics: Rc<Metrics>,
}

/// A server's answer, ready for the client. It owns the room that the call took.
pub struct Answer {
    /// The reply.
    pub response: Response<Content>,
    /// The room, where it took any.
    pub slot: Option<Slot>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Empty,
    /// All at once.
    Whole(Bytes),
    /// As it comes.
    Relayed(Box<Relay>),
}

/// Sends the call and waits for the head of the answer.
pub async fn forward(
    upstreams: &Upstreams,
    permit: Permit,
    slot: Slot,
    session: Session,
    now: SystemTime,
    record: &mut Record,
) -> Result<Answer, Error> {
    let first_byte = upstreams.first_byte(&permit);
    let mut traits = response::Traits::of(&permit, &session);
    let key = pool::Key::of(&permit);
    let (grant, request) = request::build(permit, &session)?;
    let sending = upstreams.send(key, &grant.server().endpoint.origin, request);
    let (head, lent) = timeout(first_byte, sending)
        .await
        .map_err(|_| UpstreamError::FirstByte)??;
    record.upstream(head.status());
    traits.opening = session.into_opening();
    let response = upstreams.answer(head, lent, &traits, grant, now).await?;
    Ok(Answer {
        response,
        slot: Some(slot),
    })
}

impl Upstreams {
    /// Without any connection yet. `drain` ends long-lived streams.
    pub fn new(
        settings: UpstreamSettings,
        dialer: Dialer,
        tasks: Tasks,
        drain: CancellationToken,
        metrics: Rc<Metrics>,
    ) -> Self {
        let pool = Rc::new(Pool::new(settings.reuse));
        Self {
            settings,
            dialer,
            pool,
            streams: Rc::default(),
            tasks,
            drain,
            metrics,
        }
    }

    /// The event streams that are open.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Closes connections that nobody used in time, for as long as it is polled.
    pub async fn keep_tidy(&self) {
        self.pool.keep_tidy().await;
    }

    fn first_byte(&self, permit: &Permit) -> Duration {
        match permit.call().operation() {
            Operation::Post { message, .. } if message.method() == "tools/call" => {
                permit.server().first_byte_timeout
            }
            _ => self.settings.first_byte,
        }
    }

    async fn send(
        &self,
        key: pool::Key,
        origin: &egress::Origin,
        mut request: http::Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Lent), UpstreamError> {
        if let Some(mut idle) = self.pool.take(&key, origin).await {
            match idle.send(request).await {
                Ok(head) => return Ok((head, idle)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(UpstreamError::Broken(error.into_error())),
                },
            }
        }
        // In a box, because most calls do without.
        let mut fresh = Box::pin(self.dial(key, origin)).await?;
        match fresh.send(request).await {
            Ok(head) => Ok((head, fresh)),
            Err(error) => Err(UpstreamError::Broken(error.into_error())),
        }
    }

    async fn dial(&self, key: pool::Key, origin: &egress::Origin) -> Result<Lent, UpstreamError> {
        let stream = self
            .dialer
            .connect(origin, self.settings.connect)
            .await
            .map_err(UpstreamError::Connect)?;
        self.metrics.upstream_connections.increment(1);
        pool::open(&self.pool, key, origin, stream, &self.tasks).await
    }

    /// Turns the server's answer into ours.
    async fn answer(
        &self,
        head: Response<Incoming>,
        lent: Lent,
        traits: &response::Traits,
        grant: Grant,
        now: SystemTime,
    ) -> Result<Response<Content>, Error> {
        let (parts, body) = head.into_parts();
        let plan = response::plan(&parts, response::Presence::of(&body, traits))?;
        let session_id = parts.headers.get(SESSION_ID).cloned();
        let close_delimited = response::is_close_delimited(&parts.headers, &body);
        let mut reply = response::head(parts.status, plan, parts.headers);
        let limits = relay::Limits {
            settings: &self.settings,
            long_lived: traits.long_lived,
            drain: &self.drain,
        };
        let expected = traits.screening.expected();
        let sight = (traits.screening != Screening::Off).then(|| grant.sight(now));
        let content = match plan {
            Plan::Empty => {
                lent.give_back_unless_busy(&body);
                Content::Empty
            }
            Plan::Failure => {
                let failure =
                    response::failure(parts.status, body, lent, traits, &self.settings).await?;
                let bytes = response::screen(failure, expected, sight.as_ref())?;
                return Ok(reply.map(|()| Content::Whole(bytes)));
            }
            Plan::Json | Plan::Events if traits.opening.is_some() => {
                let (content, session) =
                    handshake::relay(plan, session_id, body, lent, traits, limits, || {
                        self.streams.enter(grant)
                    })
                    .await?;
                if let Some(session) = session {
                    reply.headers_mut().insert(SESSION_ID, session);
                }
                content
            }
            Plan::Json if close_delimited || sight.is_some() => {
                let bytes =
                    collect::all(body, lent, self.settings.json_bytes, self.settings.total).await?;
                let reply = Reply::read_within(&bytes, &mcp::list::LIMITS)
                    .map_err(|_| UpstreamError::NotJsonRpc)?;
                Content::Whole(response::screen(reply, expected, sight.as_ref())?)
            }
            Plan::Json => Content::Relayed(Box::new(Relay::json(body, lent, limits)?)),
            Plan::Events => {
                let limit = self.settings.event_bytes;
                let screen = sight.map(|sight| Screen::new(limit, expected, sight));
                let watch = self.streams.enter(grant);
                let relay = Relay::events(body, lent, limits, watch);
                Content::Relayed(Box::new(relay.screened(screen)))
            }
        };
        Ok(reply.map(|()| content))
    }
}

/// The statuses that pass to the client although they are errors (design.md §5).
const PASSING: [StatusCode; 3] = [
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
];
