//! Who may come in: every call passes here before any service sees it. What is not known to be
//! allowed is refused.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use proto::id::TokenUid;
use token::{AdminToken, access};
use tonic::{
    Code, Status,
    body::Body,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tower::{Layer, Service};
use uuid::Uuid;

use super::{NodeIdentity, unknown::Inputs};
use crate::{
    admin::{Actor, access::Table, actor::Clearance},
    error::{Error, chain},
    store::{Author, Store, token::Token},
};

/// Users of a tenant.
mod user;

/// The layer that admits calls. Cloning is cheap.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    store: Store,
    table: Table,
    inputs: Inputs,
}

/// A service behind the door.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    door: Door,
}

/// What a call may do, and how long it may take.
enum Admitted {
    /// Health: anybody, anything.
    Open,
    /// A node's stream; it lasts.
    Node(NodeIdentity),
    /// Reflection, with an admin token; it lasts as long as the caller likes.
    Described,
    /// One method of the admin API.
    Admin(Box<Actor>, Duration),
}

/// Who calls, and how far they reach.
struct Caller {
    /// As records name them.
    name: String,
    /// Their admin token, if that is what they came with.
    token: Option<TokenUid>,
    clearance: Clearance,
}

impl Caller {
    fn of(token: &Token) -> Self {
        Self {
            name: format!("tokens/{}", token.uid),
            token: Some(token.uid),
            clearance: Clearance {
                reach: token.reach,
                role: token.role,
            },
        }
    }
}

/// What proves it.
#[derive(Debug, PartialEq, Eq)]
enum Presented<'a> {
    /// The hash of an admin token.
    Token([u8; 32]),
    /// What may be an access token of a tenant's authorization server.
    Access(&'a str),
}

impl Door {
    /// A door that looks tokens up in this store.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            store,
            table: Table::from_descriptors(),
            inputs: Inputs::from_descriptors(),
        }))
    }

    async fn admit(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: Option<&Peer>,
    ) -> Result<Admitted, Error> {
        match package(path) {
            "grpc.health.v1" => Ok(Admitted::Open),
            "aldgate.sync.v1" | "aldgate.node.v1" => Ok(Admitted::Node(node(peer)?)),
            "grpc.reflection.v1" => {
                self.caller(headers, peer).await?;
                Ok(Admitted::Described)
            }
            _ => {
                let caller = self.caller(headers, peer).await?;
                self.admin(path, caller, peer)
            }
        }
    }

    /// Who calls. Nodes have no business here, whatever else they present.
    async fn caller(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Caller, Error> {
        if certificate(peer).is_some() {
            return Err(Error::NodeOnAdmin);
        }
        let store = &self.0.store;
        let found = match presented(headers).ok_or(Error::Unauthenticated)? {
            Presented::Token(hash) => store.token_by_hash(&hash).await?.as_ref().map(Caller::of),
            Presented::Access(text) => user::caller(store, text, &address(peer)).await?,
        };
        found.ok_or(Error::Unauthenticated)
    }

    fn admin(&self, path: &str, caller: Caller, peer: Option<&Peer>) -> Result<Admitted, Error> {
        let access = self.0.table.of(path).ok_or(Error::NoMethod)?;
        let clearance = caller.clearance;
        let permission = access.permission.clone();
        if !access.allows(clearance) {
            return Err(Error::Denied { permission });
        }
        let limit = match permission.as_str() {
            "revisions.wait" => WAIT_DEADLINE,
            "revocations.create" => REVOKE_DEADLINE,
            _ => DEADLINE,
        };
        let author = Author {
            actor: caller.name,
            token: caller.token,
            request: Uuid::now_v7(),
            peer: address(peer),
            action: permission,
        };
        Ok(Admitted::Admin(
            Box::new(Actor { author, clearance }),
            limit,
        ))
    }
}

type Peer = TlsConnectInfo<TcpConnectInfo>;

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            door: self.clone(),
        }
    }
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone takes the place of the service that was polled ready.
        let waiting = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, waiting);
        let door = self.door.clone();
        Box::pin(async move { Ok(pass(door, inner, request).await) })
    }
}

