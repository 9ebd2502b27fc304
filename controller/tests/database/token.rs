//! The token endpoint and what belongs to it: every way to get a token, and every way to get one that
//! must not work.

/// Codes and what they are exchanged for.
mod exchange;

/// Refresh tokens.
mod refresh;

/// Refresh tokens of clients that are known.
mod shortcut;

/// Tokens of clients that act for themselves, and of devices.
mod others;

/// What is given back, and what tokens are worth.
mod inspect;

/// What tokens are signed with.
mod keys;

/// What is left of clients and users that were deleted.
mod deletion;

/// Users and operators at the admin API.
mod admin;

/// Requests for tokens at the moment of a revocation.
mod races;

/// Two tenants with users and clients.
mod world;
