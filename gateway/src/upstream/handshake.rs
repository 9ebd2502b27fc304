//! The answer to `initialize`, the only one that is read before it is relayed: the session id that
//! goes with it seals the version that was agreed on.

use bytes::Bytes;
use http::HeaderValue;
use hyper::body::Incoming;
use mcp::{era::LegacyVersion, reply::Reply, sse};
use tokio::time::timeout;

use super::{
    Content, Relay, UpstreamError, collect,
    pool::Lent,
    relay::Limits,
    response::{Plan, Traits},
    streams::Watch,
};

/// The content for the client and its session id; no session where the server refused.
pub(super) async fn relay(
    plan: Plan,
    session_id: Option<HeaderValue>,
    mut body: Incoming,
    lent: Lent,
    traits: &Traits,
    limits: Limits<'_>,
    watch: impl FnOnce() -> Watch,
) -> Result<(Content, Option<HeaderValue>), UpstreamError> {
    let settings = limits.settings;
    let (content, reply) = if plan == Plan::Events {
        let reading = first_reply(&mut body, settings.event_bytes);
        let (seen, reply) = timeout(settings.first_byte, reading)
            .await
            .map_err(|_| UpstreamError::FirstByte)??;
        let relay = Relay::events(body, lent, limits, watch()).after(seen)?;
        (Content::Relayed(Box::new(relay)), reply)
    } else {
        let bytes = collect::all(body, lent, settings.json_bytes, settings.total).await?;
        let reply = Reply::read(&bytes).map_err(|_| UpstreamError::NotJsonRpc)?;
        (Content::Whole(reply.bytes().clone()), reply)
    };
    if reply.error_code().is_some() {
        return Ok((content, None));
    }
    let version = reply.protocol_version().and_then(LegacyVersion::of);
    let session = traits
        .opening
        .as_ref()
        .and_then(|opening| opening.seal(session_id.as_ref(), version))
        .ok_or(UpstreamError::SessionId)?;
    Ok((content, Some(session)))
}

/// Reads events until one is a response. Returns all that was read, to be relayed first.
async fn first_reply(
    body: &mut Incoming,
    limit: usize,
) -> Result<(Vec<Bytes>, Reply), UpstreamError> {
    let mut reader = sse::Reader::new(limit);
    let mut seen = Vec::new();
    let mut length = 0;
    while let Some(chunk) = collect::next(body).await? {
        length += chunk.len();
        if length > limit {
            return Err(UpstreamError::TooLarge);
        }
        let events = reader.feed(&chunk).map_err(|_| UpstreamError::TooLarge)?;
        seen.push(chunk);
        for event in events {
            let data = event.data.unwrap_or_default();
            if let Ok(reply) = Reply::read(data.as_bytes()) {
                return Ok((seen, reply));
            }
        }
    }
    Err(UpstreamError::NotJsonRpc)
}
