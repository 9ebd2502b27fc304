//! What a gateway says of a request it forwards, and the bounds that hold for each of them.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    problem::Problem,
    room::{Room, Size},
};
use crate::{grpc::NodeIdentity, oauth::attempts, store::Place};

/// A request as the gateway found it. Only [`bounded`] makes one, from a node's word.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Whose address was called.
    pub(crate) place: Place,
    /// That address as it stands before every path: an origin, or `…/t/{tenant}` in the path layout.
    pub(crate) base: String,
    /// Where the caller is.
    pub(crate) peer: SocketAddr,
    /// Names the request in records.
    pub(crate) id: Uuid,
}

/// Puts a [`Visit`] into every request for these routes, and bounds how many there are and how long
/// each may take.
pub(super) fn bounded(routes: Router) -> Router {
    routes
        .method_not_allowed_fallback(|| async { Problem::Method })
        .fallback(|| async { Problem::Path })
        .layer(middleware::from_fn_with_state(Room::new(ROOM), enter))
}

async fn enter(State(room): State<Room>, mut request: Request, next: Next) -> Response {
    let Some(node) = request.extensions().get::<NodeIdentity>().cloned() else {
        return Problem::Unforwarded.into_response();
    };
    let Some(visit) = Visit::read(request.headers()) else {
        tracing::warn!(node = %node.id, "a gateway forwarded a request without saying whose");
        return Problem::Unforwarded.into_response();
    };
    let network = attempts::network(visit.peer.ip());
    let Some(_seat) = room.enter(&visit.base, &network) else {
        metrics::counter!("aldgate_auth_calls_total", "status" => "503").increment(1);
        return Problem::Busy.into_response();
    };
    let (id, peer, path) = (visit.id, visit.peer, request.uri().path().to_owned());
    request.extensions_mut().insert(visit);
    let mut response = timeout(DEADLINE, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::Late.into_response());
    // Everything here is about who somebody is.
    response
        .headers_mut()
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    tracing::info!(path, status, request.id = %id, %peer, node = %node.id, "auth call");
    metrics::counter!("aldgate_auth_calls_total", "status" => status.to_string()).increment(1);
    response
}

impl Visit {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let base = only(headers, "aldgate-origin")?;
        Some(Self {
            place: place(base)?,
            base: base.to_owned(),
            peer: only(headers, "aldgate-peer")?.parse().ok()?,
            id: Uuid::now_v7(),
        })
    }
}

/// The one line of this name.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    lines.next().is_none().then(|| line.to_str().ok()).flatten()
}

/// An origin as a tenant has it, or `…/t/{tenant}` in the path layout.
fn place(text: &str) -> Option<Place> {
    let (_, rest) = text.split_once("://")?;
    let Some((_, path)) = rest.split_once('/') else {
        return Some(Place::Origin(text.to_owned()));
    };
    let slug = path.strip_prefix("t/")?.parse().ok()?;
    Some(Place::Tenant(slug))
}

/// The message in a JSON body.
pub(crate) fn json<'a, T>(headers: &HeaderMap, body: &'a [u8]) -> Result<T, Problem>
where
    T: serde::Deserialize<'a>,
{
    let essence = only(headers, CONTENT_TYPE.as_str())
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim);
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::MediaType);
    }
    serde_json::from_slice(body).map_err(|error| Problem::Json(error.to_string()))
}

/// The value of one member of a JSON body.
pub(super) fn member<T: DeserializeOwned>(
    field: &'static str,
    value: &serde_json::value::RawValue,
) -> Result<T, Problem> {
    serde_json::from_str(value.get())
        .map_err(|error| Problem::field(field, format!("cannot be read: {error}")))
}

/// The body, of at most as many bytes as gateways let through.
pub(crate) async fn body(request: Request) -> Result<(http::request::Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY).await;
    Ok((parts, body.map_err(|_| Problem::TooLarge)?))
}

const BODY: usize = 64 << 10;
/// Some requests wait for other hosts. No network and no tenant's address keeps all others out by them.
const ROOM: Size = Size {
    all: 256,
    tenant: 128,
    network: 80,
};
/// A little less than gateways wait.
const DEADLINE: Duration = Duration::from_secs(9);

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use futures_util::FutureExt as _;
    use http::{StatusCode, header::RETRY_AFTER};
    use tower::ServiceExt as _;

    use super::*;

    /// A25: what waits for other hosts takes few of the places; the others' calls go on.
    #[tokio::test]
    async fn a_network_whose_requests_wait_keeps_nobody_else_out() {
        let door = bounded(Router::new().route("/wait", get(std::future::pending::<()>)));
        let ask = |peer: &str, path: &str| {
            let mut request = Request::new(axum::body::Body::empty());
            *request.uri_mut() = path.parse().unwrap();
            let headers = request.headers_mut();
            headers.insert("aldgate-origin", HeaderValue::from_static("https://a.test"));
            headers.insert("aldgate-peer", peer.parse().unwrap());
            request.extensions_mut().insert(NodeIdentity {
                pool: "default".parse().unwrap(),
                id: "gw-1".parse().unwrap(),
            });
            door.clone().oneshot(request)
        };
        let waiting = (0..ROOM.network).map(|at| ask(&format!("[2001:db8::{at:x}]:1"), "/wait"));
        let mut waiting: Vec<_> = waiting.map(Box::pin).collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        for path in ["/wait", "/other"] {
            let refused = ask("[2001:db8::ffff]:1", path).await.unwrap();
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(refused.headers()[RETRY_AFTER], "1");
        }
        let other = ask("192.0.2.1:1", "/other").await.unwrap();
        assert_eq!(other.status(), StatusCode::NOT_FOUND);
        drop(waiting);
        let again = ask("[2001:db8::ffff]:1", "/other").await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_place_is_an_origin_or_a_tenant_in_the_path_layout() {
        let origin = |text: &str| Some(Place::Origin(text.to_owned()));
        let tenant = |slug: &str| Some(Place::Tenant(slug.parse().unwrap()));
        for (text, found) in [
            ("https://acme.test", origin("https://acme.test")),
            ("http://acme.test:8080", origin("http://acme.test:8080")),
            ("https://gw.test/t/acme", tenant("acme")),
            ("https://gw.test/t/", None),
            ("https://gw.test/t/a/b", None),
            ("https://gw.test/", None),
            ("https://gw.test/x/acme", None),
            ("acme.test", None),
        ] {
            assert_eq!(place(text), found, "{text}");
        }
    }

    #[test]
    fn a_gateway_says_each_thing_once() {
        let mut headers = HeaderMap::new();
        assert!(Visit::read(&headers).is_none());
        headers.append("aldgate-origin", HeaderValue::from_static("https://a.test"));
        headers.append("aldgate-peer", HeaderValue::from_static("192.0.2.1:7"));
        assert!(Visit::read(&headers).is_some());
        headers.append("aldgate-peer", HeaderValue::from_static("192.0.2.2:7"));
        assert!(Visit::read(&headers).is_none());
    }
}
