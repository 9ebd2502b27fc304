//! What is presented to a server: the rules for its header and value, and what is told of it.

use proto::admin::v1::{self, credential::State};
use zeroize::Zeroizing;

use super::{field::Checks, timestamp};
use crate::{store::server::Auth, vault::AuthScheme};

/// A credential as given, checked.
pub(super) enum Given {
    /// The server wants none.
    None,
    /// Present this.
    Some {
        scheme: AuthScheme,
        header: String,
        value: Zeroizing<String>,
    },
}

/// Checks a credential against the rules; what is wrong goes to `checks`.
pub(super) fn read(checks: &mut Checks, input: v1::CredentialInput) -> Option<Given> {
    let scheme = input.scheme();
    let value = Zeroizing::new(input.value);
    match scheme {
        v1::AuthScheme::Unspecified => {
            checks.refuse(
                "credential.scheme",
                "is required: AUTH_SCHEME_NONE, AUTH_SCHEME_BEARER or AUTH_SCHEME_API_KEY",
            );
            None
        }
        v1::AuthScheme::None => {
            if !value.is_empty() {
                checks.refuse("credential.value", "must be empty for AUTH_SCHEME_NONE");
            }
            no_header(checks, &input.header_name);
            Some(Given::None)
        }
        v1::AuthScheme::Bearer => {
            no_header(checks, &input.header_name);
            check_value(checks, &value);
            Some(Given::Some {
                scheme: AuthScheme::Bearer,
                header: "Authorization".to_owned(),
                value,
            })
        }
        v1::AuthScheme::ApiKey => {
            check_value(checks, &value);
            let header = if input.header_name.is_empty() {
                DEFAULT_HEADER.to_owned()
            } else {
                input.header_name
            };
            checks.keep("credential.header_name", check_header(&header))?;
            Some(Given::Some {
                scheme: AuthScheme::ApiKey,
                header,
                value,
            })
        }
    }
}

/// What may be told of a server's credential.
pub(super) fn view(auth: &Auth) -> v1::Credential {
    let (scheme, state) = match auth.scheme {
        None => (v1::AuthScheme::Unspecified, State::Unspecified),
        Some(AuthScheme::None) => (v1::AuthScheme::None, State::Absent),
        Some(scheme) => {
            let state = if auth.detached {
                State::Detached
            } else {
                State::Active
            };
            let scheme = match scheme {
                AuthScheme::ApiKey => v1::AuthScheme::ApiKey,
                AuthScheme::Bearer | AuthScheme::None => v1::AuthScheme::Bearer,
            };
            (scheme, state)
        }
    };
    v1::Credential {
        scheme: scheme.into(),
        header_name: auth.header.clone(),
        state: state.into(),
        generation: auth.generation,
        fingerprint: auth.fingerprint.clone(),
        update_time: auth.updated_at.map(timestamp),
    }
}

fn no_header(checks: &mut Checks, name: &str) {
    if !name.is_empty() {
        checks.refuse(
            "credential.header_name",
            "is for AUTH_SCHEME_API_KEY only; leave it empty",
        );
    }
}

/// Taken literally: nothing in it is ever interpreted, `${…}` and `{{…}}` included (CL-12).
fn check_value(checks: &mut Checks, value: &str) {
    let field = "credential.value";
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

/// Why a header cannot carry a credential.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum HeaderError {
    #[error("must be a header name: letters, digits and !#$%&'*+-.^_`|~, at most 256 of them")]
    NoName,
    #[error("is a header that HTTP, MCP or the gateway itself uses; choose another one")]
    Reserved,
}

/// RFC 9110 §5.1 and §5.6.2, and the names that have another meaning on the way to a server.
fn check_header(name: &str) -> Result<(), HeaderError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
        return Err(HeaderError::NoName);
    }
    let name = name.to_ascii_lowercase();
    let reserved = RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    if reserved {
        return Err(HeaderError::Reserved);
    }
    Ok(())
}

const DEFAULT_HEADER: &str = "X-API-Key";
const MAX_VALUE: usize = 4096;
const RESERVED: [&str; 29] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
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
];
const RESERVED_PREFIXES: [&str; 8] = [
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
    use crate::error::Violation;

    /// S1-4, S1-5, S1-6, S1-15.
    #[test]
    fn each_scheme_has_its_header() {
        for (scheme, asked, header) in [
            (v1::AuthScheme::Bearer, "", "Authorization"),
            (v1::AuthScheme::ApiKey, "", "X-API-Key"),
            (v1::AuthScheme::ApiKey, "X-Api-Key", "X-Api-Key"),
            (v1::AuthScheme::ApiKey, "Private-Token", "Private-Token"),
        ] {
            let (given, violations) = check(scheme, asked, "s3cret");
            assert_eq!(violations, []);
            let Some(Given::Some { header: found, .. }) = given else {
                panic!("{scheme:?} has a credential");
            };
            assert_eq!(found, header);
        }
    }

    /// S1-16.
    #[test]
    fn none_takes_neither_value_nor_header() {
        assert_eq!(check(v1::AuthScheme::None, "", "").1, []);
        assert_eq!(fields(v1::AuthScheme::None, "X-Key", "s3cret").len(), 2);
        assert_eq!(
            fields(v1::AuthScheme::Unspecified, "", "s3cret"),
            ["credential.scheme"]
        );
        assert_eq!(
            fields(v1::AuthScheme::Bearer, "X-Key", "s3cret"),
            ["credential.header_name"]
        );
    }

    /// S1-28.
    #[test]
    fn headers_with_another_meaning_are_refused() {
        assert_eq!(check_header("X-Custom_Key.2"), Ok(()));
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
            "x-forwarded-for",
            "traceparent",
            "last-event-id",
        ] {
            assert_eq!(
                check_header(reserved),
                Err(HeaderError::Reserved),
                "{reserved}"
            );
        }
        for bad in ["", "a b", "a:b", "a\r\nb", "ä", "a\0", &"a".repeat(257)] {
            assert_eq!(check_header(bad), Err(HeaderError::NoName), "{bad}");
        }
        assert_eq!(check_header(&"a".repeat(256)), Ok(()));
    }

    /// CL-12: what looks like a template is a value like any other.
    #[test]
    fn values_are_visible_ascii_and_literal() {
        for good in [
            "x",
            "a b",
            "${JWT_SECRET}",
            "{{.Env}}",
            "!~",
            &"x".repeat(4096),
        ] {
            let (given, violations) = check(v1::AuthScheme::Bearer, "", good);
            assert_eq!(violations, []);
            assert!(matches!(given, Some(Given::Some { value, .. }) if *value == good));
        }
        for bad in [
            "",
            " x",
            "x ",
            "x\ny",
            "x\r\nHost: y",
            "x\ty",
            "x\0",
            "é",
            &"x".repeat(4097),
        ] {
            assert_eq!(
                fields(v1::AuthScheme::Bearer, "", bad),
                ["credential.value"],
                "{bad:?}"
            );
        }
    }

    fn fields(scheme: v1::AuthScheme, header: &str, value: &str) -> Vec<String> {
        let (_, violations) = check(scheme, header, value);
        violations
            .into_iter()
            .map(|violation| violation.field)
            .collect()
    }

    fn check(scheme: v1::AuthScheme, header: &str, value: &str) -> (Option<Given>, Vec<Violation>) {
        let mut checks = Checks::new();
        let input = v1::CredentialInput {
            scheme: scheme.into(),
            header_name: header.to_owned(),
            value: value.to_owned(),
        };
        let given = read(&mut checks, input);
        (given, checks.found().to_vec())
    }
}
