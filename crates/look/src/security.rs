//! What keeps a page apart from other sites: the headers that go with each. Nothing is fetched, framed,
//! cached or told to the next site (A30, A35, A36).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use url::Url;

use super::Style;

/// Adds them. `leads_to` are the URLs that the page's forms may end up at besides our own: browsers
/// hold `form-action` against each redirect that follows a form.
pub fn write(headers: &mut HeaderMap, style: &Style, leads_to: &[String]) {
    let policy = policy(style, leads_to);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn policy(style: &Style, leads_to: &[String]) -> HeaderValue {
    let mut policy = format!(
        "default-src 'none'; style-src {}; img-src data:; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'self'",
        style.source()
    );
    let mut sources: Vec<String> = leads_to.iter().filter_map(|url| source(url)).collect();
    sources.sort();
    sources.dedup();
    for source in sources {
        policy.push(' ');
        policy.push_str(&source);
    }
    HeaderValue::from_str(&policy).expect("hosts and schemes are printable ASCII")
}

/// The source (CSP3, §2.3.1) that a URL is of.
fn source(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let scheme = url.scheme();
    match (scheme, url.host()) {
        // An IPv6 address cannot be written as a source.
        (_, Some(url::Host::Ipv6(_))) | (_, None) => Some(format!("{scheme}:")),
        ("https" | "http", Some(_)) => {
            let origin = url.origin().ascii_serialization();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_".contains(&byte);
            origin.bytes().all(plain).then_some(origin)
        }
        (_, Some(_)) => Some(format!("{scheme}:")),
    }
}

const FIXED: [(HeaderName, &str); 6] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_the_origin_or_the_scheme_of_a_url() {
        for (url, found) in [
            (
                "https://claude.ai/api/mcp/auth_callback",
                Some("https://claude.ai"),
            ),
            ("https://claude.ai:8443/x", Some("https://claude.ai:8443")),
            (
                "http://localhost:51837/callback",
                Some("http://localhost:51837"),
            ),
            ("http://127.0.0.1/callback", Some("http://127.0.0.1")),
            ("http://[::1]:51837/callback", Some("http:")),
            (
                "cursor://anysphere.cursor-mcp/oauth/callback",
                Some("cursor:"),
            ),
            ("com.example.app:/callback", Some("com.example.app:")),
            ("https://a;script-src *", None),
            ("https://a'b/", None),
            ("not a url", None),
        ] {
            assert_eq!(source(url).as_deref(), found, "{url}");
        }
    }
}
