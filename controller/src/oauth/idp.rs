//! Signing in at a tenant's identity provider (OpenID Connect Core): the way there, the way back, and
//! who that is here. Somebody there is somebody here by issuer and subject alone; what else the provider
//! says is taken from a verified ID token, never from the browser.

use axum::{
    Router,
    routing::{get, post},
};

use super::issuer::Issuer;
use crate::{
    auth::Desk,
    store::{OneTenant, StoreError, Tx},
};

pub(crate) use self::directory::Directory;

/// The way there.
mod begin;

/// The way back.
mod callback;

/// What a browser must show again when it comes back.
mod errand;

/// What providers publish.
mod directory;

/// Calls to providers.
mod http;

/// From a code to somebody.
mod redeem;

/// What a provider says of somebody.
mod person;

/// Who that is here.
mod admit;

/// What goes wrong.
mod mishap;

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/login/{provider}", post(begin::begin))
        .route("/callback/{provider}", get(callback::callback))
}

/// A provider as the login page offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The last segment of its name.
    pub(crate) slug: String,
    /// What its button says.
    pub(crate) display_name: String,
}

/// The providers at which the tenant's users can sign in.
pub(crate) async fn offered(tx: &mut Tx<OneTenant>) -> Result<Vec<Provider>, StoreError> {
    let offered = tx.offered_identity_providers().await?.into_iter();
    let offered = offered.map(|(slug, display_name)| Provider { slug, display_name });
    Ok(offered.collect())
}

/// What is registered at a provider: where it sends browsers back to.
pub(crate) fn redirect_uri(issuer: &Issuer, slug: &str) -> String {
    issuer.url(&format!("/callback/{slug}"))
}
