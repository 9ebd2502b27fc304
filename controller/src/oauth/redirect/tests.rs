use super::*;

/// NAT-1…4, DCR-4.
#[test]
fn what_clients_really_use_can_be_registered() {
    let https = |host: &str, site: &str| RedirectKind::Https {
        host: host.to_owned(),
        site: site.to_owned(),
    };
    let loopback = |host: &str, port| RedirectKind::Loopback {
        host: host.to_owned(),
        port,
    };
    let private = |scheme: &str| RedirectKind::Private {
        scheme: scheme.to_owned(),
    };
    for (uri, kind) in [
        (
            "https://claude.ai/api/mcp/auth_callback",
            https("claude.ai", "claude.ai"),
        ),
        (
            "https://www.cursor.com/agents/mcp/oauth/callback",
            https("www.cursor.com", "cursor.com"),
        ),
        (
            "https://a.b.example.co.uk:8443/cb?x=%2F",
            https("a.b.example.co.uk", "example.co.uk"),
        ),
        (
            "https://evil.github.io/cb",
            https("evil.github.io", "evil.github.io"),
        ),
        (
            "https://xn--bcher-kva.example/",
            https("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ),
        (
            "http://localhost:8787/callback",
            loopback("localhost", Some(8787)),
        ),
        ("http://127.0.0.1/", loopback("127.0.0.1", None)),
        ("http://[::1]:3000/cb", loopback("[::1]", Some(3000))),
        (
            "cursor://anysphere.cursor-mcp/oauth/callback",
            private("cursor"),
        ),
        ("com.example.app:/oauth", private("com.example.app")),
        ("grokbot://mcp/oauth/callback", private("grokbot")),
    ] {
        assert_eq!(RedirectKind::read(uri), Ok(kind), "{uri}");
    }
}

/// A3, A22, DCR-4.
#[test]
fn what_is_dangerous_or_ambiguous_cannot_be_registered() {
    for (uri, why) in [
        ("http://evil.test/cb", Unusable::PlainHttp),
        ("http://127.0.0.1.evil/cb", Unusable::PlainHttp),
        ("http://127.1/cb", Unusable::PlainHttp),
        ("http://0.0.0.0/cb", Unusable::PlainHttp),
        ("http://localhost.evil/cb", Unusable::PlainHttp),
        ("http://localhost@evil/cb", Unusable::Userinfo),
        ("http://localhost:80@evil/cb", Unusable::Userinfo),
        ("http://[::ffff:127.0.0.1]/cb", Unusable::PlainHttp),
        ("http://[0:0:0:0:0:0:0:1]/cb", Unusable::PlainHttp),
        ("http://LOCALHOST/cb", Unusable::PlainHttp),
        ("http://localhost:/cb", Unusable::PlainHttp),
        ("http://localhost:0/cb", Unusable::PlainHttp),
        ("http://localhost:080/cb", Unusable::PlainHttp),
        ("http://localhost:65536/cb", Unusable::PlainHttp),
        ("http:localhost/cb", Unusable::Host),
        ("https:evil", Unusable::Host),
        ("https:///evil", Unusable::Host),
        ("https://", Unusable::Host),
        ("https://a.test./cb", Unusable::Host),
        ("https://0x7f.1/cb", Unusable::Host),
        ("https://%61.test/cb", Unusable::Host),
        ("https://a.test:0/cb", Unusable::Host),
        ("https://a.test:08443/cb", Unusable::Host),
        ("https://b\u{fc}cher.example/", Unusable::Character),
        ("https://a.test/\tcb", Unusable::Character),
        ("https://a.test/cb\n", Unusable::Character),
        ("https://a.test\\@evil.test/", Unusable::Character),
        ("https://a.test/cb#x", Unusable::Fragment),
        ("https://u:p@a.test/cb", Unusable::Userinfo),
        ("https://*.a.test/cb", Unusable::Wildcard),
        ("https://a.test/*", Unusable::Wildcard),
        ("https://a.test/x/../cb", Unusable::DotSegment),
        ("https://a.test/%2e%2E/cb", Unusable::DotSegment),
        ("https://a.test/./cb", Unusable::DotSegment),
        ("javascript:alert(1)", Unusable::Scheme),
        ("JavaScript:alert(1)", Unusable::Scheme),
        ("data:text/html,x", Unusable::Scheme),
        ("vbscript:x", Unusable::Scheme),
        ("file:///etc/passwd", Unusable::Scheme),
        ("view-source:https://a.test", Unusable::Scheme),
        ("search-ms:x", Unusable::Scheme),
        ("ms-msdt:/id", Unusable::Scheme),
        ("chrome-extension://x/cb", Unusable::Scheme),
        ("urn:ietf:wg:oauth:2.0:oob", Unusable::Scheme),
        ("//a.test/cb", Unusable::Scheme),
        ("a.test/cb", Unusable::Scheme),
        ("cursor:", Unusable::Host),
        ("", Unusable::Scheme),
    ] {
        assert_eq!(RedirectKind::read(uri), Err(why), "{uri}");
    }
    let long = format!("https://a.test/{}", "x".repeat(2048));
    assert_eq!(RedirectKind::read(&long), Err(Unusable::Long));
}

/// OA-01, OA-02, A1, A2.
#[test]
fn addresses_are_compared_byte_by_byte() {
    let registered = ["https://a.test/cb".to_owned()];
    let meant = |asked| Redirect::choose(&registered, Some(asked)).is_some();
    assert!(meant("https://a.test/cb"));
    for asked in [
        "https://evil/cb",
        "https://a.test.evil/cb",
        "https://a.test@evil/cb",
        "https://a.test\\@evil/cb",
        "https://a.test/cb/",
        "https://a.test//cb",
        "https://a.test/CB",
        "https://a.test/%63b",
        "https://a.test/%2563b",
        "https://a.test/x/../cb",
        "https://a.test/%2e/cb",
        "https://a.test/cb?x=1",
        "https://a.test/cb?",
        "https://a.test/cb#x",
        "https://a.test:443/cb",
        "https://a.test:8443/cb",
        "https://a.test./cb",
        "https://A.test/cb",
        "HTTPS://a.test/cb",
        "http://a.test/cb",
        "https://a.t\u{435}st/cb",
        "https://a.test/cb\t",
        "https://a.test/cb\n",
        " https://a.test/cb",
        "",
    ] {
        assert!(!meant(asked), "{asked}");
    }
}

/// OA-03, OA-04, A3, NAT-1, NAT-2: the port of a loopback address may differ, and nothing else.
#[test]
fn only_the_port_of_a_loopback_address_may_differ() {
    let registered = [
        "http://127.0.0.1:33418/cb?x=1".to_owned(),
        "http://localhost/callback".to_owned(),
        "http://[::1]:80/".to_owned(),
    ];
    let meant = |asked| Redirect::choose(&registered, Some(asked)).is_some();
    for asked in [
        "http://127.0.0.1:33418/cb?x=1",
        "http://127.0.0.1:5/cb?x=1",
        "http://127.0.0.1/cb?x=1",
        "http://localhost:61234/callback",
        "http://[::1]:7/",
    ] {
        assert!(meant(asked), "{asked}");
    }
    for asked in [
        "http://127.0.0.1:5/cb",
        "http://127.0.0.1:5/cb?x=2",
        "http://127.0.0.1:5/other?x=1",
        "http://localhost:5/cb?x=1",
        "http://127.0.0.1:5/callback",
        "http://127.0.0.2:5/cb?x=1",
        "http://localhost:5/callback/",
        "http://localhost:5/callback?x",
        "http://localhost:99999/callback",
        "http://localhost.evil:5/callback",
        "http://localhost@evil/callback",
        "http://[::1]:7",
        "https://localhost:5/callback",
    ] {
        assert!(!meant(asked), "{asked}");
    }
}

#[test]
fn none_is_needed_where_there_is_one_alone() {
    let one = ["https://a.test/cb".to_owned()];
    let found = Redirect::choose(&one, None).unwrap();
    assert_eq!(
        (found.uri.as_str(), found.given),
        ("https://a.test/cb", false)
    );
    let two = [one[0].clone(), "https://a.test/other".to_owned()];
    assert_eq!(Redirect::choose(&two, None), None);
    assert_eq!(Redirect::choose(&[], None), None);
}

#[test]
fn parameters_are_added_to_what_is_there() {
    let with = |uri: &str| {
        let registered = [uri.to_owned()];
        let redirect = Redirect::choose(&registered, Some(uri)).unwrap();
        redirect.with(&[("code", "a b"), ("state", "+/=")])
    };
    assert_eq!(
        with("https://a.test/cb"),
        "https://a.test/cb?code=a+b&state=%2B%2F%3D"
    );
    assert_eq!(
        with("https://a.test/cb?x=1"),
        "https://a.test/cb?x=1&code=a+b&state=%2B%2F%3D"
    );
    assert_eq!(
        with("cursor://mcp/cb?"),
        "cursor://mcp/cb?code=a+b&state=%2B%2F%3D"
    );
}

#[test]
fn an_origin_has_no_port_that_changes() {
    for (uri, origin) in [
        ("https://a.test:8443/cb?x", "https://a.test:8443"),
        ("http://localhost:5/cb", "http://localhost"),
        ("http://[::1]:5/cb", "http://[::1]"),
        ("cursor://mcp/cb", "cursor:"),
    ] {
        let registered = [uri.to_owned()];
        let redirect = Redirect::choose(&registered, Some(uri)).unwrap();
        assert_eq!(redirect.origin(), origin);
    }
}
