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
    let mut named: Vec<String> = Vec::new();
    for source in leads_to.iter().flat_map(|url| sources(url)) {
        if !named.contains(&source) {
            policy.push(' ');
            policy.push_str(&source);
            named.push(source);
        }
    }
    HeaderValue::from_str(&policy).expect("hosts and schemes are printable ASCII")
}

/// The sources (CSP3, §2.3.1) that a URL is of, and those of where its owner may send people on to:
/// Chromium holds them against that too, and a form that is stopped there looks dead.
fn sources(url: &str) -> Vec<String> {
    let Ok(url) = Url::parse(url) else {
        return Vec::new();
    };
    let scheme = url.scheme();
    if !matches!(scheme, "https" | "http") {
        return vec![format!("{scheme}:")];
    }
    let origin = url.origin().ascii_serialization();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_".contains(&byte);
    let own = if matches!(url.host(), Some(url::Host::Ipv6(_))) {
        // Such an address cannot be written as a source.
        format!("{scheme}:")
    } else if origin.bytes().all(plain) {
        origin
    } else {
        return Vec::new();
    };
    let handed_on = HANDED_ON
        .iter()
        .find(|(host, _)| url.host_str() == Some(host));
    let handed_on = handed_on.map_or(&[][..], |(_, schemes)| schemes);
    [own, "https:".to_owned()]
        .into_iter()
        .chain(handed_on.iter().map(|&source| source.to_owned()))
        .collect()
}

/// Sites that hand what they are sent on to an app on the same computer.
const HANDED_ON: [(&str, &[&str]); 6] = [
    ("vscode.dev", VS_CODE),
    ("insiders.vscode.dev", VS_CODE),
    ("cursor.com", &["cursor:"]),
    ("www.cursor.com", &["cursor:"]),
    ("antigravity.google", &["antigravity:"]),
    ("claude.ai", &["claude:"]),
];
const VS_CODE: &[&str] = &[
    "vscode:",
    "vscode-insiders:",
    "http://127.0.0.1:*",
    "http://localhost:*",
];
const FIXED: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_the_origin_or_the_scheme_of_a_url_and_on_to_the_web() {
        for (url, found) in [
            ("https://app.example/cb", "https://app.example https:"),
            (
                "https://app.example:8443/x",
                "https://app.example:8443 https:",
            ),
            ("http://localhost:51837/cb", "http://localhost:51837 https:"),
            ("http://127.0.0.1/callback", "http://127.0.0.1 https:"),
            ("http://[::1]:51837/callback", "http: https:"),
            ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor:"),
            ("com.example.app:/callback", "com.example.app:"),
            (
                "https://www.cursor.com/cb",
                "https://www.cursor.com https: cursor:",
            ),
            ("https://a;script-src *", ""),
            ("https://a'b/", ""),
            ("not a url", ""),
        ] {
            assert_eq!(sources(url).join(" "), found, "{url}");
        }
    }
}
