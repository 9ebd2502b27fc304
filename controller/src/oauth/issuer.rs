//! Whose authorization server was called. The issuer is one string, the tenant's canonical origin or
//! its place in the path layout, and every URL that is told to anybody begins with it.

use crate::{
    auth::Visit,
    store::{Place, tenant::Tenant},
};

/// A tenant's authorization server as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    base: String,
    found: Found,
}

/// Under which of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The issuer's own.
    Canonical,
    /// An alias, with that origin: it answers programs, and sends people to the canonical one.
    Alias(String),
}

impl Issuer {
    /// That of a tenant, found where the gateway says.
    pub(crate) fn of(tenant: &Tenant, visit: &Visit) -> Self {
        let canonical = tenant.origins.first().map_or("", String::as_str);
        let (base, found) = match &visit.place {
            Place::Tenant(_) => (visit.base.clone(), Found::Canonical),
            Place::Origin(origin) if origin == canonical => (origin.clone(), Found::Canonical),
            Place::Origin(origin) => (canonical.to_owned(), Found::Alias(origin.clone())),
        };
        Self { base, found }
    }

    /// That of a tenant in the layout of a host per tenant.
    pub(crate) fn canonical(tenant: &Tenant) -> Self {
        Self {
            base: tenant.origins.first().cloned().unwrap_or_default(),
            found: Found::Canonical,
        }
    }

    /// The string (RFC 8414 §2): `iss` of tokens and answers, `issuer` of metadata.
    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    /// The absolute URL of a path of ours, `/token` for example.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The path of a page as browsers see it: in the path layout, the tenant's place comes before it.
    pub(crate) fn path(&self, path: &str) -> String {
        let place = self.base.splitn(4, '/').nth(3);
        match place {
            Some(place) => format!("/{place}{path}"),
            None => path.to_owned(),
        }
    }

    /// The origin of our pages, as browsers send it in `Origin`.
    pub(crate) fn origin(&self) -> &str {
        let end = self.base.match_indices('/').nth(2).map(|(at, _)| at);
        &self.base[..end.unwrap_or(self.base.len())]
    }

    /// The address that was called, as [`Visit::base`] has it.
    pub(crate) fn called(&self) -> &str {
        match &self.found {
            Found::Canonical => &self.base,
            Found::Alias(origin) => origin,
        }
    }

    /// Where it was found.
    pub(crate) fn found(&self) -> &Found {
        &self.found
    }

    /// Whether browsers reach it over TLS, so that cookies can be kept to it.
    pub(crate) fn is_https(&self) -> bool {
        self.base.starts_with("https://")
    }

    /// What cookies of this tenant's pages are called. Tenants of the path layout share a host, so
    /// the name tells them apart; browsers keep `__Host-` to secure origins.
    pub(crate) fn cookie(&self, what: &str) -> String {
        let prefix = if self.is_https() { "__Host-" } else { "" };
        match self.path("").strip_prefix("/t/") {
            Some(tenant) => format!("{prefix}aldgate_{what}_{tenant}"),
            None => format!("{prefix}aldgate_{what}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An issuer at this base.
    pub(crate) fn at(base: &str) -> Issuer {
        Issuer {
            base: base.to_owned(),
            found: Found::Canonical,
        }
    }

    /// The same, found at an alias.
    pub(crate) fn at_alias(base: &str, alias: &str) -> Issuer {
        Issuer {
            base: base.to_owned(),
            found: Found::Alias(alias.to_owned()),
        }
    }

    #[test]
    fn urls_and_paths_begin_with_the_issuer() {
        let host = at("https://acme.test:8443");
        assert_eq!(host.url("/token"), "https://acme.test:8443/token");
        assert_eq!(host.path("/login"), "/login");
        assert_eq!(host.origin(), "https://acme.test:8443");
        assert_eq!(host.cookie("session"), "__Host-aldgate_session");
        let shared = at("http://gw.test/t/acme");
        assert_eq!(shared.url("/token"), "http://gw.test/t/acme/token");
        assert_eq!(shared.path("/login"), "/t/acme/login");
        assert_eq!(shared.origin(), "http://gw.test");
        assert_eq!(shared.cookie("session"), "aldgate_session_acme");
    }
}
