//! The request path. [`answer`] is the sentence that the rest of this crate explains.

mod envelope;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    convert::Infallible,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use runtime::clock::Clock;

pub use envelope::Reply;

use self::envelope::Envelope;
use crate::{
    access::Log,
    authn,
    config::{ConfigCache, snapshot::Snapshot},
    door::Door,
    error::Error,
    limit::{self, LimitSettings, Limiter},
    metadata, page, policy,
    read::{self, BodySettings},
    route::{self, Layout, Route},
    session,
    upstream::{self, Answer, Content, Upstreams},
};

/// What the request path reads once at start.
#[derive(Debug, Clone, Default)]
pub struct PathSettings {
    /// How public URLs look.
    pub layout: Layout,
    /// Limits on bodies.
    pub body: BodySettings,
    /// Limits on what is open at once.
    pub limits: LimitSettings,
    /// How long a credential lease is used beyond its time when no controller answers.
    pub lease_grace: Duration,
}

/// One core's state. Nothing in it is shared with another core but what the snapshot points to.
pub struct Core {
    /// The current snapshot.
    pub config: RefCell<ConfigCache>,
    /// What was read at start.
    pub settings: Arc<PathSettings>,
    /// The way to the servers.
    pub upstreams: Upstreams,
    /// The way to the controllers.
    pub door: Door,
    /// What credentials are verified with; shared with the other cores.
    pub verifiers: authn::Verifiers,
    /// Calls per time, shared by the cores.
    pub limiter: Limiter,
    /// The access log.
    pub log: Rc<Log>,
    /// The wall clock.
    pub clock: Clock,
    /// Whether every reply is the last on its connection.
    pub draining: Cell<bool>,
}

/// Answers one request; a panic costs no more than that.
pub async fn serve(
    core: Rc<Core>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let record = core.log.begin(core.clock.now(), peer, request.method());
    let mut envelope = Envelope::of(&request, record, core.draining.get());
    // In a box, because what this future holds stays with the connection, busy or not.
    let answering = Box::pin(answer(&core, peer, request, &mut envelope));
    let outcome = AssertUnwindSafe(answering)
        .catch_unwind()
        .await
        .unwrap_or_else(|_payload: Box<dyn Any + Send>| Err(Error::Panicked));
    Ok(envelope.seal(outcome))
}

/// The nine steps: the snapshot, once → where → who → what → may they → how much at once → which
/// conversation → forward → the record, which `envelope` writes when the reply's body ends, however
/// it ends. Each step takes what only the step before can make.
async fn answer(
    core: &Core,
    peer: SocketAddr,
    request: Request<Incoming>,
    envelope: &mut Envelope,
) -> Result<Answer, Error> {
    let settings = &*core.settings;
    let (parts, body) = request.into_parts();
    let now = core.clock.now();

    let snapshot = core.snapshot()?;
    let route = route::resolve(&snapshot, &settings.layout, &parts, &mut envelope.cors)?;
    let target = match route {
        Route::Mcp(target) => target,
        Route::Metadata(_) | Route::Nothing if parts.method == Method::OPTIONS => {
            return Ok(Answer::preflight(&parts.headers));
        }
        Route::Metadata(target) => {
            envelope.note_target(&target);
            return metadata::answer(&target, &parts.method);
        }
        Route::Nothing => return Err(Error::UnknownPath),
        // In a box, because hardly any request goes there.
        Route::Door(call) => {
            return Box::pin(
                core.door
                    .forward(call, peer, parts, body, &mut envelope.record),
            )
            .await;
        }
    };
    if parts.method == Method::OPTIONS {
        return Ok(Answer::preflight(&parts.headers));
    }
    envelope.note_target(&target);
    let caller = authn::authenticate(&core.verifiers, &target, &parts.headers, peer, now)
        .await
        .map_err(|error| page::put_into(error, &target, &parts))?;
    envelope.note_caller(&caller);
    let call = read::read(parts, body, &settings.body, &mut envelope.record.received).await?;
    envelope.note_call(&call);
    let permit = policy::authorize(&target, caller, call, now, settings.lease_grace)?;
    let defaults = snapshot.defaults();
    let slot = limit::take(&permit, &settings.limits, &core.limiter, defaults).await?;
    let session = session::enter(&permit, now)?;
    upstream::forward(
        &core.upstreams,
        permit,
        slot,
        session,
        now,
        &mut envelope.record,
    )
    .await
}

impl Core {
    /// Ends streams whose callers would not be let in any more, for as long as it is polled.
    pub(crate) async fn keep_checking(&self) {
        let mut revoked = self.verifiers.revocations.news();
        loop {
            // We hold the sender. However much is revoked, requests come in between.
            let _ = tokio::time::timeout(CHECK, revoked.changed()).await;
            if let Ok(snapshot) = self.snapshot() {
                let (streams, now) = (self.upstreams.streams(), self.clock.now());
                streams.check(&snapshot, now, &self.verifiers.revocations);
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        self.config
            .borrow_mut()
            .load()
            .map(Arc::clone)
            .ok_or(Error::NotReady)
    }
}

impl Answer {
    /// The answer to a CORS preflight.
    pub(crate) fn preflight(request: &http::HeaderMap) -> Self {
        let mut response = route::preflight().map(|()| Content::Empty);
        route::allow(request, response.headers_mut());
        Self {
            response,
            slot: None,
        }
    }
}

/// How soon a change of config reaches open streams; promised are 5 s (TK-12).
const CHECK: Duration = Duration::from_millis(500);
const BREATH: Duration = Duration::from_millis(20);
