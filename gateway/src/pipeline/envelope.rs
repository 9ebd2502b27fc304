//! What frames a reply: the record, the request's id, and the headers that depend on the connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, Version,
    header::{CONNECTION, TRANSFER_ENCODING},
};
use http_body::{Body, Frame, SizeHint};

use crate::{
    access::{End, Record},
    authn::Caller,
    error::Error,
    limit::Slot,
    read::Call,
    route::{Cors, Target},
    upstream::{Answer, Content, RelayError},
};

/// What is remembered beside the steps, for the reply's frame and the record. It is never read to
/// decide anything.
pub(super) struct Envelope {
    pub(super) record: Record,
    pub(super) cors: Option<Cors>,
    /// The raw JSON of the request's id.
    id: Option<Box<str>>,
    head_only: bool,
    closing: bool,
    version: Version,
}

impl Envelope {
    pub(super) fn of<B>(request: &Request<B>, record: Record, draining: bool) -> Self {
        Self {
            record,
            id: None,
            cors: None,
            head_only: request.method() == Method::HEAD,
            // hyper hides a length that stands beside a transfer coding, so nothing that follows such
            // a body is read (HF-01).
            closing: draining || request.headers().contains_key(TRANSFER_ENCODING),
            version: request.version(),
        }
    }

    /// Before anybody has proved who they are, so that failures to do so are on record (S3-15).
    pub(super) fn note_target(&mut self, target: &Target) {
        if let Some(tenant) = target.tenant() {
            self.record.tenant(tenant.slug.as_str());
        }
        if let Some(server) = target.server() {
            self.record.server(server);
        }
    }

    pub(super) fn note_caller(&mut self, caller: &Caller) {
        self.record.caller(caller);
    }

    pub(super) fn note_call(&mut self, call: &Call) {
        self.record.call(call);
        let id = call.message().and_then(mcp::message::Message::id);
        self.id = id.map(|id| id.raw().into());
    }

    /// Makes the reply of an outcome.
    pub(super) fn seal(mut self, outcome: Result<Answer, Error>) -> Response<Reply> {
        let (mut response, slot) = match outcome {
            Ok(answer) => (answer.response, answer.slot),
            Err(error) => {
                self.closing |= error.closes();
                self.record.failure(&error);
                (error.reply(self.id.as_deref()).map(Content::Whole), None)
            }
        };
        self.record.status(response.status());
        let headers = response.headers_mut();
        if let Some(cors) = &self.cors {
            cors.expose(headers);
        }
        if self.closing && self.version < Version::HTTP_2 {
            headers.insert(CONNECTION, CLOSE);
        }
        let head_only = self.head_only;
        response.map(|content| {
            let mut reply = Reply {
                content,
                record: self.record,
                _slot: slot,
            };
            // Such a body is never polled.
            if head_only || reply.is_end_stream() {
                reply.record.end(End::Complete);
            }
            reply
        })
    }
}

/// The body of a reply. It owns the room the call took and the record: when it is dropped, because it
/// was sent or because somebody went away, both are done.
pub struct Reply {
    content: Content,
    record: Record,
    _slot: Option<Slot>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let this = &mut *self;
        let frame = match &mut this.content {
            Content::Empty => Poll::Ready(None),
            Content::Whole(_) => {
                let content = std::mem::replace(&mut this.content, Content::Empty);
                match content {
                    Content::Whole(bytes) if !bytes.is_empty() => {
                        Poll::Ready(Some(Ok(Frame::data(bytes))))
                    }
                    _ => Poll::Ready(None),
                }
            }
            Content::Relayed(relay) => Pin::new(&mut **relay).poll_frame(cx),
        };
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                this.record.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.is_end_stream() {
                    this.record.end(End::Complete);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "a reply broke off");
                this.record.end(End::Broken);
            }
            Poll::Ready(None) => this.record.end(End::Complete),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Relayed(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Relayed(relay) => relay.size_hint(),
        }
    }
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");
