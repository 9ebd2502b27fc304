//! The grammar of our paths. Only the canonical spelling is a path of ours: nothing is decoded,
//! merged or resolved, so there is no second reading that could lead elsewhere (HN-10…12).

use crate::{door, error::Error};

/// Whether the tenant is named by the host or in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `/mcp/{server}`, `/mcp`, `/`.
    HostPerTenant,
    /// The same behind `/t/{tenant}`.
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
    /// The server with this segment.
    Server(&'a str),
    /// The merged endpoint.
    Merged,
    /// A path that belongs to the controllers, as it is in the layout of a host per tenant.
    Door(&'a str),
}

/// Reads a path.
pub(super) fn parse(path: &str, layout: Layout) -> Result<Place<'_>, Error> {
    let (tenant, rest) = match layout {
        Layout::HostPerTenant => (None, path),
        Layout::TenantInPath => {
            let rest = path.strip_prefix("/t/").ok_or(Error::UnknownPath)?;
            let end = rest.find('/').unwrap_or(rest.len());
            let (tenant, rest) = rest.split_at(end);
            (Some(segment(tenant)?), rest)
        }
    };
    let what = match (rest, layout) {
        ("/mcp", _) | ("/", Layout::HostPerTenant) | ("", Layout::TenantInPath) => What::Merged,
        _ if door::PATHS.contains(&rest) => What::Door(rest),
        _ => What::Server(segment(
            rest.strip_prefix("/mcp/").ok_or(Error::UnknownPath)?,
        )?),
    };
    Ok(Place { tenant, what })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_has_a_merged_endpoint_and_one_per_server() {
        for (path, what) in [
            ("/", What::Merged),
            ("/mcp", What::Merged),
            ("/mcp/s1", What::Server("s1")),
            ("/sessions", What::Door("/sessions")),
        ] {
            let place = parse(path, Layout::HostPerTenant).unwrap();
            assert_eq!((place.tenant, place.what), (None, what), "{path}");
        }
        for (path, what) in [
            ("/t/a", What::Merged),
            ("/t/a/mcp", What::Merged),
            ("/t/a/mcp/s1", What::Server("s1")),
            ("/t/a/sessions", What::Door("/sessions")),
        ] {
            let place = parse(path, Layout::TenantInPath).unwrap();
            assert_eq!((place.tenant, place.what), (Some("a"), what), "{path}");
        }
    }

    /// HN-10, HN-11, HN-12, TI-17.
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
            "/sessions",
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
