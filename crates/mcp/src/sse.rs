//! Event streams (WHATWG HTML §9.2): where events begin and end in a stream that passes through, and a small
//! reader of events. Nothing here writes events or resumes streams.

mod framer;
mod lines;
mod reader;

pub use framer::{Boundary, Framer, Position};
pub use reader::{Event, Reader};

/// The longest line and the longest event we pass on, in bytes (security.md §2.4).
pub const LIMIT: usize = 4 * 1024 * 1024;

/// A line or an event is longer than the limit. The stream is unusable from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line or event of the stream is longer than {limit} bytes")]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

#[cfg(test)]
mod tests;
