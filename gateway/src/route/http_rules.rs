//! What hyper lets through and we do not (security.md §2.2): requests that two readers could
//! understand in two ways, and header fields beyond the published limits.

use http::{
    Version,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request::Parts,
};

use crate::error::Error;

/// Checks the head of a request and returns the authority it is for.
pub(super) fn check(parts: &Parts) -> Result<&str, Error> {
    sizes(parts)?;
    if parts.headers.contains_key(TRANSFER_ENCODING) && parts.headers.contains_key(CONTENT_LENGTH) {
        return Err(Error::Ambiguous("both a length and a transfer coding"));
    }
    authority(parts)
}

fn sizes(parts: &Parts) -> Result<(), Error> {
    if parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len())
        > TARGET_BYTES
    {
        return Err(Error::TargetTooLong);
    }
    let mut total = 0;
    for (name, value) in &parts.headers {
        let size = name.as_str().len() + value.len();
        if size > FIELD_BYTES {
            return Err(Error::HeadersTooLarge);
        }
        total += size;
    }
    if total > HEADER_BYTES || parts.headers.len() > FIELDS {
        return Err(Error::HeadersTooLarge);
    }
    Ok(())
}

/// RFC 9112 §3.2: exactly one `Host`; the absolute form is for proxies, which we are not to our
/// clients. In HTTP/2 it is `:authority`, and a `Host` beside it must agree (RFC 9113 §8.3.1).
fn authority(parts: &Parts) -> Result<&str, Error> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Error::Ambiguous("more than one Host")),
        (Some(host), None) => Some(
            host.to_str()
                .map_err(|_| Error::Ambiguous("a Host that is not ASCII"))?,
        ),
        (None, _) => None,
    };
    let target = parts.uri.authority().map(http::uri::Authority::as_str);
    match (parts.version == Version::HTTP_2, target, host) {
        (false, Some(_), _) => Err(Error::Ambiguous("a target in absolute form")),
        (true, Some(target), Some(host)) if target != host => {
            Err(Error::Ambiguous("Host and :authority differ"))
        }
        (true, Some(target), _) => Ok(target),
        (_, None, Some(host)) => Ok(host),
        (_, None, None) => Err(Error::Ambiguous("no Host")),
    }
}

const TARGET_BYTES: usize = 8 << 10;
const FIELD_BYTES: usize = 8 << 10;
const HEADER_BYTES: usize = 32 << 10;
const FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use http::{HeaderName, Request};

    use super::*;

    /// HN-05, HN-06, HN-07.
    #[test]
    fn exactly_one_host_in_origin_form_is_read() {
        assert_eq!(
            ask("/mcp", &["a.test"], Version::HTTP_11).unwrap(),
            "a.test"
        );
        for (target, hosts) in [
            ("/mcp", &["a.test", "a.test"][..]),
            ("/mcp", &[]),
            ("http://b.test/mcp", &["a.test"]),
            ("http://a.test/mcp", &["a.test"]),
        ] {
            let outcome = ask(target, hosts, Version::HTTP_11);
            assert!(
                matches!(outcome, Err(Error::Ambiguous(_))),
                "{target} {hosts:?}"
            );
        }
    }

    #[test]
    fn in_http_2_the_authority_rules_and_host_may_only_repeat_it() {
        let h2 = Version::HTTP_2;
        assert_eq!(ask("https://a.test/mcp", &[], h2).unwrap(), "a.test");
        assert_eq!(
            ask("https://a.test/mcp", &["a.test"], h2).unwrap(),
            "a.test"
        );
        assert!(ask("https://a.test/mcp", &["b.test"], h2).is_err());
        assert!(ask("/mcp", &[], h2).is_err());
    }

    /// HF-01: where the length is still to be seen. hyper takes it away in HTTP/1.1; see
    /// `crate::pipeline` for what happens then.
    #[test]
    fn a_length_beside_a_transfer_coding_is_ambiguous() {
        let head = |fields: &[(HeaderName, &str)]| {
            let mut request = Request::builder().uri("/").header(HOST, "a");
            for (name, value) in fields {
                request = request.header(name, *value);
            }
            request.body(()).unwrap().into_parts().0
        };
        let (length, coding) = ((CONTENT_LENGTH, "6"), (TRANSFER_ENCODING, "chunked"));
        assert!(check(&head(std::slice::from_ref(&length))).is_ok());
        assert!(check(&head(std::slice::from_ref(&coding))).is_ok());
        let both = head(&[length, coding]);
        assert!(matches!(check(&both), Err(Error::Ambiguous(_))));
    }

    /// RX-04, RX-05: the limits of security.md §2.4 at the limit and one beyond.
    #[test]
    fn heads_beyond_the_limits_are_refused() {
        let target = |length| format!("/{}", "a".repeat(length - 1));
        assert!(ask(&target(TARGET_BYTES), &["a"], Version::HTTP_11).is_ok());
        assert!(matches!(
            ask(&target(TARGET_BYTES + 1), &["a"], Version::HTTP_11),
            Err(Error::TargetTooLong)
        ));

        let field = |length| padded(&[length - 1]);
        assert!(check(&field(FIELD_BYTES)).is_ok());
        assert!(matches!(
            check(&field(FIELD_BYTES + 1)),
            Err(Error::HeadersTooLarge)
        ));

        let many = |count: usize| padded(&vec![1; count - 1]);
        assert!(check(&many(FIELDS)).is_ok());
        assert!(matches!(
            check(&many(FIELDS + 1)),
            Err(Error::HeadersTooLarge)
        ));

        // `host: a` is five bytes.
        let total = |last| padded(&[8000, 8000, 8000, 8000, last]);
        assert!(check(&total(HEADER_BYTES - 32_005 - 5)).is_ok());
        assert!(matches!(
            check(&total(HEADER_BYTES - 32_005 - 4)),
            Err(Error::HeadersTooLarge)
        ));
    }

    fn ask(target: &str, hosts: &[&str], version: Version) -> Result<String, Error> {
        let mut request = Request::builder().uri(target).version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap().into_parts().0).map(str::to_owned)
    }

    fn padded(lengths: &[usize]) -> Parts {
        let mut request = Request::builder().uri("/").header(HOST, "a");
        for length in lengths {
            request = request.header("x", "x".repeat(*length));
        }
        request.body(()).unwrap().into_parts().0
    }
}
