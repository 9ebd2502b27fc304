//! An event stream whose answers to list requests are cut down on the way. Every event is read and
//! written anew; one that cannot be read ends the stream.

use bytes::Bytes;
use mcp::{
    list::{self, List},
    sse::Reader,
};

use super::RelayError;
use crate::policy::Sight;

/// Follows one stream; holds at most one event.
pub(super) struct Screen {
    reader: Reader,
    expected: Option<List>,
    sight: Sight,
}

impl Screen {
    /// `limit` bounds an event, in bytes. With no list expected, any is cut down.
    pub(super) fn new(limit: usize, expected: Option<List>, sight: Sight) -> Self {
        Self {
            reader: Reader::new(limit),
            expected,
            sight,
        }
    }

    /// The events that the chunk completed, as the client may have them.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Bytes, RelayError> {
        let events = self.reader.feed(chunk).map_err(|_| RelayError::TooLarge)?;
        let mut out = Vec::new();
        for event in events {
            match event.data.as_deref() {
                None | Some("") => event.write(event.data.as_deref().map(str::as_bytes), &mut out),
                Some(data) => {
                    let data = list::rewrite_event(data.as_bytes(), self.expected, &self.sight)
                        .map_err(RelayError::Unlisted)?;
                    if let Some(data) = data {
                        event.write(Some(&data), &mut out);
                    }
                }
            }
        }
        Ok(out.into())
    }
}
