//! Which MCP URLs a token opens (RFC 8707). The canonical form of a resource is its URL under the
//! issuer; the URL of all servers together stands for each of them.

use url::Url;

use super::issuer::{Found, Issuer};

/// It is none of this tenant's MCP URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an MCP URL of this issuer")]
pub(crate) struct Unknown;

/// The canonical URL of all servers together: what a token opens when nothing was asked for.
pub(crate) fn all(issuer: &Issuer) -> String {
    issuer.url("/mcp")
}

/// What the command line's tokens for the admin API are for.
pub(crate) const ADMIN: &str = "urn:aldgate:admin";

/// The canonical forms of the resources asked for, each once; none for none. More than [`MOST`] are
/// refused: each is in every token. Whether a server of that
/// name exists makes no difference: nobody learns it here.
pub(crate) fn canonical(issuer: &Issuer, asked: &[&str]) -> Result<Vec<String>, Unknown> {
    if asked.len() > MOST {
        return Err(Unknown);
    }
    let mut found = Vec::new();
    for asked in asked {
        let one = canonical_one(issuer, asked)?;
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

/// RES-1, RES-6: absolute, without a fragment; the case of scheme and host, a default port and one
/// slash at the end make no difference.
fn canonical_one(issuer: &Issuer, asked: &str) -> Result<String, Unknown> {
    if asked == ADMIN {
        return Ok(asked.to_owned());
    }
    let url = Url::parse(asked).map_err(|_| Unknown)?;
    let plain = url.fragment().is_none()
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !plain {
        return Err(Unknown);
    }
    let alias = match issuer.found() {
        Found::Alias(origin) => Some(origin.as_str()),
        Found::Canonical => None,
    };
    let text = url.as_str();
    let text = text.strip_suffix('/').unwrap_or(text);
    let rest = [Some(issuer.as_str()), alias]
        .into_iter()
        .flatten()
        .find_map(|base| text.strip_prefix(base))
        .ok_or(Unknown)?;
    match rest {
        "" | "/mcp" => Ok(all(issuer)),
        _ => {
            let server = rest.strip_prefix("/mcp/").ok_or(Unknown)?;
            let server: proto::name::Slug = server.parse().map_err(|_| Unknown)?;
            Ok(issuer.url(&format!("/mcp/{server}")))
        }
    }
}

/// What a token request may ask for: some of what was granted (RES-4, RES-5); without a wish, all.
pub(crate) fn narrow(wanted: Vec<String>, granted: &[String]) -> Result<Vec<String>, Unknown> {
    if wanted.is_empty() {
        return Ok(granted.to_vec());
    }
    let covered = |one: &String| granted.iter().any(|granted| covers(granted, one));
    wanted.iter().all(covered).then_some(wanted).ok_or(Unknown)
}

/// Whether one resource is, or contains, the other.
pub(crate) fn covers(granted: &str, wanted: &str) -> bool {
    granted == wanted
        || granted.ends_with("/mcp")
            && wanted
                .strip_prefix(granted)
                .is_some_and(|rest| rest.starts_with('/'))
}

/// How many resources one request names.
const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::issuer::tests::{at, at_alias};

    #[test]
    fn spellings_of_one_resource_are_one() {
        let issuer = at("https://acme.test");
        for asked in [
            "https://acme.test/mcp/files",
            "https://acme.test/mcp/files/",
            "HTTPS://ACME.test:443/mcp/files",
        ] {
            let found = canonical(&issuer, &[asked]).unwrap();
            assert_eq!(found, ["https://acme.test/mcp/files"], "{asked}");
        }
        for asked in [
            "https://acme.test",
            "https://acme.test/",
            "https://acme.test/mcp",
        ] {
            assert_eq!(
                canonical(&issuer, &[asked]).unwrap(),
                ["https://acme.test/mcp"]
            );
        }
    }

    /// OA-22, A12.
    #[test]
    fn what_is_not_an_mcp_url_of_the_issuer_is_unknown() {
        let issuer = at("https://acme.test");
        for asked in [
            "https://b.test/mcp/files",
            "https://acme.test.evil.test/mcp",
            "https://acme.test@evil.test/mcp",
            "https://acme.test:8443/mcp",
            "https://acme.test/other",
            "https://acme.test/mcp/a/b",
            "https://acme.test/mcp/A",
            "https://acme.test/mcp?x",
            "https://acme.test/mcp#x",
            "mcp",
            "",
        ] {
            assert_eq!(canonical(&issuer, &[asked]), Err(Unknown), "{asked}");
        }
    }

    #[test]
    fn nobody_asks_for_very_many() {
        let issuer = at("https://acme.test");
        let all: Vec<_> = (0..=MOST)
            .map(|at| format!("https://acme.test/mcp/s{at}"))
            .collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert_eq!(canonical(&issuer, &all[..MOST]).unwrap().len(), MOST);
        assert_eq!(canonical(&issuer, &all), Err(Unknown));
    }

    #[test]
    fn an_alias_means_the_canonical_origin() {
        let issuer = at_alias("https://acme.test", "http://localhost:8081");
        let found = canonical(&issuer, &["http://localhost:8081/mcp/x"]).unwrap();
        assert_eq!(found, ["https://acme.test/mcp/x"]);
    }

    #[test]
    fn a_request_narrows_and_never_widens() {
        let all = vec!["https://acme.test/mcp".to_owned()];
        let one = vec!["https://acme.test/mcp/x".to_owned()];
        assert_eq!(narrow(Vec::new(), &all), Ok(all.clone()));
        assert_eq!(narrow(one.clone(), &all), Ok(one.clone()));
        assert_eq!(narrow(all, &one), Err(Unknown));
    }
}
