#![doc = include_str!("../README.md")]

/// One pass over a JSON text: check it, write it canonically, remember where things are.
pub mod json;

/// One posted JSON-RPC message.
pub mod message;

/// Which protocol era a message belongs to.
pub mod era;

/// The headers that repeat parts of the body.
pub mod mirror;

/// What an upstream answered.
pub mod reply;

/// What a server offers, cut down to what a caller may see.
pub mod list;

/// Event streams.
pub mod sse;

mod rejection;

pub use rejection::{Reason, Rejection};
