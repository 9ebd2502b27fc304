//! A core's open connections: how long each has waited for its client, and how each is told to end.
//! It replaces timers and shared tokens, of which each request would touch several.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{self, AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// The connections of one core.
pub(crate) struct Open {
    connections: RefCell<HashMap<u64, Rc<Connection>>>,
    count: Cell<u64>,
    /// The time, as exact as the sweeping is.
    now: Cell<Instant>,
    head_read: Duration,
    idle: Duration,
}

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The first byte of a request.
    Idle,
    /// The rest of a request's head.
    Head,
    /// Us.
    Answer,
}

/// What a connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing.
    Continue,
    /// Answer what has begun, then close.
    Finish,
    /// Close.
    Stop,
}

struct Connection {
    protocol: Protocol,
    waiting: Cell<Waiting>,
    since: Cell<Instant>,
    /// Since when the client has taken no byte of what is there for it.
    stuck: Cell<Option<Instant>>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
}

/// One connection's place among the open ones; dropping it gives the place up.
pub(super) struct Place {
    open: Rc<Open>,
    number: u64,
    connection: Rc<Connection>,
}

impl Open {
    /// A connection may take `head_read` for a request's head, and `idle` to begin one or to take the
    /// next byte of an answer.
    pub(crate) fn new(head_read: Duration, idle: Duration) -> Rc<Self> {
        Rc::new(Self {
            connections: RefCell::default(),
            count: Cell::new(0),
            now: Cell::new(Instant::now()),
            head_read,
            idle,
        })
    }

    /// A place for a new connection, whose first request is already on its way.
    pub(super) fn enter(self: &Rc<Self>, protocol: Protocol) -> Place {
        let connection = Rc::new(Connection {
            protocol,
            waiting: Cell::new(Waiting::Head),
            since: Cell::new(self.now.get()),
            stuck: Cell::default(),
            order: Cell::new(Order::Continue),
            waker: RefCell::default(),
        });
        let number = self.count.get();
        self.count.set(number + 1);
        self.connections
            .borrow_mut()
            .insert(number, Rc::clone(&connection));
        Place {
            open: Rc::clone(self),
            number,
            connection,
        }
    }

    /// Stops connections whose clients are too slow, for as long as it is polled.
    pub(crate) async fn keep_sweeping(self: Rc<Self>) {
        let pause = (self.head_read.min(self.idle) / 4).min(PAUSE);
        loop {
            tokio::time::sleep(pause).await;
            let now = Instant::now();
            self.now.set(now);
            for connection in self.connections.borrow().values() {
                let (since, patience) = match connection.waiting.get() {
                    Waiting::Idle => (Some(connection.since.get()), self.idle),
                    Waiting::Head => (Some(connection.since.get()), self.head_read),
                    // hyper does not ask for more of an answer while the client takes nothing, so the
                    // answer's own deadlines are not noticed then (RX-10).
                    Waiting::Answer => (connection.stuck.get(), self.idle),
                };
                // HTTP/2 has its own pings.
                if connection.protocol == Protocol::Http1
                    && since.is_some_and(|since| now.saturating_duration_since(since) > patience)
                {
                    connection.tell(Order::Stop);
                }
            }
        }
    }

    /// Tells the connections that speak `protocol` to finish.
    pub(super) fn finish(&self, protocol: Protocol) {
        for connection in self.connections.borrow().values() {
            if connection.protocol == protocol {
                connection.tell(Order::Finish);
            }
        }
    }
}

impl Connection {
    fn tell(&self, order: Order) {
        self.order.set(order);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Place {
    /// What the connection is told, each order once. The task is woken for the next one.
    pub(super) fn poll_order(&self, cx: &Context<'_>) -> Order {
        let mut waker = self.connection.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
        self.connection.order.replace(Order::Continue)
    }

    /// Tells the connection to finish.
    pub(super) fn finish(&self) {
        self.connection.tell(Order::Finish);
    }

    /// The client has said what it wants; from here on it waits for us, until the answer is dropped.
    pub(super) fn answering(&self) -> Answering {
        self.connection.waiting.set(Waiting::Answer);
        Answering {
            open: Rc::clone(&self.open),
            connection: Rc::clone(&self.connection),
        }
    }

    /// Notes when the client speaks.
    pub(super) fn listen<S>(&self, stream: S) -> Heard<S> {
        Heard {
            stream,
            open: Rc::clone(&self.open),
            connection: Rc::clone(&self.connection),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.connections.borrow_mut().remove(&self.number);
    }
}

/// An answer that is on its way.
pub(super) struct Answering {
    open: Rc<Open>,
    connection: Rc<Connection>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.connection.waiting.set(Waiting::Idle);
        self.connection.since.set(self.open.now.get());
    }
}

/// A body that keeps the answer on its way.
pub(super) struct Tracked<B> {
    pub(super) body: B,
    pub(super) _answering: Answering,
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream on which a request's first byte is noticed, and a client that takes nothing.
pub(super) struct Heard<S> {
    stream: S,
    open: Rc<Open>,
    connection: Rc<Connection>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.connection.waiting.get() == Waiting::Idle {
            self.connection.waiting.set(Waiting::Head);
            self.connection.since.set(self.open.now.get());
        }
        outcome
    }
}

impl<S> Heard<S> {
    fn note<T>(&self, outcome: &Poll<T>) {
        let stuck = &self.connection.stuck;
        if outcome.is_ready() {
            stuck.set(None);
        } else if stuck.get().is_none() {
            stuck.set(Some(self.open.now.get()));
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&outcome);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.note(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

const PAUSE: Duration = Duration::from_secs(1);
