//! HN rows of the attack catalogue: whose address was called, and by whom.

use crate::{
    client::Post,
    upstream::RESULT,
    world::{HOST_A, SHARED, World},
};

/// HN-01, HN-02, HN-03.
#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let world = World::new().await;
    for origin in [
        "https://evil.example",
        "null",
        "https://claude.ai.evil.example",
        "https://evilclaude.ai",
        "https://claude.ai:444",
        "http://claude.ai",
        "https://b.test",
        "",
    ] {
        let reply = world.ask(&world.call().with("Origin", origin)).await;
        assert_eq!(reply.status, 403, "{origin}");
        assert_eq!(
            reply.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
        assert!(reply.body.contains(r#""id":null"#), "{}", reply.body);
    }
    let two = world
        .call()
        .with("Origin", "https://claude.ai")
        .with("Origin", "https://evil.example");
    assert_eq!(world.ask(&two).await.status, 403);
    assert!(world.one.is_untouched());
    for origin in ["https://claude.ai", "https://a.test", "http://a.test:8081"] {
        let request = world.call().with("Origin", origin);
        let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{origin}");
        assert!(reply.is("access-control-allow-origin", origin));
        let exposed = "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version";
        assert!(reply.is("access-control-expose-headers", exposed));
        assert_eq!(call.header("origin"), None);
    }
}

/// HN-18, and mcp.md §1.11: failures are readable for pages that may call.
#[tokio::test]
async fn a_preflight_needs_no_credential_but_a_known_origin() {
    let world = World::new().await;
    let preflight = Post::bare("OPTIONS", HOST_A, "s1", "")
        .without("Authorization")
        .with("Access-Control-Request-Method", "POST")
        .with(
            "Access-Control-Request-Headers",
            "authorization, mcp-param-region, x-evil",
        );
    let reply = world
        .ask(&preflight.clone().with("Origin", "https://claude.ai"))
        .await;
    assert_eq!(reply.status, 204);
    assert!(reply.is("access-control-allow-origin", "https://claude.ai"));
    assert!(reply.is("access-control-allow-methods", "POST, GET, DELETE, OPTIONS"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    let allowed = reply.header("access-control-allow-headers").unwrap();
    assert!(
        allowed.contains("Authorization") && allowed.ends_with(", mcp-param-region"),
        "{allowed}"
    );

    let reply = world
        .ask(&preflight.with("Origin", "https://evil.example"))
        .await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("access-control-allow-origin"), None);

    let anonymous = world
        .call()
        .without("Authorization")
        .with("Origin", "https://claude.ai");
    let reply = world.ask(&anonymous).await;
    assert_eq!(reply.status, 401);
    assert!(reply.is("access-control-allow-origin", "https://claude.ai"));
}

/// HN-04, HN-05, HN-06, HN-07.
#[tokio::test]
async fn only_one_known_host_is_answered() {
    let world = World::new().await;
    for host in [
        "evil.example",
        "a.test:8080",
        "a.test.",
        "",
        "gw.test.evil.example",
    ] {
        let request = Post {
            host: host.into(),
            ..world.call()
        };
        assert_eq!(world.ask(&request).await.status, 421, "{host}");
    }
    for host in ["A.TEST", "a.test:443", "a.test:8081"] {
        let request = Post {
            host: host.into(),
            ..world.call()
        };
        let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{host}");
    }
    let text = String::from_utf8(world.call().bytes()).unwrap();
    for (bad, why) in [
        (
            text.replace("Host: a.test\r\n", "Host: a.test\r\nHost: a.test\r\n"),
            "HN-05",
        ),
        (text.replace("Host: a.test\r\n", ""), "HN-06"),
        (
            text.replace("POST /", "POST http://other.example/"),
            "HN-07",
        ),
        (text.replace("POST /", "POST http://a.test/"), "HN-07"),
    ] {
        let mut client = world.connect().await;
        assert_eq!(client.ask(bad).await.status, 400, "{why}");
        assert!(client.is_closed().await, "{why}");
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// HN-10, HN-11, HN-12, TI-17, A45.
#[tokio::test]
async fn only_the_canonical_path_leads_anywhere() {
    let world = World::new().await;
    for path in [
        "/mcp/../mcp/s1",
        "/t/a/../b/mcp/s1",
        "/mcp/%2e%2e/mcp/s1",
        "/mcp%2Fs1",
        "/mcp/x%252Fs1",
        "/mcp\\s1",
        "//mcp/s1",
        "/mcp//s1",
        "/mcp/s1/",
        "/mcp/s1;x=1",
        "/metrics",
        "/debug",
        "/readyz",
        "/config",
        "/.well-known/../mcp/s1",
        "/.well-known/oauth-protected-resource/../../mcp/s1",
        "/.well-known/oauth-protected-resource%2Fmcp",
        "/.well-known/oauth-authorization-server/../..",
        "/login/../token",
        "/register",
    ] {
        let mut client = world.connect().await;
        let reply = client.ask(world.call().at(path).bytes()).await;
        assert!(
            matches!(reply.status, 400 | 404),
            "{path}: {}",
            reply.status
        );
        assert_eq!(reply.header("location"), None, "{path}");
    }
    // Where the path names the tenant, no way leads from one tenant to another.
    for path in [
        "/t/a/../b/mcp/s1",
        "/t/a/%2e%2e/b/mcp/s1",
        "/t/a/mcp/../../b/mcp/s1",
        "/t/a%2F..%2Fb/mcp/s1",
        "/t/a\\..\\b/mcp/s1",
        "/t//a/mcp/s1",
        "/t/a/mcp/s1/",
        "/t/a;b/mcp/s1",
    ] {
        for key in [&world.alice, &world.bob] {
            let request = Post::call(SHARED, "s1", key).at(path);
            let reply = world.ask(&request).await;
            assert!(
                matches!(reply.status, 400 | 404),
                "{path}: {}",
                reply.status
            );
        }
    }
    assert!(world.three.is_untouched());
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// design.md §4: everything under one origin, for installs without wildcard DNS.
#[tokio::test]
async fn the_path_layout_names_the_tenant_in_the_path() {
    let world = World::new().await;
    let request = Post {
        host: SHARED.into(),
        ..world.call()
    }
    .at("/t/a/mcp/s1");
    let with_page = request.clone().with("Origin", "https://gw.test");
    let (reply, _call) = tokio::join!(world.ask(&with_page), world.one.answer());
    assert_eq!((reply.status, reply.body.as_str()), (200, RESULT));

    for path in ["/mcp/s1", "/mcp", "/", "/t", "/t/a/", "/t/a/mcp/"] {
        assert_eq!(
            world.ask(&request.clone().at(path)).await.status,
            404,
            "{path}"
        );
    }
    // Whose tenant it is, and whether it exists, is nobody's business.
    for path in ["/t/b/mcp/s1", "/t/ghost/mcp/s1"] {
        assert_eq!(
            world.ask(&request.clone().at(path)).await.status,
            401,
            "{path}"
        );
    }
    let elsewhere = Post {
        host: HOST_A.into(),
        ..request
    };
    assert_eq!(world.ask(&elsewhere).await.status, 404);
}

/// HN-08, HN-13, TI-02: nothing but host, path and key says whose call it is.
#[tokio::test]
async fn headers_that_name_a_tenant_or_a_host_mean_nothing() {
    let world = World::new().await;
    let spoofed = world
        .call()
        .with("X-Forwarded-Host", "b.test")
        .with("Forwarded", "host=b.test;proto=http")
        .with("X-Tenant-Id", "b")
        .with("X-User", "root")
        .with("X-Gateway-Server", "s2")
        .with("x_tenant_id", "b");
    let (reply, call) = tokio::join!(world.ask(&spoofed), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(call.header("authorization"), Some("Bearer CANARY-A1"));
    for name in call.header_names() {
        assert!(!name.starts_with('x') && name != "forwarded", "{name}");
    }
    let reply = world.ask(&spoofed.without("Authorization")).await;
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(!challenge.contains("b.test"), "{challenge}");
}

/// HN-09: who calls is who is connected, whatever the request says; X-Real-IP and the like included.
#[tokio::test]
async fn the_client_s_address_is_that_of_its_connection() {
    let mut world = World::with(|settings| settings.connections_per_ip = 2).await;
    let mut client = world.connect().await;
    for number in 0..100 {
        let spoofed = world
            .call()
            .without("Authorization")
            .with("X-Forwarded-For", &format!("1.2.3.{number}"))
            .with("X-Real-IP", &format!("1.2.3.{number}"))
            .with("Forwarded", &format!("for=1.2.3.{number}"));
        assert_eq!(client.ask(spoofed.bytes()).await.status, 401);
    }
    let mut second = world.connect().await;
    let plain = world.call().without("Authorization");
    assert_eq!(second.ask(plain.bytes()).await.status, 401);
    let mut third = world.connect().await;
    let spoofed = plain.with("X-Forwarded-For", "1.2.3.4");
    third.send(spoofed.bytes()).await;
    assert!(
        third.reply().await.is_none(),
        "the limit counts connections"
    );

    let log = world.stop().await;
    assert_eq!(log.lines().count(), 101);
    for line in log.lines() {
        assert!(line.contains(r#""peer":"127.0.0.1""#), "{line}");
        assert!(!line.contains("1.2.3."), "{line}");
    }
}

/// HN-14, HN-15, HN-16, TK-10: a credential is one `Authorization: Bearer` line.
#[tokio::test]
async fn a_credential_is_presented_in_one_way() {
    let mut world = World::new().await;
    world.still_serves().await;
    let with = |value: String| {
        world
            .call()
            .without("Authorization")
            .with("Authorization", &value)
    };
    let (alice, bob) = (&world.alice, &world.bob);
    for value in [
        format!("Bearer  {alice}"),
        format!("Bearer {alice} x"),
        format!("Bearer {alice}, Bearer {bob}"),
        format!("Basic {alice}"),
        format!("Bearer {bob}"),
        format!("Bearer {}", world.gone),
        "Bearer mcp_sk_made-up".into(),
        "Bearer".into(),
        "Bearer x.y.z".into(),
    ] {
        let reply = world.ask(&with(value.clone())).await;
        assert_eq!(reply.status, 401, "{value}");
        assert!(reply.is(
            "www-authenticate",
            &format!(r#"{CHALLENGE}, error="invalid_token""#)
        ));
        let body = r#"{"error":"Invalid API key","status":401,"type":"authentication_error"}"#;
        assert_eq!(reply.body, body);
    }
    let two = world
        .call()
        .with("Authorization", &format!("Bearer {alice}"));
    assert_eq!(world.ask(&two).await.status, 400);
    let in_url = world
        .call()
        .without("Authorization")
        .at(&format!("/mcp/s1?access_token={alice}"));
    let reply = world.ask(&in_url).await;
    assert_eq!(reply.status, 401);
    assert!(reply.is("www-authenticate", CHALLENGE));
    assert!(world.one.is_untouched());

    let request = with(format!("bEARER {alice}"));
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);

    let key = world.alice.clone();
    let log = world.stop().await;
    assert_eq!(log.lines().count(), 13);
    assert!(
        !log.contains(&key) && !log.contains("access_token"),
        "{log}"
    );
}

/// design.md §4, §5: 401 comes before the body, before the method, and before any look-up.
#[tokio::test]
async fn without_a_credential_everything_is_401() {
    let world = World::new().await;
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        for server in ["s1", "ghost", "bad", "moved"] {
            let request = Post::bare(method, HOST_A, server, "").without("Authorization");
            let mut client = world.connect().await;
            client.send(request.bytes()).await;
            let (status, _) = client.head().await.unwrap();
            assert_eq!(status, 401, "{method} {server}");
        }
    }
    let merged = world.call().without("Authorization").at("/mcp");
    assert_eq!(world.ask(&merged).await.status, 401);
    for path in ["/mcp", "/"] {
        assert_eq!(
            world.ask(&world.call().at(path)).await.status,
            404,
            "{path}"
        );
    }
    let head = Post {
        method: "HEAD",
        ..Post::bare("HEAD", HOST_A, "s1", &world.alice)
    };
    let mut client = world.connect().await;
    client.send(head.bytes()).await;
    assert_eq!(client.head().await.unwrap().0, 405);
}

/// HN-17, RX-13.
#[tokio::test]
async fn only_plain_json_is_taken() {
    let world = World::new().await;
    for (name, value, status) in [
        ("Content-Type", "text/plain", 415),
        ("Content-Type", "application/x-www-form-urlencoded", 415),
        ("Content-Encoding", "gzip", 415),
        ("Accept", "text/html", 406),
    ] {
        let request = if name == "Content-Encoding" {
            world.call()
        } else {
            world.call().without(name)
        };
        let reply = world.ask(&request.with(name, value)).await;
        assert_eq!(reply.status, status, "{name}: {value}");
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// Somebody opens an MCP URL with a browser. The page is made of the URL, so a server that does
/// not exist has the same.
#[tokio::test]
async fn a_browser_is_shown_how_to_connect() {
    let world = World::new().await;
    let look = |server: &str| {
        Post::bare("GET", HOST_A, server, "")
            .without("Authorization")
            .without("Accept")
            .with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    };
    let page = world.ask(&look("s1")).await;
    assert_eq!(page.status, 401);
    assert!(page.is("content-type", "text/html; charset=utf-8"));
    assert!(page.is("www-authenticate", CHALLENGE));
    assert!(page.is("cache-control", "no-store"));
    assert!(page.header("content-security-policy").is_some());
    assert!(page.body.contains("https://a.test/mcp/s1"), "{}", page.body);
    let other = world.ask(&look("nosuch")).await;
    // Cursor's link has the URL in base64.
    let same = |body: &str| {
        let (before, rest) = body.split_once("config=").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        format!("{before}{after}")
    };
    let expected = same(&page.body).replace("s1", "nosuch");
    assert!(same(&other.body) == expected, "{}", other.body);
    let program = world.ask(&look("s1").without("Accept")).await;
    assert!(program.is("content-type", "application/json"));
}

/// What is answered at `A/s1` to whoever presents nothing.
const CHALLENGE: &str = r#"Bearer resource_metadata="https://a.test/.well-known/oauth-protected-resource/mcp/s1", scope="mcp", realm="aldgate""#;
