//! The whole request path in process: raw bytes in, a scripted server behind, a snapshot made by hand.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod client;
mod crossing;
mod denials;
mod dialing;
mod door;
mod egress;
mod encrypted;
mod framing;
mod hosts;
mod isolation;
mod limits;
mod lists;
mod messages;
mod mirrored;
mod multiplexed;
mod oauth;
mod proofs;
mod relaying;
mod revoked;
mod rules;
mod sessions;
mod streams;
mod upstream;
mod world;
