//! What a gateway does with a real Redis. A file per question: whether script and Rust count alike,
//! whether the bound of limits holds whatever happens to Redis, and what is known of revocations.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod bound;
mod revocations;
mod server;
mod vectors;
