#![doc = include_str!("../README.md")]

/// Read-once process settings.
pub mod settings;

/// From settings to a checked database: migrations, key check, epoch, first admin token.
pub mod boot;

/// What the gRPC door is made of: TLS, caps, who is calling, the list of services.
pub mod grpc;

/// What gateways forward to us over HTTPS.
pub mod auth;

/// A tenant's authorization server.
pub(crate) mod oauth;

/// The admin API's services.
pub mod admin;

/// Postgres: transactions bound to an actor and a scope, one file per noun.
pub mod store;

/// Keys that open stored credentials.
pub mod vault;

/// Whether the database still is what it was.
pub mod epoch;

/// Being woken by the database.
pub(crate) mod notification;

/// From rows to nodes: the config stream.
pub mod sync;

/// From rows to nodes and to Redis: what is revoked.
pub mod revocation;

/// Credentials and keys for nodes.
pub mod lease;

/// What can go wrong, and the only mapping of it to gRPC.
pub mod error;

/// Wiring; start order, stop order.
pub mod app;
