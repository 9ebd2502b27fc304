//! Signatures first.

/// A line or an event is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line or event of the stream is longer than {limit} bytes")]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

/// Where a stream stands after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// Offset in the chunk just past the last event that ended in it.
    pub last_end: Option<usize>,
    /// Whether something may be written after the chunk.
    pub position: Position,
}

/// Between two events, or inside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A comment may be inserted here, or the stream ended cleanly.
    Between,
    /// Not here.
    Inside,
}

/// Watches a stream that passes through.
#[derive(Debug, Clone)]
pub struct Framer {
    _limit: usize,
}

impl Framer {
    /// `limit` bounds a line and an event, in bytes.
    pub fn new(limit: usize) -> Self {
        Self { _limit: limit }
    }
    /// Takes the next chunk.
    pub fn feed(&mut self, _chunk: &[u8]) -> Result<Boundary, TooLong> {
        unimplemented!()
    }
    /// Where the stream stands.
    pub fn position(&self) -> Position {
        unimplemented!()
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `event:`, `message` where absent.
    pub name: String,
    /// The `data:` lines, joined by line feeds.
    pub data: String,
    /// `id:` of this event.
    pub id: Option<String>,
}

/// Reads events out of a stream.
#[derive(Debug)]
pub struct Reader {
    _limit: usize,
}

impl Reader {
    /// `limit` bounds a line and an event, in bytes.
    pub fn new(limit: usize) -> Self {
        Self { _limit: limit }
    }
    /// Takes the next chunk; the events it completed, in order (those without data are none).
    pub fn feed(&mut self, _chunk: &[u8]) -> Result<Vec<Event>, TooLong> {
        unimplemented!()
    }
}