async fn pass<S>(door: Door, mut inner: S, mut request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let path = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>().cloned();
    let admitted = door.admit(&path, request.headers(), peer.as_ref()).await;
    let (actor, limit) = match admitted {
        Err(error) => return refuse(&path, peer.as_ref(), error),
        Ok(Admitted::Open | Admitted::Described) => {
            return unfailing(inner.call(request).await);
        }
        Ok(Admitted::Node(identity)) => {
            request.extensions_mut().insert(identity);
            return unfailing(inner.call(request).await);
        }
        Ok(Admitted::Admin(actor, limit)) => (actor, limit),
    };
    let author = actor.author.clone();
    request.extensions_mut().insert(*actor);
    let start = Instant::now();
    let answering = answer(&door, &path, inner, request);
    let response = tokio::time::timeout(limit, answering)
        .await
        .unwrap_or_else(|_| Status::from(Error::Deadline).into_http());
    let (mut response, code) = match code(&response) {
        // What tonic says of a request beyond the cap, and we of nothing (AD-06).
        Code::OutOfRange => {
            let status = Status::from(Error::TooLarge);
            let code = status.code();
            (status.into_http(), code)
        }
        code => (response, code),
    };
    tracing::info!(
        method = path,
        actor = author.actor,
        request.id = %author.request,
        peer = author.peer,
        grpc.code = ?code,
        duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        "admin call"
    );
    metrics::counter!("aldgate_admin_calls_total", "method" => author.action, "code" => format!("{code:?}"))
        .increment(1);
    let request = author.request.to_string();
    if let Ok(request) = HeaderValue::try_from(request) {
        response.headers_mut().insert("request-id", request);
    }
    response
}

/// The method's answer, unless the request holds what this version does not know.
async fn answer<S>(door: &Door, path: &str, mut inner: S, request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let (parts, body) = request.into_parts();
    match door.0.inputs.check(path, body).await {
        Ok(body) => unfailing(inner.call(Request::from_parts(parts, body)).await),
        Err(error) => Status::from(error).into_http(),
    }
}

fn refuse(path: &str, peer: Option<&Peer>, error: Error) -> Response<Body> {
    // The path of an unknown method is the caller's text; what is known is short.
    let shown: String = path.chars().take(100).collect();
    tracing::info!(
        method = shown,
        peer = address(peer),
        reason = error.reason(),
        error = chain(&error),
        "call refused at the door"
    );
    metrics::counter!("aldgate_refused_calls_total", "reason" => error.reason()).increment(1);
    Status::from(error).into_http()
}

/// The code of an answer that is already known to be a failure.
fn code(response: &Response<Body>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

fn unfailing(response: Result<Response<Body>, Infallible>) -> Response<Body> {
    match response {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The package in `/package.Service/Method`.
fn package(path: &str) -> &str {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let package = service.and_then(|(service, _)| service.rsplit_once('.'));
    package.map_or("", |(package, _)| package)
}

fn certificate(peer: Option<&Peer>) -> Option<Vec<u8>> {
    let chain = peer?.peer_certs()?;
    chain.first().map(|leaf| leaf.to_vec())
}

fn node(peer: Option<&Peer>) -> Result<NodeIdentity, Error> {
    let certificate = certificate(peer).ok_or(Error::NoNodeCertificate)?;
    NodeIdentity::of(&certificate).map_err(|_| Error::NoNodeCertificate)
}

fn address(peer: Option<&Peer>) -> String {
    let address = peer.and_then(|peer| peer.get_ref().remote_addr());
    address.map_or_else(String::new, |address| address.to_string())
}

/// The one token in `authorization: Bearer aldp_…`, or `Bearer eyJ…` of a user.
fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    match AdminToken::lookup(token) {
        Ok(hash) => Some(Presented::Token(hash)),
        Err(_) => access::kid_of(token).map(|_| Presented::Access(token)),
    }
}

/// How long an admin call may take, whatever the caller allows it (AD-16).
const DEADLINE: Duration = Duration::from_secs(30);
/// Waiting for a revision takes what it may, and a moment to answer.
const REVOKE_DEADLINE: Duration =
    crate::admin::LONGEST_REVOCATION.saturating_add(Duration::from_secs(10));
const WAIT_DEADLINE: Duration = crate::admin::LONGEST_WAIT.saturating_add(Duration::from_secs(10));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_of_the_right_shape_is_presented() {
        let token = AdminToken::generate();
        let header = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, text.parse().unwrap());
            headers
        };
        let good = format!("Bearer {}", token.expose());
        let found = Some(Presented::Token(token.sha256()));
        assert_eq!(presented(&header(&good)), found);
        assert_eq!(
            presented(&header(&good.to_lowercase().replace("bearer", "BEARER"))),
            None
        );
        let mut twice = header(&good);
        twice.append(AUTHORIZATION, good.parse().unwrap());
        assert_eq!(presented(&twice), None);
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Basic dTpw",
            "Bearer aldp_short",
            token.expose(),
        ] {
            assert_eq!(presented(&header(bad)), None, "{bad}");
        }
    }

    #[test]
    fn the_package_decides_who_may_come_in() {
        for (path, package) in [
            ("/grpc.health.v1.Health/Check", "grpc.health.v1"),
            ("/aldgate.sync.v1.ConfigSyncService/Sync", "aldgate.sync.v1"),
            ("/aldgate.sync.v1/Sync", "aldgate.sync"),
            ("//aldgate.sync.v1.X/Y", ""),
            ("grpc.health.v1.Health/Check", ""),
            ("/grpc.health.v1.Health", ""),
            ("/", ""),
            ("*", ""),
        ] {
            assert_eq!(super::package(path), package, "{path}");
        }
    }
}
