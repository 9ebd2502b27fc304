//! Paths that belong to the controllers: what goes there and what comes back (S2-9).

mod controller;

use std::{net::SocketAddr, time::Duration};

use gateway::door::DoorSettings;

use self::controller::{Authority, Manner, Scripted};
use crate::{
    client::{Post, Reply},
    world::{HOST_A, SHARED, World},
};

/// Only what the design lists passes, and nobody but the node says where a request was found.
#[tokio::test]
async fn headers_pass_by_list_both_ways_and_nobody_else_speaks_for_the_node() {
    let authority = Authority::new();
    let controller = Scripted::start(&authority, Manner::Talkative).await;
    let mut world = world(authority.way(&[controller.address])).await;
    let request = sessions()
        .at("/sessions?code=CANARY")
        .with("Cookie", "c=1")
        .with("Accept-Language", "de")
        .with("User-Agent", "test")
        .with("Origin", "https://claude.ai")
        .with("aldgate-origin", "https://b.test")
        .with("aldgate-peer", "203.0.113.9:1")
        .with("X-Forwarded-For", "203.0.113.9")
        .with("Mcp-Session-Id", "x");
    let reply = world.ask(&request).await;
    assert_eq!((reply.status, reply.body.as_str()), (201, "{}"));
    let cookies = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    assert_eq!(cookies.count(), 2);
    for (name, value) in [
        ("cache-control", Some("no-store")),
        ("location", Some("/done")),
        ("www-authenticate", Some("Bearer")),
        ("access-control-allow-origin", Some("https://claude.ai")),
        ("server", None),
        ("x-internal", None),
        ("strict-transport-security", None),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }

    let seen = controller.seen().remove(0);
    assert_eq!(seen.line, "POST /sessions?code=CANARY");
    assert_eq!(seen.body, r#"{"user":"alice"}"#);
    let mut names: Vec<_> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let listed = [
        "accept-language",
        "aldgate-origin",
        "aldgate-peer",
        "authorization",
        "content-length",
        "content-type",
        "cookie",
        "origin",
        "user-agent",
    ];
    assert_eq!(names, listed);
    assert_eq!(seen.header("aldgate-origin"), Some("https://a.test"));
    let peer: SocketAddr = seen.header("aldgate-peer").unwrap().parse().unwrap();
    assert!(peer.ip().is_loopback());

    let log = world.stop().await;
    assert!(
        log.contains(r#""tenant":"a","door":"/sessions","status":201"#),
        "{log}"
    );
    assert!(!log.contains("CANARY"));
}

/// design.md §4: the origin as it was typed, in both layouts; hosts and origins as for MCP.
#[tokio::test]
async fn the_controller_is_told_where_it_was_found() {
    let authority = Authority::new();
    let controller = Scripted::start(&authority, Manner::Talkative).await;
    let world = world(authority.way(&[controller.address])).await;
    for (host, path, origin) in [
        (HOST_A, "/sessions", "https://a.test"),
        ("A.test:443", "/sessions", "https://a.test"),
        ("a.test:8081", "/sessions", "http://a.test:8081"),
        (SHARED, "/t/a/sessions", "https://gw.test/t/a"),
        (SHARED, "/t/nobody/sessions", "https://gw.test/t/nobody"),
    ] {
        let mut request = sessions().at(path);
        host.clone_into(&mut request.host);
        assert_eq!(world.ask(&request).await.status, 201, "{host}{path}");
        let seen = controller.seen().pop().unwrap();
        assert_eq!(seen.line, "POST /sessions");
        assert_eq!(seen.header("aldgate-origin"), Some(origin));
    }
    let count = controller.seen().len();
    let foreign = sessions().with("Origin", "https://evil.example");
    assert_eq!(world.ask(&foreign).await.status, 403);
    let mut unknown = sessions();
    "unknown.test".clone_into(&mut unknown.host);
    assert_eq!(world.ask(&unknown).await.status, 421);
    let mut preflight = sessions().with("Origin", "https://claude.ai");
    preflight.method = "OPTIONS";
    assert_eq!(world.ask(&preflight).await.status, 204);
    assert_eq!(controller.seen().len(), count);
    world.still_serves().await;
}

/// PRM-7: what programs call may be called by pages of anybody's, whose cookies do not count there.
#[tokio::test]
async fn endpoints_of_the_authorization_server_answer_pages_of_any_origin() {
    let authority = Authority::new();
    let controller = Scripted::start(&authority, Manner::Talkative).await;
    let world = world(authority.way(&[controller.address])).await;
    for path in [
        "/token",
        "/register",
        "/revoke",
        "/introspect",
        "/jwks",
        "/device_authorization",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let form = Post::plain(HOST_A, "", "KEY", "grant_type=x&code=y")
            .at(path)
            .without("Content-Type")
            .with("Content-Type", "application/x-www-form-urlencoded");
        for origin in ["https://evil.example", "null", "https://claude.ai"] {
            let reply = world.ask(&form.clone().with("Origin", origin)).await;
            assert_eq!(reply.status, 201, "{path}");
            assert!(reply.is("access-control-allow-origin", "*"), "{path}");
            assert_eq!(reply.header("access-control-allow-credentials"), None);
            let exposed = reply.header("access-control-expose-headers").unwrap();
            assert!(exposed.contains("WWW-Authenticate"));
        }
        let seen = controller.seen().pop().unwrap();
        assert_eq!(seen.line, format!("POST {path}"));
        assert_eq!(seen.body, "grant_type=x&code=y");
        let mut preflight = form.with("Origin", "https://evil.example");
        preflight.method = "OPTIONS";
        let reply = world.ask(&preflight).await;
        assert_eq!(reply.status, 204);
        assert!(reply.is("access-control-allow-origin", "*"));
    }
    assert!(
        controller
            .seen()
            .iter()
            .all(|seen| !seen.line.starts_with("OPTIONS"))
    );
}

/// Browsers post our own forms with `Origin: null`; whether that is good is for the controller to say.
#[tokio::test]
async fn pages_are_never_refused_by_origin_and_nobody_else_s_page_reads_them() {
    let authority = Authority::new();
    let controller = Scripted::start(&authority, Manner::Talkative).await;
    let world = world(authority.way(&[controller.address])).await;
    for path in [
        "/authorize",
        "/login",
        "/login/okta",
        "/callback/okta",
        "/consent",
        "/logout",
        "/device",
        "/connections",
        "/connections/disconnect",
    ] {
        for origin in ["null", "https://evil.example", "https://claude.ai"] {
            let form = sessions().at(path).with("Origin", origin);
            let reply = world.ask(&form).await;
            assert_eq!(reply.status, 201, "{path}");
            assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
            assert!(reply.is("location", "/done"));
            let seen = controller.seen().pop().unwrap();
            assert_eq!(seen.header("origin"), Some(origin));
            assert_eq!(seen.line, format!("POST {path}"));
        }
        let mut preflight = sessions().at(path).with("Origin", "https://claude.ai");
        preflight.method = "OPTIONS";
        let reply = world.ask(&preflight).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

/// ASM-3: in the path layout an issuer's metadata is asked for in front of its place, too.
#[tokio::test]
async fn an_issuer_s_metadata_is_found_before_and_behind_its_place() {
    let authority = Authority::new();
    let controller = Scripted::start(&authority, Manner::Talkative).await;
    let world = world(authority.way(&[controller.address])).await;
    for own in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        for path in [format!("{own}/t/a"), format!("/t/a{own}")] {
            let mut request = sessions().at(&path);
            SHARED.clone_into(&mut request.host);
            request.method = "GET";
            assert_eq!(world.ask(&request).await.status, 201, "{path}");
            let seen = controller.seen().pop().unwrap();
            assert_eq!(seen.line, format!("GET {own}"));
            assert_eq!(seen.header("aldgate-origin"), Some("https://gw.test/t/a"));
        }
    }
    let count = controller.seen().len();
    let mut root = sessions().at("/.well-known/oauth-authorization-server");
    SHARED.clone_into(&mut root.host);
    assert_eq!(world.ask(&root).await.status, 404);
    assert_eq!(controller.seen().len(), count);
}

/// security.md §2.4, at the limit and one beyond.
#[tokio::test]
async fn bodies_and_answers_are_bounded() {
    let authority = Authority::new();
    let controller = Scripted::start(&authority, Manner::Long(1 << 20)).await;
    let world = world(authority.way(&[controller.address])).await;
    let longest = "x".repeat(64 << 10);
    let client = &mut world.connect().await;
    let reply = client.ask(sessions().carrying(longest.as_bytes())).await;
    assert_eq!((reply.status, reply.body.len()), (200, 1 << 20));
    let beyond = format!("{longest}x");
    let reply = client.ask(sessions().carrying(beyond.as_bytes())).await;
    refused(&reply, 413, "invalid_request_error");
    assert_eq!(controller.seen().len(), 1);

    let longer = Scripted::start(&authority, Manner::Long((1 << 20) + 1)).await;
    let world = self::world(authority.way(&[longer.address])).await;
    refused(&world.ask(&sessions()).await, 502, "unavailable_error");
}

/// Another controller is asked only while nothing was sent.
#[tokio::test]
async fn the_next_controller_is_asked_if_one_cannot_be_reached_and_never_after_that() {
    let authority = Authority::new();
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let good = Scripted::start(&authority, Manner::Talkative).await;
    let reached = world(authority.way(&[closed, good.address])).await;
    for _ in 0..2 {
        assert_eq!(reached.ask(&sessions()).await.status, 201);
    }
    let rude = Scripted::start(&authority, Manner::Rude).await;
    let broken = world(authority.way(&[rude.address, good.address])).await;
    refused(&broken.ask(&sessions()).await, 502, "unavailable_error");
    assert_eq!((rude.seen().len(), good.seen().len()), (1, 2));

    let foreign = Scripted::start(&Authority::new(), Manner::Talkative).await;
    for alone in [closed, foreign.address] {
        let alone = world(authority.way(&[alone])).await;
        let reply = alone.ask(&sessions()).await;
        refused(&reply, 503, "unavailable_error");
        assert_eq!(reply.header("retry-after"), Some("1"));
        alone.still_serves().await;
    }
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn a_controller_that_says_nothing_is_given_up() {
    let authority = Authority::new();
    let silent = Scripted::start(&authority, Manner::Silent).await;
    let world = world(DoorSettings {
        deadline: Duration::from_millis(200),
        ..authority.way(&[silent.address])
    })
    .await;
    refused(&world.ask(&sessions()).await, 504, "unavailable_error");
    assert_eq!(silent.seen().len(), 1);
}

/// Where no controller has such a door, its paths are unknown like any other.
#[tokio::test]
async fn without_a_way_there_is_no_such_path() {
    let world = World::new().await;
    let unknown = world.ask(&sessions().at("/elsewhere")).await;
    let door = world.ask(&sessions()).await;
    assert_eq!((door.status, &door.body), (404, &unknown.body));
}

async fn world(door: DoorSettings) -> World {
    World::with(|settings| settings.door = door).await
}

fn sessions() -> Post {
    Post::plain(HOST_A, "", "KEY", r#"{"user":"alice"}"#).at("/sessions")
}

fn refused(reply: &Reply, status: u16, class: &str) {
    let told = format!(r#""status":{status},"type":"{class}"}}"#);
    assert_eq!(reply.status, status, "{}", reply.body);
    assert!(reply.body.ends_with(&told), "{}", reply.body);
}
