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
    policy::{Grant, Permit},
    read::Operation,
    session::{SESSION_ID, Session},
};

/// Uses the permit up; what it granted outlives it.
pub(super) fn build(
    permit: Permit,
    session: &Session,
) -> Result<(Grant, Request<Full<Bytes>>), UpstreamError> {
    let (grant, call) = permit.into_parts();
    let mut headers = HeaderMap::with_capacity(12);
    // First, so that nothing of it can stand where what follows does.
    credential::attach(&grant, &mut headers)?;
    let endpoint = &grant.server().endpoint;
    headers.insert(
        HOST,
        HeaderValue::try_from(endpoint.origin.authority()).expect("an authority is ASCII"),
    );
    let target = endpoint.path_and_query.clone();

    let (operation, client, accepts) = call.into_parts();
    headers.insert(ACCEPT, accepts.header());
    copy_trace(&client, &mut headers);
    let (method, body) = match operation {
        Operation::Post { message, era } => {
            headers.insert(CONTENT_TYPE, JSON);
            mirror::write(&message, era, &client, &mut headers);
            if era != Era::Modern {
                continue_session(session, &mut headers);
            }
            let message = match session.cursor() {
                Some(cursor) => message.with_cursor(cursor),
                None => message,
            };
            (Method::POST, message.into_bytes())
        }
        Operation::Listen => {
            copy(&[mirror::VERSION], &client, &mut headers);
            // Without a session nothing says whose events would be replayed.
            if session.is_open() {
                copy(&[LAST_EVENT_ID], &client, &mut headers);
            }
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
    Ok((grant, request))
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

/// W3C trace context without `baggage`, which carries data (CL-14), and only in its form: a free text
/// would be a way past the list.
fn copy_trace(client: &HeaderMap, headers: &mut HeaderMap) {
    let Some(parent) = client
        .get(TRACEPARENT)
        .filter(|parent| is_traceparent(parent.as_bytes()))
    else {
        return;
    };
    headers.insert(TRACEPARENT, parent.clone());
    let state = client.get(TRACESTATE);
    let printable = |state: &&HeaderValue| state.len() <= 512 && state.to_str().is_ok();
    if let Some(state) = state.filter(printable) {
        headers.insert(TRACESTATE, state.clone());
    }
}

/// `00-<32 hex digits>-<16>-<2>` (W3C Trace Context §3.2); later versions may go on after a hyphen.
fn is_traceparent(value: &[u8]) -> bool {
    let hex = |part: &[u8]| {
        part.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let form = value.len() >= 55
        && value.len() <= 128
        && [2, 35, 52].iter().all(|&at| value[at] == b'-')
        && [0..2, 3..35, 36..52, 53..55]
            .into_iter()
            .all(|part| hex(&value[part]));
    form && (value.len() == 55 || (&value[..2] != b"00" && value[55] == b'-' && value.is_ascii()))
}

fn copy(names: &[HeaderName], client: &HeaderMap, headers: &mut HeaderMap) {
    for name in names {
        if let Some(value) = client.get(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

#[cfg(test)]
mod tests {
    use super::*;

    /// CL-14.
    #[test]
    fn only_a_trace_context_in_its_form_passes() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_traceparent(good.as_bytes()));
        assert!(is_traceparent(format!("01{}-more", &good[2..]).as_bytes()));
        for bad in [
            "",
            "secret",
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}-more"),
            &good.replace('a', "g"),
        ] {
            assert!(!is_traceparent(bad.as_bytes()), "{bad}");
        }
    }
}
