//! Where: host, origin and path → [`Route`]. It decides whose address was called and whether the
//! request can only be read in one way; it looks nothing up that needs a credential.

mod http_rules;
mod origin;
mod path;
mod target;

use std::{borrow::Cow, sync::Arc};

use http::{HeaderValue, Method, StatusCode, request::Parts};

pub use origin::{Cors, allow};
pub use target::Target;

use self::target::{Endpoint, Site};
use crate::{
    config::snapshot::{Snapshot, Tenant},
    door::Audience,
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
    /// What clients must know before they can call that.
    Metadata(Target),
    /// What the controllers answer.
    Door(DoorCall),
    /// Nothing, and anybody may know.
    Nothing,
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
        (Host::Shared(_), None) => (None, None),
    };
    *cors = match place.what.audience() {
        Audience::Everybody => Some(Cors::Everybody),
        Audience::Known => origin::check(&parts.headers, tenant.map(|tenant| &**tenant), own)?,
        Audience::Nobody => None,
    };
    let target = |mcp| {
        let site = match (host, place.tenant) {
            (Host::Tenant(tenant, origin), _) => Site::own(tenant, origin),
            (Host::Shared(_), slug) => Site::Place(tenant.cloned(), host.typed(slug)),
        };
        Target::new(site, Endpoint::of(mcp))
    };
    Ok(match place.what {
        path::What::Mcp(mcp) => Route::Mcp(target(mcp)),
        path::What::Metadata(mcp) => Route::Metadata(target(mcp)),
        path::What::Door(path, _) => Route::Door(DoorCall {
            tenant: tenant.map(|tenant| tenant.slug.as_str().into()),
            origin: host.typed(place.tenant),
            path: path.into(),
        }),
        path::What::Nothing => Route::Nothing,
    })
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
