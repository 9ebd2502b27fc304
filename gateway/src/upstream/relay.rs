//! Relays the body of an answer as it comes. It never looks complete when it is not: whatever cuts
//! the server's body short ends ours with an error. Dropping it (the client went away) closes the
//! connection to the server at once, which cancels the call there.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use mcp::sse::{Framer, Position};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{UpstreamError, UpstreamSettings, pool::Lent, screen::Screen, streams::Watch};

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The server's connection broke, or its framing is wrong.
    #[error("the server's answer broke off")]
    Broken(#[source] hyper::Error),
    /// The stream ended inside an event.
    #[error("the server's stream ended inside an event")]
    Truncated,
    /// Over a limit of size.
    #[error("the server's answer is too large")]
    TooLarge,
    /// Nothing came for too long.
    #[error("the server's stream went silent")]
    Idle,
    /// It did not end in time.
    #[error("the server's answer did not end in time")]
    Total,
    /// A list in it cannot be passed on.
    #[error("screening the server's stream")]
    Unlisted(#[source] mcp::list::Unlisted),
    /// The caller would not be let in any more.
    #[error("the caller is not let in any more")]
    Revoked,
}

/// What bounds an answer.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) settings: &'a UpstreamSettings,
    pub(super) long_lived: bool,
    pub(super) drain: &'a CancellationToken,
}

