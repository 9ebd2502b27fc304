//! Signing in at a tenant's identity provider (OpenID Connect).

use super::issuer::Issuer;
use crate::store::{OneTenant, StoreError, Tx};

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
