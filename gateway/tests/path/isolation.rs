//! TI, SS and CL rows of the attack catalogue: nothing crosses from one tenant to another, from a
//! client to a server it was not meant for, or from a server to a client it was not meant for.

use crate::{
    client::Post,
    upstream::{RESULT, Upstream},
    world::{HOST_A, HOST_B, World},
};

/// TI-01, TI-02: what is another's, what is not opened and what does not exist look alike.
#[tokio::test]
async fn foreign_and_missing_servers_look_alike() {
    let world = World::new().await;
    for method in ["POST", "GET", "DELETE"] {
        let ask = async |server: &str, key: &str| {
            let request = match method {
                "POST" => Post::call(HOST_A, server, key),
                _ => Post::bare(method, HOST_A, server, key),
            };
            let reply = world.ask(&request).await;
            let headers: Vec<_> = reply
                .headers
                .into_iter()
                .filter(|(name, _)| name != "date")
                // Where its metadata would be follows from the URL, whether or not there is such a server.
                .map(|(name, value)| (name, value.replace(&format!("/mcp/{server}"), "")))
                .collect();
            (reply.status, headers, reply.body)
        };
        let (unopened, missing) = (
            ask("s1", &world.adam).await,
            ask("ghost", &world.adam).await,
        );
        assert_eq!(unopened, missing, "{method}");
        assert_eq!(unopened.0, 404);
        assert_eq!(ask("bad", &world.adam).await, missing, "{method}");
        let (foreign, nowhere) = (ask("s1", &world.bob).await, ask("ghost", &world.bob).await);
        assert_eq!(foreign, nowhere, "{method}");
        assert_eq!(foreign.0, 401);
    }
    assert!(world.one.is_untouched());
    let request = Post::call(HOST_A, "s2", &world.adam);
    let (reply, _call) = tokio::join!(world.ask(&request), world.two.answer());
    assert_eq!(reply.status, 200);
    world.still_serves().await;
}

/// TI-10: one URL, two tenants; each request carries its own tenant's credential on a connection that
/// never carried the other's.
#[tokio::test]
async fn connections_are_never_shared_between_tenants() {
    let world = World::new().await;
    let shared = Upstream::listen().await;
    publish_shared(&world, &shared);
    let (a, b) = (
        Post::call(HOST_A, "s1", &world.alice),
        Post::call(HOST_B, "s1", &world.bob),
    );
    let (reply, mut of_a) = tokio::join!(world.ask(&a), shared.answer());
    assert_eq!(reply.status, 200);
    let (reply, mut of_b) = tokio::join!(world.ask(&b), shared.answer());
    assert_eq!(reply.status, 200);
    for _ in 0..20 {
        for (request, connection, canary) in [
            (&a, &mut of_a, "Bearer CANARY-A"),
            (&b, &mut of_b, "Bearer CANARY-B"),
        ] {
            let serving = async {
                assert!(connection.next().await);
                assert_eq!(connection.header("authorization"), Some(canary));
                connection.json(200, RESULT).await;
            };
            let (reply, ()) = tokio::join!(world.ask(request), serving);
            assert_eq!(reply.status, 200);
        }
    }
    assert!(shared.is_untouched());
}

/// A server whose credential changed gets it on a new connection.
#[tokio::test]
async fn a_new_credential_never_travels_on_an_old_connection() {
    let world = World::with(|settings| {
        settings.upstream.reuse = std::time::Duration::from_millis(500);
    })
    .await;
    let request = world.call();
    let (reply, mut old) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    publish_shared(&world, &world.one);
    let (reply, new) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(new.header("authorization"), Some("Bearer CANARY-A"));
    drop(new);
    old.closed().await;
}

/// CL-01, CL-14, D3: the server gets what is listed and nothing else.
#[tokio::test]
async fn a_client_s_own_headers_stay_here() {
    let world = World::new().await;
    let request = world
        .call()
        .with("Cookie", "session=1")
        .with("Proxy-Authorization", "Basic eDp5")
        .with("X-Api-Key", "k")
        .with("Mcp-Session-Id", "stale")
        .with("Last-Event-ID", "5")
        .with("Mcp-Param-Region", "eu")
        .with(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .with("tracestate", "a=b")
        .with("baggage", "secret=1")
        .with("Accept-Encoding", "gzip")
        .with("User-Agent", "curl")
        .with("Origin", "https://claude.ai");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(call.line, "POST /mcp HTTP/1.1");
    assert_eq!(
        call.header_names(),
        [
            "accept",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
            "mcp-protocol-version",
            "traceparent",
            "tracestate",
        ]
    );
    assert_eq!(call.header("authorization"), Some("Bearer CANARY-A1"));
    assert_eq!(call.body, request.body);
    assert!(!call.body.contains(&world.alice));
}

/// D1: what goes to the server is what was parsed, written anew.
#[tokio::test]
async fn the_server_gets_the_parsed_message() {
    let world = World::new().await;
    let mut request = world.call();
    request.body = request.body.replace("\"name\":", " \"n\\u0061me\" : ");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(call.body, world.call().body);
}

/// CL-02, SS-09, SS-10, SS-11, UP-10: a server's failure is told in our words, and leads nowhere.
#[tokio::test]
async fn a_server_s_failure_is_generic() {
    let world = World::new().await;
    let elsewhere = Upstream::listen().await;
    let url = elsewhere.url();
    for (status, name, value) in [
        (500, "X-Echo", "Bearer CANARY-A1"),
        (302, "Location", url.as_str()),
        (307, "Location", url.as_str()),
        (308, "Location", "http://127.0.0.1/"),
        (
            401,
            "WWW-Authenticate",
            r#"Bearer resource_metadata="http://169.254.169.254/x""#,
        ),
        (403, "X-Echo", "1"),
        (429, "Retry-After", "7"),
        (503, "Retry-After", "7"),
    ] {
        let request = world.call();
        let serving = async {
            let mut call = world.one.call().await;
            let body = format!("leak {:?}", call.header("authorization"));
            call.reply(
                status,
                &[(name, value), ("Content-Type", "text/plain")],
                &body,
            )
            .await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, 502, "{status}");
        assert!(
            reply
                .body
                .starts_with(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"#),
            "{}",
            reply.body
        );
        let text = format!("{reply:?}");
        assert!(!text.contains("CANARY") && !text.contains("leak"), "{text}");
        assert_eq!(reply.header("www-authenticate"), None);
        assert_eq!(reply.header("location"), None);
        assert_eq!(reply.header("retry-after").is_some(), name == "Retry-After");
    }
    assert!(elsewhere.is_untouched());
    world.still_serves().await;
}

/// UP-09, D3: the client gets what is listed and nothing else.
#[tokio::test]
async fn a_server_s_own_headers_stay_here() {
    let world = World::new().await;
    let request = world.call();
    let serving = async {
        let mut call = world.one.call().await;
        let headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            ("Set-Cookie", "a=b"),
            ("Access-Control-Allow-Origin", "*"),
            ("Strict-Transport-Security", "max-age=1"),
            ("Server", "x"),
            ("Mcp-Session-Id", "raw"),
            ("Connection", "keep-alive"),
        ];
        call.reply(200, &headers, RESULT).await;
    };
    let (reply, ()) = tokio::join!(world.ask(&request), serving);
    let mut names: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "date"]);
}

