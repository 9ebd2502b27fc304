//! The grammar of our paths. Only the canonical spelling is a path of ours: nothing is decoded,
//! merged or resolved, so there is no second reading that could lead elsewhere (HN-10…12).

use crate::{
    door::{self, Audience},
    error::Error,
};

/// Whether the tenant is named by the host or in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `/mcp/{server}`, `/mcp`, `/`.
    HostPerTenant,
    /// The same behind `/t/{tenant}`, and well-known URIs in front of it, too.
    TenantInPath,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The tenant's segment, in the path layout.
    pub(super) tenant: Option<&'a str>,
    /// What of the tenant's.
    pub(super) what: What<'a>,
}

/// What a tenant has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// An MCP URL.
    Mcp(Mcp<'a>),
    /// The metadata of an MCP URL (RFC 9728 §3).
    Metadata(Mcp<'a>),
    /// A path that belongs to the controllers, as it is in the layout of a host per tenant.
    Door(&'a str, Audience),
    /// A well-known URI at which nothing is, which anybody may find out.
    Nothing,
}

impl What<'_> {
    /// Whose pages may call it.
    pub(super) fn audience(&self) -> Audience {
        match self {
            Self::Mcp(_) => Audience::Known,
            Self::Metadata(_) | Self::Nothing => Audience::Everybody,
            Self::Door(_, audience) => *audience,
        }
    }
}

/// One of a tenant's MCP URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mcp<'a> {
    /// The server with this segment.
    Server(&'a str),
    /// The merged endpoint.
    Merged,
    /// The merged endpoint under the tenant's address alone.
    Root,
}

/// Reads a path.
pub(super) fn parse(path: &str, layout: Layout) -> Result<Place<'_>, Error> {
    let (tenant, what) = match layout {
        Layout::HostPerTenant => (None, of_tenant(path, "/")),
        Layout::TenantInPath if path.starts_with(WELL_KNOWN) => match inserted(path) {
            Some((tenant, what)) => (Some(tenant), Ok(what)),
            None => (None, Ok(What::Nothing)),
        },
        Layout::TenantInPath => {
            let (tenant, rest) = place(path)?;
            (Some(tenant), of_tenant(rest, ""))
        }
    };
    Ok(Place {
        tenant,
        what: what?,
    })
}

/// What a path below a tenant's address names, which by itself is written as `root`.
fn of_tenant<'a>(path: &'a str, root: &str) -> Result<What<'a>, Error> {
    if let Ok(called) = mcp(path, root) {
        return Ok(What::Mcp(called));
    }
    if let Some(rest) = path.strip_prefix(PROTECTED_RESOURCE) {
        // RFC 9728 §3.1: behind the well-known URI stands the path, without the slash of an empty one.
        return Ok(mcp(rest, "").map_or(What::Nothing, What::Metadata));
    }
    if let Some(audience) = door(path) {
        return Ok(What::Door(path, audience));
    }
    path.starts_with(WELL_KNOWN)
        .then_some(What::Nothing)
        .ok_or(Error::UnknownPath)
}

fn mcp<'a>(path: &'a str, root: &str) -> Result<Mcp<'a>, Error> {
    match path {
        "/mcp" => Ok(Mcp::Merged),
        _ if path == root => Ok(Mcp::Root),
        _ => {
            let server = path.strip_prefix("/mcp/").ok_or(Error::UnknownPath)?;
            segment(server).map(Mcp::Server)
        }
    }
}

/// Whose page may call a path of the controllers', if it is one.
fn door(path: &str) -> Option<Audience> {
    let known = |known: &&(&str, Audience)| known.0 == path;
    if let Some((_, audience)) = door::PATHS.iter().find(known) {
        return Some(*audience);
    }
    let mut folders = door::FOLDERS.into_iter();
    let inside = folders.find_map(|folder| path.strip_prefix(folder));
    let page = inside.is_some_and(|rest| segment(rest).is_ok());
    page.then_some(Audience::Nobody)
}

