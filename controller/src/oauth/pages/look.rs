//! Whose pages they are, and where their forms go.

use std::ops::Deref;

use crate::{
    oauth::{issuer::Issuer, rules::Rules},
    store::tenant::Tenant,
};

/// How a tenant's pages look, and where they are.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    look: look::Look,
    /// What stands before every path of ours: empty, or `/t/{tenant}`.
    pub(super) place: String,
}

impl Look {
    /// That of a tenant.
    pub(crate) fn of(tenant: &Tenant, rules: &Rules, issuer: &Issuer) -> Self {
        let names = [&tenant.display_name, &tenant.slug];
        let name = names.into_iter().find(|name| !name.is_empty());
        Self {
            look: look::Look::new(name.map_or("", String::as_str), &rules.branding),
            place: issuer.path(""),
        }
    }

    /// Nobody's: for when the tenant could not be looked up.
    pub(super) fn plain() -> Self {
        Self {
            look: look::Look::plain(),
            place: String::new(),
        }
    }
}

impl Deref for Look {
    type Target = look::Look;

    fn deref(&self) -> &look::Look {
        &self.look
    }
}