/// design.md §7: after an origin change nothing is sent, and the caller learns who can help.
#[tokio::test]
async fn a_detached_credential_stops_every_call() {
    let world = World::new().await;
    let reply = world.ask(&Post::call(HOST_A, "moved", &world.alice)).await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.body.contains(r#""id":7"#) && reply.body.contains("administrator"),
        "{}",
        reply.body
    );
    let reply = world.ask(&Post::call(HOST_A, "bad", &world.alice)).await;
    assert_eq!(reply.status, 503);
    assert!(reply.is("retry-after", "1"));
    assert!(world.one.is_untouched());
}

/// design.md §7: a lease is used for the grace beyond its time, and no longer.
#[tokio::test]
async fn a_lease_outlives_its_time_by_the_grace_alone() {
    let world = World::new().await;
    world.hand.advance(std::time::Duration::from_hours(24));
    world.still_serves().await;
    world.hand.advance(std::time::Duration::from_hours(2));
    let reply = world.ask(&world.call()).await;
    assert_eq!(reply.status, 503);
    assert!(reply.is("retry-after", "1"));
    assert!(world.one.is_untouched());
}

/// The access log names who called what, and holds no secret, parameter or query.
#[tokio::test]
async fn the_access_log_tells_who_called_what_and_no_secret() {
    let mut world =
        World::with(|settings| settings.upstream.reuse = std::time::Duration::ZERO).await;
    let request = world.call().at("/mcp/s1?token=CANARY-Q");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    drop(call);
    assert_eq!(
        world
            .ask(&world.call().without("Authorization"))
            .await
            .status,
        401
    );
    let task = Post::modern(
        HOST_A,
        "s1",
        &world.alice,
        "tasks/get",
        r#""taskId":"CANARY-T","#,
    );
    let task = task.with("Mcp-Name", "CANARY-T");
    let (reply, call) = tokio::join!(world.ask(&task), world.one.answer());
    assert_eq!(
        (reply.status, call.header("mcp-name")),
        (200, Some("CANARY-T"))
    );
    let log = world.stop().await;
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    for field in [
        r#""node":"n1""#,
        r#""peer":"127.0.0.1""#,
        r#""http.method":"POST""#,
        r#""tenant":"a","server":"s1","principal.kind":"api_key","key":"alice","mcp.era":"modern","mcp.method":"tools/call","mcp.name":"echo""#,
        r#""status":200,"upstream.status":200,"duration_us":"#,
        &format!(
            r#""bytes_in":{},"bytes_out":{}}}"#,
            request.body.len(),
            RESULT.len()
        ),
    ] {
        assert!(lines[0].contains(field), "{field} in {}", lines[0]);
    }
    assert!(
        lines[1].contains(r#""error":"unauthenticated","error.reason":"absent","status":401"#),
        "{}",
        lines[1]
    );
    for secret in ["CANARY", world.alice.as_str(), "arguments"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// A and B with the same server, each with a credential of its own.
fn publish_shared(world: &World, shared: &Upstream) {
    use std::sync::Arc;

    use gateway::config::snapshot::{ServerSet, ServerSlot, Snapshot, Tenant};

    use crate::world::{key, server, spec};

    let tenant = |uid: u128, slug: &str, host: &str, secret: &str, credential: &str| {
        let mut server = server(uid + 10, "s1", shared, Some((2, credential)));
        server.slug = "s1".parse().unwrap();
        let hash = token::ApiKey::parse(secret).unwrap().sha256();
        Arc::new(
            Tenant::new(spec(uid, slug, host), Arc::default())
                .with_server(
                    &"s1".parse().unwrap(),
                    ServerSlot::Serving(Arc::new(server)),
                )
                .with_key(hash, Arc::new(key(uid, slug, ServerSet::All))),
        )
    };
    world.config.publish(Arc::new(Snapshot::of(
        2,
        [
            tenant(1, "a", HOST_A, &world.alice, "Bearer CANARY-A"),
            tenant(2, "b", HOST_B, &world.bob, "Bearer CANARY-B"),
        ],
    )));
}
