//! A tenant's authorization server (OAuth 2.1): behind the auth door, one file per endpoint. What
//! endpoints share stands here: whose it is, what was sent, what may be asked for, what goes wrong.

use axum::Router;

pub(crate) use self::token::shortcut::Shortcuts;
use crate::auth::Desk;

/// Whose authorization server was called, and its URLs.
pub(crate) mod issuer;

/// The parameters of a request, each once.
pub(crate) mod params;

/// What goes wrong at the endpoints that programs call.
pub(crate) mod fault;

/// What a token may be for.
pub(crate) mod scope;

/// Which MCP URLs a token opens.
pub(crate) mod resource;

/// How the tenant wants it.
pub(crate) mod rules;

/// How fast anything may be guessed.
pub(crate) mod attempts;

/// How fast what costs rows may be asked for.
pub(crate) mod budget;

/// Passwords of users.
pub(crate) mod password;

/// Text that came from others, fit to be shown.
pub(crate) mod said;

/// Where users sign in elsewhere.
pub(crate) mod idp;

/// What tokens say of a user.
pub(crate) mod rights;

/// Who asks for tokens.
pub(crate) mod client;

/// Where users are sent back to.
pub(crate) mod redirect;

/// What clients find out about us.
mod metadata;

/// Programs that register themselves.
pub(crate) mod register;

/// What people see.
pub(crate) mod pages;

/// What tokens are signed with.
pub(crate) mod key;

/// The public halves of that.
mod jwks;

/// What users allowed clients.
pub(crate) mod grant;

/// What is exchanged for the first tokens.
pub(crate) mod code;

/// Programs without a browser.
pub(crate) mod device;

/// What a browser brings: cookies, and proof that a form was ours.
pub(crate) mod browser;

/// What goes wrong on the way through our pages.
pub(crate) mod setback;

/// Signing in, and what comes after.
pub(crate) mod login;

/// A browser in front of one of our pages.
pub(crate) mod guest;

/// Which resources and scopes a client asks for.
pub(crate) mod wish;

/// What a client gets to hear at its own address.
mod approval;

/// Where an app sends somebody to be let in.
mod authorize;

/// Where somebody says whether it is.
mod consent;

/// What is connected, and how it is cut.
mod connections;

/// The page where the code of a device is typed in.
mod device_page;

/// A call of an endpoint for programs.
mod call;

/// Whether an access token still counts.
pub(crate) mod standing;

/// Tokens.
mod token;

/// What is given back.
mod revoke;

/// What a token is worth.
mod introspect;

/// What has expired.
pub(crate) mod sweep;

/// The routes of all endpoints.
pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .merge(authorize::routes())
        .merge(login::routes())
        .merge(consent::routes())
        .merge(connections::routes())
        .merge(device_page::routes())
        .merge(idp::routes())
        .merge(token::routes())
        .merge(device::routes())
        .merge(revoke::routes())
        .merge(introspect::routes())
        .merge(jwks::routes())
        .merge(metadata::routes())
        .merge(register::routes())
}
