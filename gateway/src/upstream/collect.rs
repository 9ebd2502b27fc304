//! Reads a server's answer into one piece, within a size and a deadline.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{UpstreamError, pool::Lent};

/// The whole body; the connection is free again afterwards.
pub(super) async fn all(
    mut body: Incoming,
    lent: Lent,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, UpstreamError> {
    let mut whole = BytesMut::new();
    let reading = async {
        while let Some(chunk) = next(&mut body).await? {
            if whole.len() + chunk.len() > limit {
                return Err(UpstreamError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(())
    };
    timeout(deadline, reading)
        .await
        .map_err(|_| UpstreamError::Total)??;
    lent.give_back();
    Ok(whole.freeze())
}

/// The next data of a body; none at its end. Trailers are dropped.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, UpstreamError> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(source)) => return Err(UpstreamError::Broken(source)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
