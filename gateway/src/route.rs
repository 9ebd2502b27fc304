//! Where: host, origin and path → [`Route`]. It decides whose address was called and whether the
//! request can only be read in one way; it looks nothing up that needs a credential.

mod http_rules;
mod origin;
mod path;

use std::{borrow::Cow, sync::Arc};

use http::{HeaderValue, Method, StatusCode, request::Parts};

pub use origin::{Cors, allow};

use crate::{
    config::snapshot::{Snapshot, Tenant},
    error::Error,
};

/// How the node's public URLs look beyond a host per tenant.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// `host[:port]` under which all tenants live as `/t/{tenant}`, and its origin.
    path: Option<PathOrigin>,
}

#[derive(Debug, Clone)]
struct PathOrigin {
    origin: Box<str>,
    authority: Box<str>,
}

impl Layout {
    /// With the path layout under this origin (`scheme://host[:port]`, lower case).
    pub fn with_path_origin(origin: &str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let canonical = matches!(scheme, "http" | "https")
            && !authority.is_empty()
            && !authority.contains(['/', '?', '#', '@'])
            && !origin.bytes().any(|byte| byte.is_ascii_uppercase());
        canonical.then(|| Self {
            path: Some(PathOrigin {
                origin: origin.into(),
                authority: authority.into(),
            }),
        })
    }
}

/// What was called. Only [`resolve`] makes one.
#[derive(Debug)]
pub enum Route {
    /// MCP.
    Mcp(Target),
    /// What the controllers answer.
    Door(DoorCall),
}

/// A path that belongs to the controllers.
#[derive(Debug)]
pub struct DoorCall {
    /// The tenant's slug, where the tenant exists.
    pub tenant: Option<Box<str>>,
    /// Where the client found it: the origin it typed, and `/t/{tenant}` in the path layout.
    pub origin: Box<str>,
    /// The path as it is in the layout of a host per tenant.
    pub path: Box<str>,
}

/// An MCP URL of a tenant. Only [`resolve`] makes one.
#[derive(Debug)]
pub struct Target {
    tenant: Option<Arc<Tenant>>,
    endpoint: Endpoint,
}

/// Which of a tenant's MCP URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Endpoint {
    /// One server, by the name in the URL.
    Server(Box<str>),
    /// All of the tenant's servers as one.
    Merged,
}

impl Target {
    /// The tenant; none where the path layout names one that does not exist, which nobody without a
    /// credential may find out.
    pub fn tenant(&self) -> Option<&Arc<Tenant>> {
        self.tenant.as_ref()
    }

    /// The server's name in the URL; none for the merged endpoint.
    pub fn server(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Server(name) => Some(name),
            Endpoint::Merged => None,
        }
    }
}

/// Finds what was called. `cors` is set as soon as it is known that the calling page may read the
/// reply, so that failures after that point are readable too.
pub fn resolve(
    snapshot: &Snapshot,
    layout: &Layout,
    parts: &Parts,
    cors: &mut Option<Cors>,
) -> Result<Route, Error> {
    // First, because CONNECT has a target of its own form, which is no fault of the client's.
    if !METHODS.contains(&parts.method) {
        return Err(Error::MethodNotAllowed);
    }
    let authority = http_rules::check(parts)?;
    let host = find_host(snapshot, layout, authority).ok_or(Error::UnknownHost)?;
    let place = path::parse(parts.uri.path(), host.layout())?;
    let (tenant, own) = match (host, place.tenant) {
        (Host::Tenant(tenant, _), _) => (Some(tenant), None),
        (Host::Shared(origin), Some(slug)) => (snapshot.tenant_by_slug(slug), Some(origin)),
        (Host::Shared(_), None) => return Err(Error::UnknownPath),
    };
    *cors = origin::check(&parts.headers, tenant.map(|tenant| &**tenant), own)?;
    let endpoint = match place.what {
        path::What::Server(name) => Endpoint::Server(name.into()),
        path::What::Merged => Endpoint::Merged,
        path::What::Door(path) => {
            return Ok(Route::Door(DoorCall {
                tenant: tenant.map(|tenant| tenant.slug.as_str().into()),
                origin: host.typed(place.tenant),
                path: path.into(),
            }));
        }
    };
    Ok(Route::Mcp(Target {
        tenant: tenant.cloned(),
        endpoint,
    }))
}

/// The answer to a CORS preflight, which browsers send without a credential.
pub fn preflight() -> http::Response<()> {
    let mut reply = http::Response::new(());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    headers.insert(http::header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(http::header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    reply
}

/// Whose host was called.
#[derive(Clone, Copy)]
enum Host<'a> {
    /// A tenant's own, with that of its origins.
    Tenant(&'a Arc<Tenant>, &'a str),
    /// The host of the path layout, with its origin.
    Shared(&'a str),
}

impl Host<'_> {
    fn layout(self) -> path::Layout {
        match self {
            Self::Tenant(..) => path::Layout::HostPerTenant,
            Self::Shared(_) => path::Layout::TenantInPath,
        }
    }

    /// What the client typed before the paths of the tenant.
    fn typed(self, tenant: Option<&str>) -> Box<str> {
        match (self, tenant) {
            (Self::Shared(origin), Some(tenant)) => format!("{origin}/t/{tenant}").into(),
            (Self::Tenant(_, origin) | Self::Shared(origin), _) => origin.into(),
        }
    }
}

/// Hosts are compared without case and without a default port, which some clients write.
fn find_host<'a>(snapshot: &'a Snapshot, layout: &'a Layout, authority: &str) -> Option<Host<'a>> {
    let authority = if authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(authority.to_ascii_lowercase())
    } else {
        Cow::Borrowed(authority)
    };
    let find = |authority: &str| {
        let shared = layout
            .path
            .as_ref()
            .filter(|shared| *shared.authority == *authority);
        if let Some(shared) = shared {
            return Some(Host::Shared(&shared.origin));
        }
        let tenant = snapshot.tenant_by_authority(authority)?;
        Some(Host::Tenant(tenant, own_origin(tenant, authority)?))
    };
    find(&authority).or_else(|| {
        let (host, port) = authority.rsplit_once(':')?;
        matches!(port, "80" | "443").then(|| find(host)).flatten()
    })
}

/// That of a tenant's origins which has this authority.
fn own_origin<'a>(tenant: &'a Tenant, authority: &str) -> Option<&'a str> {
    std::iter::once(&tenant.canonical_origin)
        .chain(&tenant.alias_origins)
        .map(|origin| &**origin)
        .find(|origin| {
            origin
                .split_once("://")
                .is_some_and(|(_, own)| own == authority)
        })
}

const METHODS: [Method; 5] = [
    Method::POST,
    Method::GET,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
];
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE, OPTIONS");
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
