//! Names of headers that operators choose, and values that are sent in them: what may be one, and
//! which are taken.

use super::field::Checks;

/// Why a header cannot be used.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// No header name at all.
    #[error("must be a header name: letters, digits and !#$%&'*+-.^_`|~, at most 256 of them")]
    NoName,
    /// Somebody else's.
    #[error("is a header that HTTP, MCP or the gateway itself uses; choose another one")]
    Reserved,
}

/// RFC 9110 §5.1 and §5.6.2, and the names that have another meaning on the way to a server.
pub(super) fn check(name: &str) -> Result<(), HeaderError> {
    check_token(name)?;
    let name = name.to_ascii_lowercase();
    let is_reserved = RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    if is_reserved {
        return Err(HeaderError::Reserved);
    }
    Ok(())
}

/// What a proxy in front of us says of users: the same, but it may be told in what proxies are used
/// to tell it in.
pub(super) fn check_forwarded(name: &str) -> Result<(), HeaderError> {
    check_token(name)?;
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("x-forwarded-") {
        Some("for" | "host" | "port" | "prefix" | "proto" | "server") => Err(HeaderError::Reserved),
        Some(_) => Ok(()),
        None => check(&name),
    }
}

fn check_token(name: &str) -> Result<(), HeaderError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(is_token) {
        return Err(HeaderError::NoName);
    }
    Ok(())
}

/// A value is taken literally: nothing in it is ever interpreted, `${…}` and `{{…}}` included
/// (CL-12).
pub(super) fn check_value(checks: &mut Checks, field: &str, value: &str) {
    if value.is_empty() || value.len() > MAX_VALUE {
        checks.refuse(field, format!("must have 1 to {MAX_VALUE} characters"));
    } else if !value
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        checks.refuse(
            field,
            "must be visible ASCII: no line ends, tabs or other characters",
        );
    } else if value.starts_with(' ') || value.ends_with(' ') {
        checks.refuse(field, "must not start or end with a space");
    }
}

/// The longest value.
pub(super) const MAX_VALUE: usize = 4096;

const RESERVED: [&str; 26] = [
    "age",
    "authorization",
    "baggage",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "max-forwards",
    "origin",
    "range",
    "referer",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];
const RESERVED_PREFIXES: [&str; 9] = [
    "accept",
    "access-control-",
    "content-",
    "if-",
    "mcp-",
    "proxy-",
    "sec-",
    "x-accel-",
    "x-forwarded-",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// S1-28.
    #[test]
    fn headers_with_another_meaning_are_refused() {
        assert_eq!(check("X-Custom_Key.2"), Ok(()));
        for reserved in [
            "Authorization",
            "HOST",
            "content-length",
            "Transfer-Encoding",
            "Connection",
            "Mcp-Session-Id",
            "MCP-Protocol-Version",
            "mcp-param-region",
            "Proxy-Authorization",
            "Cookie",
            "Set-Cookie",
            "Accept",
            "accept-encoding",
            "x-forwarded-for",
            "x-forwarded-user",
            "forwarded",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "traceparent",
            "tracestate",
            "last-event-id",
        ] {
            assert_eq!(check(reserved), Err(HeaderError::Reserved), "{reserved}");
        }
        for bad in ["", "a b", "a:b", "a\r\nb", "ä", "a\0", &"a".repeat(257)] {
            assert_eq!(check(bad), Err(HeaderError::NoName), "{bad}");
        }
        assert_eq!(check(&"a".repeat(256)), Ok(()));
    }

    /// S4-24.
    #[test]
    fn a_proxy_may_name_users_in_forwarded_headers_but_not_where_they_come_from() {
        for good in ["X-Forwarded-User", "x-forwarded-email", "X-Remote-User"] {
            assert_eq!(check_forwarded(good), Ok(()), "{good}");
        }
        for bad in [
            "X-Forwarded-For",
            "x-forwarded-host",
            "Authorization",
            "Host",
        ] {
            assert_eq!(check_forwarded(bad), Err(HeaderError::Reserved), "{bad}");
        }
        assert_eq!(check_forwarded("a b"), Err(HeaderError::NoName));
    }
}
