//! What people see of the authorization server: one struct per page, with everything that it shows,
//! and `response()` that renders it. Server-rendered without a script; nothing is fetched from
//! elsewhere. Who may see a page and what its forms do is decided by the handlers.

use axum::response::Response;
use http::StatusCode;

pub(crate) use self::{
    client::{ClientShown, RedirectShown, Standing},
    connections::{ConnectionShown, Connections},
    consent::Consent,
    device::{DeviceConfirm, DeviceEntry, DeviceProblem},
    login::{Login, LoginProblem, ProviderShown},
    look::Look,
    onward::Onward,
    permission::{Permission, Reach},
    trouble::{Done, Trouble},
};

/// Whose pages they are.
mod look;

/// What people are told of a client and of where it sends them.
mod client;

/// What a client may do, in plain words.
mod permission;

/// Moments and times in plain words.
mod moment;

/// Status, headers and text of a page.
mod shell;

/// Signing in.
mod login;

/// Whether a client may connect.
mod consent;

/// The code that a device shows.
mod device;

/// What is connected.
mod connections;

/// On the way to an identity provider.
mod onward;

/// What went wrong, and what is done.
mod trouble;

#[cfg(test)]
mod tests;
