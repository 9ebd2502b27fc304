//! The request to the server, built anew: only what is listed here passes (design.md §5). The
//! credential and whatever else a client sends stay here.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};
use http_body_util::Full;
use mcp::{
    era::{Era, LegacyVersion},
    mirror,
};

use super::{UpstreamError, credential};
use crate::{
    policy::Permit,
    read::Operation,
    session::{SESSION_ID, Session},
};

/// Uses the permit up.
pub(super) fn build(
    permit: Permit,
    session: &Session,
) -> Result<Request<Full<Bytes>>, UpstreamError> {
    let mut headers = HeaderMap::with_capacity(12);
    let origin = &permit.server().endpoint.origin;
    headers.insert(
        HOST,
        HeaderValue::try_from(origin.authority()).expect("an authority is ASCII"),
    );
    let target = permit.server().endpoint.path_and_query.clone();
    credential::attach(&permit, &mut headers)?;

    let (operation, client, accepts) = permit.into_call().into_parts();
    headers.insert(ACCEPT, accepts.header());
    copy(&TRACE, &client, &mut headers);
    let (method, body) = match operation {
        Operation::Post { message, era } => {
            headers.insert(CONTENT_TYPE, JSON);
            mirror::write(&message, era, &client, &mut headers);
            if era != Era::Modern {
                continue_session(session, &mut headers);
            }
            (Method::POST, message.into_bytes())
        }
        Operation::Listen => {
            copy(&[LAST_EVENT_ID, mirror::VERSION], &client, &mut headers);
            continue_session(session, &mut headers);
            (Method::GET, Bytes::new())
        }
        Operation::Close => {
            copy(&[mirror::VERSION], &client, &mut headers);
            continue_session(session, &mut headers);
            (Method::DELETE, Bytes::new())
        }
    };

    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.into();
    *request.headers_mut() = headers;
    Ok(request)
}

/// The session headers of the eras up to 2025-11-25. Where the client does not say the version, the
/// session knows it, as long as that version has the header at all.
fn continue_session(session: &Session, headers: &mut HeaderMap) {
    if let Some(id) = session.upstream() {
        headers.insert(SESSION_ID, id.clone());
    }
    if let Some(version) = session.version()
        && version >= LegacyVersion::V2025_06_18
        && !headers.contains_key(mirror::VERSION)
    {
        headers.insert(mirror::VERSION, HeaderValue::from_static(version.as_str()));
    }
}

fn copy(names: &[HeaderName], client: &HeaderMap, headers: &mut HeaderMap) {
    for name in names {
        if let Some(value) = client.get(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// W3C trace context without `baggage`, which carries data (CL-14).
const TRACE: [HeaderName; 2] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];
