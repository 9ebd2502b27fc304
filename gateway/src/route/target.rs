//! An MCP URL of a tenant, and what else follows from it: its metadata's URL and the issuer of the
//! tokens that open it. Nothing is looked up, so nobody learns whether there is such a server.

use std::sync::Arc;

use super::path::{Mcp, PROTECTED_RESOURCE};
use crate::config::snapshot::Tenant;

/// An MCP URL of a tenant. Only [`super::resolve`] makes one.
#[derive(Debug)]
pub struct Target {
    site: Site,
    endpoint: Endpoint,
}

/// Under which of its addresses a tenant was called.
#[derive(Debug)]
pub(super) enum Site {
    /// Its canonical origin.
    Canonical(Arc<Tenant>),
    /// That of its aliases with this number.
    Alias(Arc<Tenant>, usize),
    /// `{origin}/t/{tenant}` of the path layout, whether or not there is such a tenant.
    Place(Option<Arc<Tenant>>, Box<str>),
}

/// Which of a tenant's MCP URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// One server, by the name in the URL.
    Server(Box<str>),
    /// All of the tenant's servers as one.
    Merged,
    /// The same, under the tenant's address alone.
    Root,
}

impl Target {
    pub(super) fn new(site: Site, endpoint: Endpoint) -> Self {
        Self { site, endpoint }
    }

    /// The tenant; none where the path layout names one that does not exist, which nobody without a
    /// credential may find out.
    pub fn tenant(&self) -> Option<&Arc<Tenant>> {
        match &self.site {
            Site::Canonical(tenant) | Site::Alias(tenant, _) => Some(tenant),
            Site::Place(tenant, _) => tenant.as_ref(),
        }
    }

    /// The server's name in the URL; none for the merged endpoint.
    pub fn server(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Server(name) => Some(name),
            Endpoint::Merged | Endpoint::Root => None,
        }
    }

    /// The tenant's authorization server: its canonical origin, or its place in the path layout.
    pub fn issuer(&self) -> &str {
        match &self.site {
            Site::Canonical(tenant) | Site::Alias(tenant, _) => &tenant.canonical_origin,
            Site::Place(_, base) => base,
        }
    }

    /// The URL as the client typed it (PRM-2). The bare address of a host ends with the slash that
    /// URL parsers put there; clients compare what they made of their user's input.
    pub fn url(&self) -> String {
        match (&self.endpoint, &self.site) {
            (Endpoint::Root, Site::Canonical(_) | Site::Alias(..)) => format!("{}/", self.base()),
            _ => format!("{}{}", self.base(), self.path()),
        }
    }

    /// The URL of its metadata (RFC 9728 §3.1), on the origin that the client typed.
    pub fn metadata_url(&self) -> String {
        let base = self.base();
        // A tenant's segment holds no slash, so this is where its place begins.
        let origin = match &self.site {
            Site::Place(..) => base.rfind("/t/").unwrap_or(base.len()),
            Site::Canonical(_) | Site::Alias(..) => base.len(),
        };
        let (origin, place) = base.split_at(origin);
        format!("{origin}{PROTECTED_RESOURCE}{place}{}", self.path())
    }

    /// What the client typed before the paths of the tenant.
    fn base(&self) -> &str {
        match &self.site {
            Site::Canonical(tenant) => &tenant.canonical_origin,
            Site::Alias(tenant, number) => &tenant.alias_origins[*number],
            Site::Place(_, base) => base,
        }
    }

    fn path(&self) -> String {
        match &self.endpoint {
            Endpoint::Server(name) => format!("/mcp/{name}"),
            Endpoint::Merged => "/mcp".to_owned(),
            Endpoint::Root => String::new(),
        }
    }
}

impl Site {
    /// That of a tenant's origins.
    pub(super) fn own(tenant: &Arc<Tenant>, origin: &str) -> Self {
        let mut aliases = tenant.alias_origins.iter();
        let alias = aliases.position(|alias| **alias == *origin);
        match alias.filter(|_| *tenant.canonical_origin != *origin) {
            Some(number) => Self::Alias(Arc::clone(tenant), number),
            None => Self::Canonical(Arc::clone(tenant)),
        }
    }
}

impl Endpoint {
    pub(super) fn of(mcp: Mcp<'_>) -> Self {
        match mcp {
            Mcp::Server(name) => Self::Server(name.into()),
            Mcp::Merged => Self::Merged,
            Mcp::Root => Self::Root,
        }
    }
}

#[cfg(test)]
impl Target {
    /// A server of a tenant, at its canonical origin.
    pub(crate) fn of_tenant(tenant: &Arc<Tenant>, server: &str) -> Self {
        let site = Site::Canonical(Arc::clone(tenant));
        Self::new(site, Endpoint::Server(server.into()))
    }

    /// A server of a tenant that does not exist, at `https://gw.test/t/nobody`.
    pub(crate) fn of_nobody(server: &str) -> Self {
        let site = Site::Place(None, "https://gw.test/t/nobody".into());
        Self::new(site, Endpoint::Server(server.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PRM-1, PRM-2.
    #[test]
    fn metadata_stands_where_the_path_is_put_behind_the_well_known_uri() {
        let place = |endpoint| {
            let target = Target::new(Site::Place(None, "https://gw.test/t/t".into()), endpoint);
            (target.url(), target.metadata_url())
        };
        for (endpoint, path) in [
            (Endpoint::Root, ""),
            (Endpoint::Merged, "/mcp"),
            (Endpoint::Server("t".into()), "/mcp/t"),
        ] {
            let (url, metadata) = place(endpoint);
            assert_eq!(url, format!("https://gw.test/t/t{path}"));
            let expected =
                format!("https://gw.test/.well-known/oauth-protected-resource/t/t{path}");
            assert_eq!(metadata, expected);
        }
    }
}
