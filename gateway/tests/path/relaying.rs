//! A call is carried out at most once, and a failure of any part costs one request.

use std::time::Duration;

use crate::{
    client::Post,
    upstream::RESULT,
    world::{HOST_A, World},
};

/// design.md §5, D14: a call whose first byte left is never sent again.
#[tokio::test]
async fn a_call_that_was_sent_is_never_sent_twice() {
    let world = World::new().await;
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Ty"] {
        // On a new connection.
        let request = world.call();
        let serving = async {
            let mut call = world.one.call().await;
            call.write(answer).await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, 502, "{answer}");
        assert!(reply.body.contains(r#""id":7"#), "{}", reply.body);
        assert!(world.one.is_untouched());

        // On one that has been used before.
        let (reply, mut call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200);
        let serving = async {
            assert!(call.next().await);
            call.write(answer).await;
            drop(call);
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, 502, "{answer}");
        assert!(world.one.is_untouched());
    }
}

/// A connection that the server closed while nobody used it costs nothing.
#[tokio::test]
async fn a_connection_that_went_stale_is_replaced() {
    let world = World::new().await;
    let request = world.call();
    for _ in 0..20 {
        let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200);
        drop(call);
    }
}

/// A connection whose answer said `Connection: close` is not used again.
#[tokio::test]
async fn a_server_may_close_after_every_answer() {
    let world = World::new().await;
    let request = world.call();
    for _ in 0..3 {
        let serving = async {
            let mut call = world.one.call().await;
            let headers = [
                ("Content-Type", "application/json"),
                ("Connection", "close"),
            ];
            call.reply(200, &headers, RESULT).await;
            call.closed().await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("connection"), None);
    }
}

/// RP1, style.md §3.3.
#[tokio::test]
async fn a_panic_costs_one_request() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let broken = Post::call(HOST_A, "panics", &world.alice);
    let reply = client.ask(broken.bytes()).await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.body,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"Internal error"}}"#
    );
    assert!(client.is_closed().await);
    world.still_serves().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_502() {
    let mut world = World::new().await;
    world.one = crate::upstream::Upstream::listen().await;
    let reply = world.ask(&world.call()).await;
    assert_eq!(reply.status, 502);
    assert!(reply.body.contains("cannot be reached"), "{}", reply.body);
}

/// design.md §5: 30 s for most calls, the server's own time for `tools/call`.
#[tokio::test]
async fn a_silent_server_is_given_up_in_time() {
    let world = World::with(|settings| {
        settings.upstream.first_byte = Duration::from_millis(100);
    })
    .await;
    let list = Post::modern(HOST_A, "s1", &world.alice, "tools/list", "");
    let serving = async {
        let mut call = world.one.call().await;
        call.closed().await;
    };
    let (reply, ()) = tokio::join!(world.ask(&list), serving);
    assert_eq!(reply.status, 504);
    assert!(reply.body.contains(r#""id":7"#), "{}", reply.body);

    // Its own time is 5 min.
    let request = world.call();
    let serving = async {
        let mut call = world.one.call().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        call.json(200, RESULT).await;
    };
    let (reply, ()) = tokio::join!(world.ask(&request), serving);
    assert_eq!(reply.status, 200);
}

/// UP-08, and the bodies of errors that pass.
#[tokio::test]
async fn only_json_rpc_reaches_the_client() {
    let world = World::new().await;
    let error = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"bad"}}"#;
    for (status, content_type, body, expected) in [
        (200, "text/html", "<html>", (502, None)),
        (400, "application/json", error, (400, Some(error))),
        (404, "text/html", "<html>", (404, None)),
        (405, "application/json", r#"{"leak":1}"#, (405, None)),
        (202, "text/plain", "leak", (202, Some(""))),
        (204, "text/plain", "", (204, None)),
    ] {
        let request = world.call();
        let serving = async {
            let mut call = world.one.call().await;
            call.reply(status, &[("Content-Type", content_type)], body)
                .await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, expected.0, "{status} {content_type}");
        match expected.1 {
            Some(text) => assert_eq!(reply.body, text),
            None => assert!(
                !reply.body.contains("leak") && !reply.body.contains('<'),
                "{}",
                reply.body
            ),
        }
    }
}
