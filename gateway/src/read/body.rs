//! Reads a body into one piece, within limits of size and time. Trailers are dropped: they never
//! become headers (HF-10).

use std::{future::poll_fn, pin::Pin};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::Frame;
use tokio::time::{Instant, timeout_at};

use super::BodySettings;
use crate::error::Error;

/// The body as one piece. A body that announces more than the limit is refused before any of it is
/// read (RX-03).
pub(crate) async fn collect<B>(
    mut body: B,
    headers: &HeaderMap,
    settings: &BodySettings,
    received: &mut u64,
) -> Result<Bytes, Error>
where
    B: http_body::Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let announced = announced(headers);
    if announced.is_some_and(|length| length > settings.bytes as u64) {
        return Err(Error::BodyTooLarge);
    }
    let start = Instant::now();
    let first = part(&mut body, start, settings).await?.unwrap_or_default();
    count(&first, settings, received)?;
    if body.is_end_stream() {
        return Ok(first);
    }
    let expected = announced.map_or(first.len(), |length| {
        usize::try_from(length).unwrap_or(settings.bytes)
    });
    let mut whole = BytesMut::with_capacity(expected.max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(next) = part(&mut body, start, settings).await? {
        count(&next, settings, received)?;
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn count(part: &Bytes, settings: &BodySettings, received: &mut u64) -> Result<(), Error> {
    *received += part.len() as u64;
    if *received > settings.bytes as u64 {
        return Err(Error::BodyTooLarge);
    }
    Ok(())
}

/// The next data of the body; none at its end.
async fn part<B>(
    body: &mut B,
    start: Instant,
    settings: &BodySettings,
) -> Result<Option<Bytes>, Error>
where
    B: http_body::Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    loop {
        let end = (Instant::now() + settings.idle).min(start + settings.total);
        let frame = timeout_at(end, poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)))
            .await
            .map_err(|_| Error::BodyTooSlow)?;
        match frame {
            None => return Ok(None),
            Some(Err(source)) => return Err(Error::BodyBroken(source)),
            Some(Ok(frame)) => {
                if let Ok(data) = Frame::into_data(frame) {
                    return Ok(Some(data));
                }
            }
        }
    }
}
