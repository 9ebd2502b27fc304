//! The limiter with a real Redis. A file per question: whether script and Rust count alike, and
//! whether the bound holds whatever happens to Redis.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod bound;
mod server;
mod vectors;
