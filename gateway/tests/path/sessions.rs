//! Legacy sessions: sealed ids that any node opens, for their principal alone.

use std::time::Duration;

use seal::session::{SessionBinding, SessionCipher};
use uuid::Uuid;

use crate::{
    client::{Post, Reply},
    upstream::{Call, RESULT},
    world::{HOST_A, HOST_B, World},
};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;

#[tokio::test]
async fn a_session_goes_on_with_the_server_s_own_id() {
    let world = World::new().await;
    let (reply, mut call) = open(&world, Some("u-1")).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, INITIALIZED));
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    assert!(id.starts_with("s1.1d20000.") && !id.contains("u-1"), "{id}");

    let request = list(&world, &id);
    let (reply, ()) = tokio::join!(world.ask(&request), answer_next(&mut call));
    assert_eq!(reply.status, 200);
    assert_eq!(call.header("mcp-session-id"), Some("u-1"));
    assert_eq!(call.header("mcp-protocol-version"), Some("2025-06-18"));
    assert_eq!(call.header("mcp-method"), None);
    assert_eq!(reply.header("mcp-session-id"), None);
}

/// Always issued, never required.
#[tokio::test]
async fn a_server_without_sessions_gets_none_although_the_client_has_one() {
    let world = World::new().await;
    let (reply, mut call) = open(&world, None).await;
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    for request in [
        list(&world, &id),
        Post::plain(HOST_A, "s1", &world.alice, LIST),
    ] {
        let (reply, ()) = tokio::join!(world.ask(&request), answer_next(&mut call));
        assert_eq!(reply.status, 200);
        assert_eq!(call.header("mcp-session-id"), None);
    }
}

#[tokio::test]
async fn the_answer_to_initialize_may_be_a_stream() {
    let world = World::new().await;
    let request = Post::plain(HOST_A, "s1", &world.alice, INITIALIZE);
    let serving = async {
        let mut call = world.one.call().await;
        call.stream("Mcp-Session-Id: u-2\r\n").await;
        call.chunk(": hello\n\nevent: mess").await;
        call.chunk(&format!("age\ndata: {INITIALIZED}\n\n")).await;
        call.chunk("").await;
        call
    };
    let (reply, mut call) = tokio::join!(world.ask(&request), serving);
    assert_eq!(
        reply.body,
        format!(": hello\n\nevent: message\ndata: {INITIALIZED}\n\n")
    );
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    let request = list(&world, &id);
    let (reply, ()) = tokio::join!(world.ask(&request), answer_next(&mut call));
    assert_eq!(reply.status, 200);
    assert_eq!(call.header("mcp-session-id"), Some("u-2"));
}

#[tokio::test]
async fn a_refused_initialize_opens_no_session() {
    let world = World::new().await;
    let request = Post::plain(HOST_A, "s1", &world.alice, INITIALIZE);
    for (status, content_type, body, expected) in [
        (
            200,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#,
            200,
        ),
        (
            400,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#,
            400,
        ),
        (200, "application/json", "{", 502),
        (200, "text/event-stream", ": nothing\n\n", 502),
    ] {
        let serving = async {
            let mut call = world.one.call().await;
            call.reply(
                status,
                &[("Content-Type", content_type), ("Mcp-Session-Id", "u")],
                body,
            )
            .await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, expected, "{body}");
        assert_eq!(reply.header("mcp-session-id"), None, "{body}");
    }
}

