//! What a token may be for. `mcp` is everything that its user may do, `mcp:read` what only reads; a
//! tenant may name further scopes, without which a token does not carry certain roles. The scopes of
//! OpenID Connect are accepted and dropped, for many clients ask for them whatever is published.

use super::rules::Rules;

/// Everything that the user may do.
pub(crate) const ALL: &str = "mcp";
/// What only reads.
pub(crate) const READ: &str = "mcp:read";
/// Lets the command line in to the admin API.
pub(crate) const ADMIN: &str = "aldgate:admin";
/// Asks for a refresh token, which every client gets that can use one; published in the metadata of
/// the authorization server alone, because some clients ask only for what is.
pub(crate) const OFFLINE: &str = "offline_access";

/// Nothing that was asked for is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("none of the scopes asked for is known here")]
pub(crate) struct Unknown;

/// The scopes that are granted for what was asked. Without a wish, or with one for nothing but what is
/// dropped, it is `mcp`.
pub(crate) fn choose(asked: Option<&str>, rules: &Rules) -> Result<Vec<String>, Unknown> {
    let mut granted: Vec<String> = Vec::new();
    let mut unknown = false;
    for scope in asked.unwrap_or_default().split_ascii_whitespace() {
        if scope == ALL || scope == READ || scope == ADMIN || rules.scope(scope).is_some() {
            if !granted.iter().any(|known| known == scope) {
                granted.push(scope.to_owned());
            }
        } else if !DROPPED.contains(&scope) {
            unknown = true;
        }
    }
    if granted.is_empty() {
        if unknown {
            return Err(Unknown);
        }
        granted.push(ALL.to_owned());
    }
    Ok(granted)
}

/// What refreshing may ask for: some of what was granted, each once, and nothing else (RFC 6749 §6).
pub(crate) fn narrow(asked: Option<&str>, granted: &[String]) -> Result<Vec<String>, Unknown> {
    let asked = asked.unwrap_or_default().split_ascii_whitespace();
    let mut narrowed: Vec<String> = Vec::new();
    for wanted in asked.filter(|scope| !DROPPED.contains(scope)) {
        let found = granted.iter().find(|scope| *scope == wanted);
        let found = found.ok_or(Unknown)?;
        if !narrowed.contains(found) {
            narrowed.push(found.clone());
        }
    }
    if narrowed.is_empty() {
        return Ok(granted.to_vec());
    }
    Ok(narrowed)
}

/// What is published as known (RFC 8414 §2).
pub(crate) fn published(rules: &Rules) -> Vec<&str> {
    let own = rules.scopes.iter().map(|scope| scope.name.as_str());
    [ALL, READ]
        .into_iter()
        .chain(own)
        .chain([OFFLINE])
        .collect()
}

/// Whether a scope has a meaning, or may get one, that no tenant can give it.
pub(crate) fn is_reserved(name: &str) -> bool {
    [ALL, READ, ADMIN].contains(&name)
        || DROPPED.contains(&name)
        || name.starts_with("mcp:")
        || name.starts_with("aldgate:")
}

const DROPPED: [&str; 6] = [OFFLINE, "openid", "profile", "email", "address", "phone"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openid_scopes_are_dropped_and_unknown_ones_too_unless_nothing_is_left() {
        let rules = Rules::default();
        let of = |asked| choose(asked, &rules).map(|scopes| scopes.join(" "));
        for (asked, granted) in [
            (None, Ok("mcp")),
            (Some(""), Ok("mcp")),
            (Some("openid profile email offline_access"), Ok("mcp")),
            (Some("mcp:read mcp:read"), Ok("mcp:read")),
            (Some("mcp bogus"), Ok("mcp")),
            (Some("bogus"), Err(Unknown)),
        ] {
            assert_eq!(of(asked), granted.map(str::to_owned), "{asked:?}");
        }
    }

    /// REF-1, A17, OA-18.
    #[test]
    fn refreshing_narrows_and_never_widens() {
        let granted = ["mcp".to_owned(), "x".to_owned()];
        let of = |asked| narrow(asked, &granted).map(|scopes| scopes.join(" "));
        assert_eq!(of(None).unwrap(), "mcp x");
        assert_eq!(of(Some("x offline_access")).unwrap(), "x");
        assert_eq!(of(Some("x mcp x x")).unwrap(), "x mcp");
        assert_eq!(of(Some("x y")), Err(Unknown));
    }
}
