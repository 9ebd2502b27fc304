//! Lines of a stream that arrives in chunks; they end with LF, CR or CRLF, which a chunk may split.

/// Remembers whether the last chunk ended with a CR, whose LF may follow.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    after_cr: bool,
}

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Without the line end.
    pub(super) text: &'a [u8],
    /// The place in the chunk after the line end; none where the line goes on in the next chunk.
    pub(super) end: Option<usize>,
}

impl Lines {
    /// The place where the text of this chunk starts: 1 where it begins with the LF of the last chunk's CR.
    pub(super) fn start(&mut self, chunk: &[u8]) -> usize {
        let Some(first) = chunk.first() else {
            return 0;
        };
        let split = std::mem::take(&mut self.after_cr) && *first == b'\n';
        usize::from(split)
    }

    /// The next part of a line, from `at`; none at the end of the chunk.
    pub(super) fn next<'a>(&mut self, chunk: &'a [u8], at: usize) -> Option<Piece<'a>> {
        let rest = chunk.get(at..).filter(|rest| !rest.is_empty())?;
        let found = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(length) = found else {
            return Some(Piece {
                text: rest,
                end: None,
            });
        };
        let end = match &rest[length..] {
            [b'\r', b'\n', ..] => length + 2,
            [b'\r'] => {
                self.after_cr = true;
                length + 1
            }
            _ => length + 1,
        };
        Some(Piece {
            text: &rest[..length],
            end: Some(at + end),
        })
    }
}