/// RFC 8414 §3.1, RFC 9728 §3.1: the well-known URI of `/t/{tenant}…` stands in front of it.
fn inserted(path: &str) -> Option<(&str, What<'_>)> {
    if let Some(rest) = path.strip_prefix(PROTECTED_RESOURCE) {
        let (tenant, rest) = place(rest).ok()?;
        return Some((tenant, What::Metadata(mcp(rest, "").ok()?)));
    }
    door::ISSUER_METADATA.iter().find_map(|known| {
        let (tenant, rest) = place(path.strip_prefix(known)?).ok()?;
        let own = &path[..known.len()];
        rest.is_empty()
            .then_some((tenant, What::Door(own, Audience::Everybody)))
    })
}

/// A tenant's segment in the path layout, and what stands behind it.
fn place(path: &str) -> Result<(&str, &str), Error> {
    let rest = path.strip_prefix("/t/").ok_or(Error::UnknownPath)?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (tenant, rest) = rest.split_at(end);
    Ok((segment(tenant)?, rest))
}

/// A slug (`proto::name`), checked without allocating. Whatever else a path may hold (dots, `%`, `;`,
/// `\`, empty segments) is not in its alphabet.
fn segment(text: &str) -> Result<&str, Error> {
    let bytes = text.as_bytes();
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = bytes.first().is_some_and(word) && bytes.last().is_some_and(word);
    let inside = bytes.iter().all(|byte| word(byte) || *byte == b'-')
        && !bytes.windows(2).any(|pair| pair == b"--");
    (ends && inside && bytes.len() <= 40)
        .then_some(text)
        .ok_or(Error::UnknownPath)
}

