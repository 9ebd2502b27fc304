//! What the controller promises, on the real program and a real Postgres.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Starting with a wrong key, and living through a database that goes away.
mod boot;

/// A database that goes back.
mod epoch;

/// Who may call what.
mod door;

/// Tenants kept apart, by the API and by the database itself.
mod tenancy;

/// What can be registered and how it is listed.
mod registration;

/// What is told and what is stored of a credential through its life.
mod credential;

/// The life of API keys.
mod key;

/// Static tokens and their headers, up to what nodes are given.
mod static_token;

/// How callers prove who they are, and the secrets that takes.
mod authenticator;

/// What nodes are given besides config.
mod lease;

/// Revisions, their records, and waiting for them.
mod revision;

/// Sessions, and the door behind which they are made.
mod session;

/// Users, and what changes of them mean.
mod user;

/// Signing in with a password, and guessing one.
mod password;

/// Signing in at an identity provider.
mod oidc;

/// Clients that operators register, and how clients prove who they are.
mod client;

/// Clients that register themselves, or bring a document.
mod client_intake;

/// Clients with a document, and the hosts of those.
mod document;

/// What is removed because it is over.
mod sweep;

/// A tenant with users and clients.
mod people;

/// What an app's request must be to lead to anything.
mod authorize;

/// Signing in.
mod login;

/// Agreeing, and what is remembered of it.
mod consent;

/// Connections and devices.
mod connections;

/// The token endpoint and its neighbours.
mod token;

/// Policies and what they mean.
mod policy;

/// Rate limits.
mod limit;

/// Calls of the admin API.
mod operator;

/// A controller of one's own.
mod support;
