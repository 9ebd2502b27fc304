#![doc = include_str!("../README.md")]

/// Read-once process settings.
pub mod settings;

/// Wiring: what starts, in which order it stops.
pub mod app;

/// Listeners, connections and draining.
pub mod serve;

/// The request path, one function.
pub mod pipeline;

/// The current snapshot and how it arrives.
pub mod config;

/// Where: host and path → target.
pub mod route;

/// Where instead: what the controllers answer.
pub mod door;

/// Where to before: what clients must know to get a credential.
mod metadata;

/// The page on how to connect, for people who open an MCP URL with a browser.
mod page;

/// Who: bearer key → caller.
pub mod authn;

/// The way to Redis.
mod redis;

/// Still: what is revoked, and whether this node can know.
pub mod revocation;

/// What: body → call.
pub mod read;

/// May they: target, caller and call → permit.
pub mod policy;

/// How much: permit → slot.
pub mod limit;

/// Which conversation: sealed session ids.
pub mod session;

/// Forward one call.
pub mod upstream;

/// What happened: one line per request.
pub mod access;

/// Counters for the ops port.
pub mod metrics;

/// Every way a request can fail, and the only mapping to the wire.
pub mod error;
