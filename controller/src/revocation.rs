//! Revocations on their way to nodes. `feed` follows the database and publishes the log of what is
//! revoked; the config stream and `redis` carry it, independently of each other; `prune` removes what
//! has expired. Nothing is revoked here: transactions do that (`store::revocation`).

/// Follows the database.
pub mod feed;

/// What is revoked, at one moment.
pub mod log;

/// Removes what has expired.
pub mod prune;

/// Carries the log to Redis.
pub mod redis;

pub use feed::Feed;
pub use log::{Log, Logs};
pub use prune::prune;
pub use redis::{Publisher, Reached};
