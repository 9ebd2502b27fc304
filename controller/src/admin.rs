//! The admin API: one file per service, and what they share. Handlers check a request into domain
//! values, enter a transaction through the [`Actor`], change, and commit with a record of it.

use std::{sync::Arc, time::SystemTime};

use egress::Dialer;
use time::OffsetDateTime;
use tonic::Request;

use crate::{
    error::Error,
    oauth::password::Passwords,
    revocation::{Logs, Reached},
    store::Store,
    sync::{Registry, States},
    vault::Vault,
};

/// Who may call which method.
pub mod access;

/// Changes that begin again.
mod again;

/// The methods about who gets in and what they may do.
mod access_service;

/// Who is calling.
pub mod actor;

/// How callers prove who they are.
mod authenticator;

/// Clients of authorization servers.
mod client;

/// What is presented to a server.
mod credential;

/// Digests of resources for the audit records.
mod digest;

/// Checks of request fields.
mod field;

/// What users allowed clients.
mod grant;

/// Headers that operators choose.
mod header;

/// What well-known services call their credentials.
mod hint;

/// Where users sign in elsewhere.
mod identity_provider;

/// API keys.
mod key;

/// How many calls per time.
mod limit;

/// Update masks.
mod mask;

/// Gateway nodes.
mod node;

/// A tenant's origins.
pub mod origin;

/// The methods about a tenant's authorization server.
mod oauth_service;

/// How it behaves and looks.
mod oauth_settings;

/// Page tokens.
pub mod page;

/// Policies: what callers may do.
mod policy;

/// What must not count any more.
mod revocation;

/// Revisions, and waiting for them.
mod revision;

/// MCP servers.
mod server;

/// What tokens are signed with.
mod signing_key;

/// Tokens that an operator pasted or had made.
mod static_token;

/// Tenants.
mod tenant;

/// Admin tokens.
mod token;

/// The people of a tenant.
mod user;

pub(crate) use user::creation as user_created;

pub use actor::Actor;
pub use origin::PublicScheme;
pub use page::Pages;
pub use revision::LONGEST_WAIT;
pub use revocation::LONGEST_WAIT as LONGEST_REVOCATION;

/// All services of the admin API. Cloning is cheap.
#[derive(Clone)]
pub struct Admin(Arc<Parts>);

/// What the services work with.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Keys that seal credentials.
    pub vault: Arc<Vault>,
    /// Page tokens.
    pub pages: Pages,
    /// Knows which addresses may be registered.
    pub dialer: Dialer,
    /// Where passwords are hashed.
    pub passwords: Passwords,
    /// The scheme of tenant origins that are given without one.
    pub public_scheme: PublicScheme,
    /// The nodes.
    pub registry: Registry,
    /// Config as it stands, to translate names on the stream.
    pub states: States,
    /// What is revoked, as the config stream carries it.
    pub logs: Logs,
    /// How far Redis carries it.
    pub redis: Reached,
}

impl Admin {
    /// The services.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

/// The caller and the message of a request.
fn called<T>(request: Request<T>) -> Result<(Actor, T), Error> {
    Ok((Actor::of(&request)?, request.into_inner()))
}

/// The etag of a resource: its revision.
fn etag(revision: u64) -> String {
    revision.to_string()
}

/// Refuses a change of something that has changed since it was read.
fn check_etag(given: &str, revision: u64) -> Result<(), Error> {
    let current = etag(revision);
    if given.is_empty() || given == current {
        return Ok(());
    }
    Err(Error::EtagMismatch { current })
}

/// The last segment of a resource name.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn timestamp(time: OffsetDateTime) -> prost_types::Timestamp {
    SystemTime::from(time).into()
}