/// TI-03, TI-04, TI-05: a session opens for its principal, on its server, in its tenant.
#[tokio::test]
async fn a_session_is_worthless_to_everybody_else() {
    let world = World::new().await;
    let (reply, mut call) = open(&world, Some("u-1")).await;
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    for (host, server, key) in [
        (HOST_B, "s1", &world.bob),
        (HOST_A, "s2", &world.alice),
        (HOST_A, "s2", &world.adam),
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let request = match method {
                "POST" => Post::plain(host, server, key, LIST),
                _ => Post::bare(method, host, server, key),
            };
            let reply = world.ask(&request.with("Mcp-Session-Id", &id)).await;
            assert_eq!(reply.status, 404, "{method} {host} {server}");
            assert!(
                reply
                    .body
                    .contains(r#""code":-32001,"message":"Session not found""#),
                "{}",
                reply.body
            );
        }
    }
    assert!(world.two.is_untouched() && world.three.is_untouched());
    let request = list(&world, &id);
    let (reply, ()) = tokio::join!(world.ask(&request), answer_next(&mut call));
    assert_eq!(reply.status, 200);

    // Two principals of one tenant on one server.
    let request = Post::plain(HOST_A, "s2", &world.alice, INITIALIZE);
    let serving = async {
        let mut call = world.two.call().await;
        call.json(200, INITIALIZED).await;
        call
    };
    let (reply, mut call) = tokio::join!(world.ask(&request), serving);
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    let ask = |key| Post::plain(HOST_A, "s2", key, LIST).with("Mcp-Session-Id", &id);
    assert_eq!(world.ask(&ask(&world.adam)).await.status, 404);
    let request = ask(&world.alice);
    let (reply, ()) = tokio::join!(world.ask(&request), answer_next(&mut call));
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_session_that_does_not_open_is_not_found() {
    let world = World::new().await;
    let (reply, mut call) = open(&world, Some("u-1")).await;
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    let mut flipped = id.clone().into_bytes();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [
        "u-1",
        "",
        "s1.1d19999.AAAA",
        &id.replace("1d20000", "1d20001"),
        std::str::from_utf8(&flipped).unwrap(),
    ] {
        assert_eq!(world.ask(&list(&world, bad)).await.status, 404, "{bad}");
    }
    let twice = list(&world, &id).with("Mcp-Session-Id", &id);
    assert_eq!(world.ask(&twice).await.status, 404);

    world.hand.advance(Duration::from_hours(7 * 24 - 1));
    // The credential's lease ran out long before; only the session is asked about here.
    let late = world.ask(&list(&world, "u-1")).await;
    assert_eq!(late.status, 503);
    world.hand.set(crate::world::now());
    let request = list(&world, &id);
    let (reply, ()) = tokio::join!(world.ask(&request), answer_next(&mut call));
    assert_eq!(reply.status, 200);
}

/// An id is good for seven days, whatever key sealed it.
#[tokio::test]
async fn an_expired_session_is_not_found() {
    let world = World::new().await;
    let cipher = SessionCipher::new("1d20000", &[7; 32]);
    let binding = SessionBinding {
        tenant: Uuid::from_u128(1),
        server: Uuid::from_u128(11),
        principal: Uuid::from_u128(1),
    };
    let sealed = |expires: u64| {
        let mut plain = vec![1];
        plain.extend(expires.to_be_bytes());
        plain.push(0);
        cipher.seal(&binding, &plain)
    };
    let now = 24 * 3600 * 20_000 + 3600;
    let request = list(&world, &sealed(now + 1));
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(world.ask(&list(&world, &sealed(now))).await.status, 404);
}

/// The end of a session, and what a server has forgotten, are the server's to tell.
#[tokio::test]
async fn delete_and_404_pass_through() {
    let world = World::new().await;
    let (reply, mut call) = open(&world, Some("u-1")).await;
    let id = reply.header("mcp-session-id").unwrap().to_owned();
    let delete = Post::bare("DELETE", HOST_A, "s1", &world.alice).with("Mcp-Session-Id", &id);
    let serving = async {
        assert!(call.next().await);
        assert_eq!(call.line, "DELETE /mcp HTTP/1.1");
        assert_eq!(call.header("mcp-session-id"), Some("u-1"));
        call.reply(200, &[], "").await;
    };
    let (reply, ()) = tokio::join!(world.ask(&delete), serving);
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));

    let request = list(&world, &id);
    let not_found =
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Session not found"}}"#;
    for (content_type, body) in [("application/json", not_found), ("text/plain", "gone")] {
        let serving = async {
            assert!(call.next().await);
            call.reply(404, &[("Content-Type", content_type)], body)
                .await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!((reply.status, reply.body.as_str()), (404, not_found));
    }
}

/// JR-11, and its twin inside a session.
#[tokio::test]
async fn a_response_is_taken_only_inside_a_session() {
    let world = World::new().await;
    let response = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;
    let outside = Post::plain(HOST_A, "s1", &world.alice, response);
    assert_eq!(world.ask(&outside).await.status, 400);
    assert!(world.one.is_untouched());

    let (reply, mut call) = open(&world, Some("u-1")).await;
    let inside = outside.with("Mcp-Session-Id", reply.header("mcp-session-id").unwrap());
    let serving = async {
        assert!(call.next().await);
        assert_eq!(call.body, response);
        call.reply(202, &[], "").await;
    };
    let (reply, ()) = tokio::join!(world.ask(&inside), serving);
    assert_eq!((reply.status, reply.body.as_str()), (202, ""));
}

/// MH-12, mcp.md §1.2: the modern era has no sessions.
#[tokio::test]
async fn modern_requests_ignore_sessions() {
    let world = World::new().await;
    let request = world
        .call()
        .with("Mcp-Session-Id", "x")
        .with("Last-Event-ID", "5");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("mcp-session-id"), None);
    assert_eq!(call.header("mcp-session-id"), None);
    assert_eq!(call.header("last-event-id"), None);

    for method in ["GET", "DELETE"] {
        let request = Post::bare(method, HOST_A, "s1", &world.alice)
            .with("MCP-Protocol-Version", "2026-07-28");
        assert_eq!(world.ask(&request).await.status, 405, "{method}");
    }
    assert!(world.one.is_untouched());
}

/// design.md §10: without seal keys no session can be opened, and nothing is sent.
#[tokio::test]
async fn without_seal_keys_initialize_is_503() {
    let world = World::new().await;
    world
        .hand
        .set(crate::world::now() - Duration::from_hours(2));
    let request = Post::plain(HOST_A, "s1", &world.alice, INITIALIZE);
    let reply = world.ask(&request).await;
    assert_eq!(reply.status, 503);
    assert!(reply.is("retry-after", "1"));
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

async fn open(world: &World, upstream: Option<&str>) -> (Reply, Call) {
    let request = Post::plain(HOST_A, "s1", &world.alice, INITIALIZE);
    let serving = async {
        let mut call = world.one.call().await;
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(upstream.map(|id| ("Mcp-Session-Id", id)));
        call.reply(200, &headers, INITIALIZED).await;
        call
    };
    tokio::join!(world.ask(&request), serving)
}

async fn answer_next(call: &mut Call) {
    assert!(call.next().await);
    call.json(200, RESULT).await;
}

fn list(world: &World, session: &str) -> Post {
    Post::plain(HOST_A, "s1", &world.alice, LIST).with("Mcp-Session-Id", session)
}