/// The body of an answer on its way through.
pub struct Relay {
    body: Incoming,
    lent: Option<Lent>,
    form: Form,
    /// When the answer must have ended.
    end: Option<Instant>,
    /// Made when there is first something to wait for: most answers never wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

enum Form {
    Json {
        /// Bytes that may still come.
        room: usize,
    },
    Events(Box<Events>),
}

struct Events {
    framer: Framer,
    /// Read already; relayed before anything else.
    seen: VecDeque<Bytes>,
    heard: Instant,
    idle: Option<Duration>,
    spoken: Instant,
    keep_alive: Duration,
    /// Cuts lists down on the way.
    screen: Option<Box<Screen>>,
    /// Ends the stream when its caller would not be let in any more.
    watch: Watch,
    /// Ends the stream between two events when the node drains.
    drain: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Relay {
    /// Relays one JSON text.
    pub(super) fn json(
        body: Incoming,
        lent: Lent,
        limits: Limits<'_>,
    ) -> Result<Self, UpstreamError> {
        let room = limits.settings.json_bytes;
        if body.size_hint().lower() > room as u64 {
            return Err(UpstreamError::TooLarge);
        }
        Ok(Self {
            body,
            lent: Some(lent),
            form: Form::Json { room },
            end: Some(Instant::now() + limits.settings.total),
            alarm: None,
        })
    }

    /// Relays an event stream.
    pub(super) fn events(body: Incoming, lent: Lent, limits: Limits<'_>, watch: Watch) -> Self {
        let settings = limits.settings;
        let now = Instant::now();
        let framer = Framer::new(settings.event_bytes);
        let drain = limits
            .long_lived
            .then(|| Box::pin(limits.drain.clone().cancelled_owned()));
        Self {
            body,
            lent: Some(lent),
            form: Form::Events(Box::new(Events {
                framer,
                seen: VecDeque::new(),
                screen: None,
                watch,
                heard: now,
                idle: (!limits.long_lived).then_some(settings.idle),
                spoken: now,
                keep_alive: settings.keep_alive,
                drain,
            })),
            end: (!limits.long_lived).then(|| now + settings.total),
            alarm: None,
        }
    }

    /// After what has been read of the stream already.
    pub(super) fn after(mut self, seen: Vec<Bytes>) -> Result<Self, UpstreamError> {
        if let Form::Events(events) = &mut self.form {
            for chunk in &seen {
                let fed = events.framer.feed(chunk);
                fed.map_err(|_| UpstreamError::TooLarge)?;
            }
            events.seen = seen.into();
        }
        Ok(self)
    }

    /// With lists in the stream cut down.
    pub(super) fn screened(mut self, screen: Option<Screen>) -> Self {
        if let Form::Events(events) = &mut self.form {
            events.screen = screen.map(Box::new);
        }
        self
    }

    /// The next chunk of the server's, if there is one.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RelayError>>> {
        if let Form::Events(events) = &mut self.form
            && let Some(chunk) = events.seen.pop_front()
        {
            return Poll::Ready(Some(Ok(chunk)));
        }
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(source))) => {
                    return Poll::Ready(Some(Err(RelayError::Broken(source))));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        match self.form.pass(chunk) {
                            Ok(chunk) if chunk.is_empty() => {}
                            passed => return Poll::Ready(Some(passed)),
                        }
                    }
                }
                Poll::Ready(None) if self.form.may_end() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(Err(RelayError::Truncated))),
            }
        }
    }

    /// What is due while the server says nothing: a deadline, or a sign of life from us.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RelayError>>> {
        loop {
            let now = Instant::now();
            if self.end.is_some_and(|end| end <= now) {
                return Poll::Ready(Some(Err(RelayError::Total)));
            }
            let next = match &mut self.form {
                Form::Json { .. } => self.end,
                Form::Events(events) => match events.due(now, cx) {
                    Due::Error(error) => return Poll::Ready(Some(Err(error))),
                    Due::KeepAlive => return Poll::Ready(Some(Ok(KEEP_ALIVE))),
                    Due::End => return Poll::Ready(None),
                    Due::Later(next) => Some(self.end.map_or(next, |end| end.min(next))),
                },
            };
            let Some(next) = next else {
                return Poll::Pending;
            };
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(sleep_until(next)));
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn finish(&mut self, whole: bool) {
        if let Some(lent) = self.lent.take()
            && whole
        {
            lent.give_back();
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let this = &mut *self;
        if let Form::Events(events) = &this.form
            && events.watch.poll_over(cx)
        {
            let clean = events.idle.is_none() && this.form.may_end();
            this.finish(false);
            return Poll::Ready((!clean).then_some(Err(RelayError::Revoked)));
        }
        let from_server = this.poll_chunk(cx);
        match from_server {
            Poll::Ready(Some(Ok(chunk))) => {
                if this.body.is_end_stream() && this.form.may_end() {
                    this.finish(true);
                }
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Poll::Ready(Some(Err(error))) => {
                this.finish(false);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                this.finish(true);
                Poll::Ready(None)
            }
            Poll::Pending => match this.poll_alarm(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Ok(comment))) => Poll::Ready(Some(Ok(Frame::data(comment)))),
                Poll::Ready(other) => {
                    this.finish(false);
                    Poll::Ready(other.map(|error| error.map(Frame::data)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Json { .. } => self.body.is_end_stream(),
            // An end inside an event is an error, which only polling tells.
            Form::Events(events) => {
                events.seen.is_empty() && self.body.is_end_stream() && self.form.may_end()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Json { .. } => self.body.size_hint(),
            Form::Events(_) => SizeHint::default(),
        }
    }
}

impl Form {
    /// What the client gets of a chunk.
    fn pass(&mut self, chunk: Bytes) -> Result<Bytes, RelayError> {
        match self {
            Self::Json { room } => {
                *room = room.checked_sub(chunk.len()).ok_or(RelayError::TooLarge)?;
            }
            Self::Events(events) => {
                events
                    .framer
                    .feed(&chunk)
                    .map_err(|_| RelayError::TooLarge)?;
                events.heard = Instant::now();
                let passed = match &mut events.screen {
                    Some(screen) => screen.feed(&chunk)?,
                    None => chunk,
                };
                if !passed.is_empty() {
                    events.spoken = events.heard;
                }
                return Ok(passed);
            }
        }
        Ok(chunk)
    }

    fn may_end(&self) -> bool {
        match self {
            Self::Json { .. } => true,
            Self::Events(events) => events.framer.position() == Position::Between,
        }
    }
}

/// What a stream must do while it waits.
enum Due {
    Error(RelayError),
    KeepAlive,
    End,
    Later(Instant),
}

impl Events {
    fn due(&mut self, now: Instant, cx: &mut Context<'_>) -> Due {
        let between = self.framer.position() == Position::Between;
        let draining = self
            .drain
            .as_mut()
            .is_some_and(|drain| drain.as_mut().poll(cx).is_ready());
        if draining && between {
            return Due::End;
        }
        let silence = self.idle.map(|idle| self.heard + idle);
        if silence.is_some_and(|end| end <= now) {
            return Due::Error(RelayError::Idle);
        }
        if self.spoken + self.keep_alive <= now {
            self.spoken = now;
            if between {
                return Due::KeepAlive;
            }
        }
        let next = self.spoken + self.keep_alive;
        Due::Later(silence.map_or(next, |end| end.min(next)))
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("lent", &self.lent)
            .finish_non_exhaustive()
    }
}

const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");
