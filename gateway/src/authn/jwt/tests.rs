//! Acceptance as a whole.
