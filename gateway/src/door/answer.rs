//! What becomes of a controller's answer: its status, its body, and the headers that pages and token
//! endpoints need. What concerns other origins is this node's to say.

use std::{future::poll_fn, pin::Pin};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderName, Response,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, EXPIRES, LOCATION, PRAGMA, REFERRER_POLICY, REFRESH, RETRY_AFTER, SET_COOKIE,
        WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body::Body as _;
use hyper::body::Incoming;

use super::DoorError;

/// The whole answer, of at most this many bytes.
pub(super) async fn read(
    answer: Response<Incoming>,
    most: usize,
) -> Result<Response<Bytes>, DoorError> {
    let (parts, body) = answer.into_parts();
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(DoorError::Answer);
    }
    let mut reply = Response::new(collect(body, most).await?);
    *reply.status_mut() = parts.status;
    let headers = reply.headers_mut();
    for name in PASSING {
        for value in parts.headers.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    Ok(reply)
}

async fn collect(mut body: Incoming, most: usize) -> Result<Bytes, DoorError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(DoorError::Broken)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + data.len() > most {
            return Err(DoorError::Answer);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// What of a controller's headers a client gets.
const PASSING: [HeaderName; 15] = [
    ALLOW,
    CACHE_CONTROL,
    CONTENT_LANGUAGE,
    CONTENT_SECURITY_POLICY,
    CONTENT_TYPE,
    EXPIRES,
    LOCATION,
    PRAGMA,
    REFERRER_POLICY,
    REFRESH,
    RETRY_AFTER,
    SET_COOKIE,
    WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
];
