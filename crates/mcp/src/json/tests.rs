//! What the reader accepts, what it writes, and what it refuses.