const WELL_KNOWN: &str = "/.well-known/";
/// RFC 9728 §3.
pub(super) const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_has_a_merged_endpoint_and_one_per_server() {
        for (path, what) in [
            ("/", What::Mcp(Mcp::Root)),
            ("/mcp", What::Mcp(Mcp::Merged)),
            ("/mcp/s1", What::Mcp(Mcp::Server("s1"))),
            ("/sessions", What::Door("/sessions", Audience::Known)),
        ] {
            let place = parse(path, Layout::HostPerTenant).unwrap();
            assert_eq!((place.tenant, place.what), (None, what), "{path}");
        }
        for (path, what) in [
            ("/t/a", What::Mcp(Mcp::Root)),
            ("/t/a/mcp", What::Mcp(Mcp::Merged)),
            ("/t/a/mcp/s1", What::Mcp(Mcp::Server("s1"))),
            ("/t/a/sessions", What::Door("/sessions", Audience::Known)),
        ] {
            let place = parse(path, Layout::TenantInPath).unwrap();
            assert_eq!((place.tenant, place.what), (Some("a"), what), "{path}");
        }
    }

    /// ASM-3, PRM-1: in the path layout before and behind the tenant's place.
    #[test]
    fn metadata_is_where_clients_look_for_it() {
        let server = "/.well-known/oauth-authorization-server";
        let openid = "/.well-known/openid-configuration";
        let issuer = |path| What::Door(path, Audience::Everybody);
        for (path, what) in [
            ("", What::Metadata(Mcp::Root)),
            ("/mcp", What::Metadata(Mcp::Merged)),
            ("/mcp/s1", What::Metadata(Mcp::Server("s1"))),
            ("/", What::Nothing),
            ("/mcp/S1", What::Nothing),
        ] {
            let own = format!("{PROTECTED_RESOURCE}{path}");
            let place = parse(&own, Layout::HostPerTenant).unwrap();
            assert_eq!((place.tenant, place.what), (None, what), "{own}");
            let appended = format!("/t/a{own}");
            let place = parse(&appended, Layout::TenantInPath).unwrap();
            assert_eq!((place.tenant, place.what), (Some("a"), what), "{appended}");
            let inserted = format!("{PROTECTED_RESOURCE}/t/a{path}");
            let place = parse(&inserted, Layout::TenantInPath).unwrap();
            let tenant = (what != What::Nothing).then_some("a");
            assert_eq!((place.tenant, place.what), (tenant, what), "{inserted}");
        }
        for own in [server, openid] {
            let place = parse(own, Layout::HostPerTenant).unwrap();
            assert_eq!(place.what, issuer(own));
            for path in [format!("/t/a{own}"), format!("{own}/t/a")] {
                let place = parse(&path, Layout::TenantInPath).unwrap();
                assert_eq!((place.tenant, place.what), (Some("a"), issuer(own)));
            }
            for path in [
                own.to_owned(),
                format!("{own}/mcp/s1"),
                format!("{own}/t/a/mcp"),
                format!("{own}/t/a/"),
                format!("{own}/../t/a"),
                format!("{own}x/t/a"),
            ] {
                let place = parse(&path, Layout::TenantInPath).unwrap();
                assert_eq!((place.tenant, place.what), (None, What::Nothing), "{path}");
            }
        }
        for path in [
            format!("{server}/mcp/s1"),
            "/.well-known/other".into(),
            "/.well-known/".into(),
        ] {
            let place = parse(&path, Layout::HostPerTenant).unwrap();
            assert_eq!(place.what, What::Nothing, "{path}");
        }
    }

    #[test]
    fn pages_are_for_no_other_page_and_endpoints_for_all() {
        for (path, audience) in [
            ("/token", Audience::Everybody),
            ("/jwks", Audience::Everybody),
            ("/register", Audience::Everybody),
            ("/device_authorization", Audience::Everybody),
            ("/authorize", Audience::Nobody),
            ("/device", Audience::Nobody),
            ("/connections/disconnect", Audience::Nobody),
            ("/login", Audience::Nobody),
            ("/login/okta", Audience::Nobody),
            ("/callback/okta-2", Audience::Nobody),
        ] {
            let place = parse(path, Layout::HostPerTenant).unwrap();
            assert_eq!(place.what, What::Door(path, audience));
            let shared = format!("/t/a{path}");
            let place = parse(&shared, Layout::TenantInPath).unwrap();
            assert_eq!(place.what, What::Door(path, audience));
        }
    }

    /// HN-10, HN-11, HN-12, TI-17, A45.
    #[test]
    fn no_other_spelling_is_a_path() {
        for path in [
            "/mcp/../b/s1",
            "/mcp/./s1",
            "/mcp/%2e%2e/b",
            "/mcp/s%31",
            "/mcp/a%2Fs1",
            "/mcp/a%252Fs1",
            "/mcp/a\\s1",
            "/mcp//s1",
            "//mcp/s1",
            "/mcp/s1/",
            "/mcp/",
            "/mcp/s1;x=1",
            "/mcp;x/s1",
            "/MCP/s1",
            "/mcp/S1",
            "/mcp/s1/extra",
            "/mcp/-s",
            "/mcp/s--1",
            "/sessions/",
            "/Sessions",
            "/mcp/../sessions",
            "/callback",
            "/login/",
            "/login/../token",
            "/login/A",
            "/login/okta/x",
            "/token/",
            "/token/x",
            "/Token",
            "/.well-known",
            "/x/../.well-known/oauth-protected-resource",
            "/metrics",
            "/debug",
            "/readyz",
            "",
            "*",
        ] {
            for layout in [Layout::HostPerTenant, Layout::TenantInPath] {
                assert!(
                    matches!(parse(path, layout), Err(Error::UnknownPath)),
                    "{path}"
                );
            }
        }
        for path in [
            "/t",
            "/t/",
            "/t/a/",
            "/t/a/../b/mcp/s1",
            "/t/A/mcp",
            "/t//mcp",
            "/t//sessions",
            "/t/A/.well-known/oauth-protected-resource",
            "/sessions",
            "/token",
            "/login/okta",
            "/mcp/s1",
            "/",
        ] {
            let outcome = parse(path, Layout::TenantInPath);
            assert!(matches!(outcome, Err(Error::UnknownPath)), "{path}");
        }
    }

    #[test]
    fn a_segment_is_a_slug() {
        let longest = "a".repeat(40);
        for text in [
            "a",
            "a-b",
            "7-eleven",
            "a--b",
            "-a",
            "a-",
            "",
            "A",
            "a_b",
            &longest,
            &"a".repeat(41),
        ] {
            let slug = text.parse::<proto::name::Slug>().is_ok();
            assert_eq!(segment(text).is_ok(), slug, "{text}");
        }
    }
}
