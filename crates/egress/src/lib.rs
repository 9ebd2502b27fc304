#![doc = include_str!("../README.md")]

/// What may be called: origins and endpoints.
mod origin;

/// Which addresses are public, by the IANA registries.
mod address;

/// Ports on which no HTTP server answers.
mod port;

/// Which addresses this process may call.
mod policy;

/// From names to addresses.
mod resolve;

/// Which certificates are trusted.
mod trust;

/// The dialer.
mod dial;

/// A connection.
mod stream;

/// One bounded exchange.
pub mod fetch;

pub use self::{
    dial::{DialError, Dialer},
    origin::{Endpoint, Origin, Scheme, UrlError},
    policy::{Denied, InvalidDenied, Policy, Refusal},
    resolve::{Resolver, Script},
    stream::Stream,
    trust::{Trust, TrustError},
};
