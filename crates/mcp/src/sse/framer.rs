//! Watches a stream that passes through: where one may write between events, and how long they are.

use super::{TooLong, lines::Lines};

/// Follows one stream. It keeps no bytes.
#[derive(Debug, Clone)]
pub struct Framer {
    limit: usize,
    lines: Lines,
    line: usize,
    event: usize,
}

/// Where a stream stands after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// The place in the chunk after the last event that ended in it, if one did.
    pub last_end: Option<usize>,
    /// Where the end of the chunk is.
    pub position: Position,
}

/// Between two events, or inside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A comment may be written here, and a stream that stops here lost nothing.
    Between,
    /// Anything written here would end up inside an event.
    Inside,
}

impl Framer {
    /// `limit` bounds a line and an event (its lines together), in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            lines: Lines::default(),
            line: 0,
            event: 0,
        }
    }

    /// Takes the next chunk.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Boundary, TooLong> {
        let mut at = self.lines.start(chunk);
        let continues_end = at == 1 && self.position() == Position::Between;
        let mut last_end = continues_end.then_some(1);
        while let Some(piece) = self.lines.next(chunk, at) {
            self.line += piece.text.len();
            self.event += piece.text.len();
            if self.line > self.limit || self.event > self.limit {
                return Err(TooLong { limit: self.limit });
            }
            let Some(end) = piece.end else {
                break;
            };
            if std::mem::take(&mut self.line) == 0 {
                self.event = 0;
                last_end = Some(end);
            } else {
                self.event += 1;
            }
            at = end;
        }
        Ok(Boundary {
            last_end,
            position: self.position(),
        })
    }

    /// Where the stream stands.
    pub fn position(&self) -> Position {
        if self.event == 0 {
            Position::Between
        } else {
            Position::Inside
        }
    }
}
