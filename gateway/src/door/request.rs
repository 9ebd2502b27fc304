//! The request that a controller gets: made anew from a list of what may pass, so that nothing else
//! a client says arrives, least of all in our own headers' names.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{
    HeaderName, Request,
    header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN, USER_AGENT},
    request::Parts,
};
use http_body_util::Full;

use super::DoorError;
use crate::route::DoorCall;

/// The request, without the controller's address.
pub(super) fn build(
    call: &DoorCall,
    parts: &Parts,
    peer: SocketAddr,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, DoorError> {
    let target = match parts.uri.query() {
        Some(query) => format!("{}?{query}", call.path),
        None => call.path.to_string(),
    };
    let mut request = Request::builder().method(&parts.method).uri(target);
    for name in PASSING {
        for value in parts.headers.get_all(&name) {
            request = request.header(&name, value);
        }
    }
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    request
        .header(FOUND_AT, &*call.origin)
        .header(PEER, peer.to_string())
        .body(Full::new(body))
        .map_err(DoorError::Unfit)
}

/// What of a client's headers a controller gets.
const PASSING: [HeaderName; 6] = [
    COOKIE,
    AUTHORIZATION,
    ORIGIN,
    CONTENT_TYPE,
    ACCEPT_LANGUAGE,
    USER_AGENT,
];
const FOUND_AT: HeaderName = HeaderName::from_static("aldgate-origin");
const PEER: HeaderName = HeaderName::from_static("aldgate-peer");
