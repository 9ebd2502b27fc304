//! HF rows of the attack catalogue: what bytes on a connection may mean.

use crate::{
    client::Post,
    upstream::RESULT,
    world::{HOST_A, World},
};

/// HF-01. The length is hidden by hyper, so the request is read as chunked; what follows it is never
/// read at all.
#[tokio::test]
async fn nothing_follows_a_request_with_length_and_coding() {
    let world = World::new().await;
    for framing in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    ] {
        let mut client = world.connect().await;
        let head = world.call().head();
        let reply = client
            .ask(format!(
                "{head}{framing}\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status, 400, "{framing}");
        assert!(reply.is("connection", "close"));
        assert!(client.is_closed().await);
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// HF-01, its positive twin: a chunked body is fine, but it is the last on its connection.
#[tokio::test]
async fn a_chunked_body_is_read_and_ends_the_connection() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let call = world.call();
    let (start, end) = call.body.split_at(10);
    let chunked = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
        call.head(),
        start.len(),
        end.len()
    );
    let (reply, seen) = tokio::join!(client.ask(chunked), world.one.answer());
    assert_eq!((reply.status, reply.body.as_str()), (200, RESULT));
    assert_eq!(seen.header("transfer-encoding"), None);
    assert!(reply.is("connection", "close"));
    assert!(client.is_closed().await);
}

/// HF-02, HF-03, HF-05, HF-08, HF-09.
#[tokio::test]
async fn malformed_heads_are_refused_and_the_connection_closed() {
    let world = World::new().await;
    let head = world.call().head();
    let post = |lines: &str| format!("{head}{lines}\r\n0123456789");
    for (request, why) in [
        (
            post("Content-Length: 10\r\nContent-Length: 11\r\n"),
            "HF-02",
        ),
        (post("Transfer-Encoding: xchunked\r\n"), "HF-03"),
        (post("Transfer-Encoding: gzip\r\n"), "HF-03"),
        (post("Content-Length: +5\r\n"), "HF-05"),
        (post("Content-Length: 5,5\r\n"), "HF-05"),
        (post("Content-Length: 0x5\r\n"), "HF-05"),
        (post("Content-Length:\r\n"), "HF-05"),
        (post("Content-Length: -1\r\n"), "HF-05"),
        (post("Content-Length: 2\r\nX-A: b\r\n c\r\n"), "HF-08"),
        (post("Content-Length: 2\r\nX-A: b\0c\r\n"), "HF-09"),
        (post("Content-Length: 2\r\nX-A: b\rc\r\n"), "HF-09"),
        (post("Content-Length: 2\r\nX-A: b\nc\r\n"), "HF-09"),
    ] {
        let mut client = world.connect().await;
        let reply = client.ask(request).await;
        assert_eq!(reply.status, 400, "{why}");
        // It is the head that is refused, not what might have been taken for the body.
        assert_eq!(reply.body, "", "{why}");
        assert!(client.is_closed().await, "{why}");
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// HF-04. In HTTP/1.1 the same body is fine, see above; without a coding HTTP/1.0 is.
#[tokio::test]
async fn http_1_0_has_no_transfer_coding() {
    let world = World::new().await;
    let call = world.call();
    let old = |text: Vec<u8>| {
        String::from_utf8(text)
            .unwrap()
            .replace("HTTP/1.1", "HTTP/1.0")
    };
    let mut client = world.connect().await;
    let (reply, served) = tokio::join!(client.ask(old(call.bytes())), world.one.answer());
    assert_eq!(reply.status, 200);
    drop(served);
    assert!(client.is_closed().await);

    let mut client = world.connect().await;
    let chunked = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        call.head(),
        call.body.len(),
        call.body
    );
    let reply = client.ask(old(chunked.into_bytes())).await;
    assert_eq!(reply.status, 400);
    assert!(client.is_closed().await);
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// HF-06, HF-15.
#[tokio::test]
async fn a_body_that_cannot_be_whole_reaches_no_server() {
    let world = World::new().await;
    for (framing, finish) in [
        (
            "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx",
            false,
        ),
        ("Content-Length: 100\r\n\r\n{\"jsonrpc\":\"2.0\"", true),
    ] {
        let mut client = world.connect().await;
        client
            .send(format!("{}{framing}", world.call().head()))
            .await;
        if finish {
            client.finish().await;
        }
        if let Some(reply) = client.reply().await {
            assert_eq!(reply.status, 400, "{framing}");
        }
        assert!(client.is_closed().await, "{framing}");
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// HF-07.
#[tokio::test]
async fn an_upgrade_is_not_one() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let mut first = world
        .call()
        .with("Connection", "upgrade")
        .with("Upgrade", "websocket")
        .bytes();
    first.extend(
        Post::call(HOST_A, "s1", "none")
            .without("Authorization")
            .bytes(),
    );
    let (reply, _call) = tokio::join!(client.ask(first), world.one.answer());
    assert_eq!((reply.status, reply.body.as_str()), (200, RESULT));
    let second = client.reply().await.unwrap();
    assert_eq!(second.status, 401);
}

/// HF-10.
#[tokio::test]
async fn trailers_become_no_headers() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let chunked = |call: &Post, trailers: &str| {
        format!(
            "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n{trailers}\r\n",
            call.head(),
            call.body.len(),
            call.body
        )
    };
    let trailers = "Authorization: Bearer evil\r\nMcp-Name: evil\r\n";
    let request = chunked(&world.call(), trailers);
    let (reply, call) = tokio::join!(client.ask(request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(call.header("mcp-name"), Some("echo"));
    assert_eq!(call.header("authorization"), Some("Bearer CANARY-A1"));

    let anonymous = world.call().without("Authorization");
    let credential = format!("Authorization: Bearer {}\r\n", world.alice);
    let reply = world
        .connect()
        .await
        .ask(chunked(&anonymous, &credential))
        .await;
    assert_eq!(reply.status, 401);
}

/// HF-11.
#[tokio::test]
async fn no_header_can_be_declared_hop_by_hop() {
    let world = World::new().await;
    let request = world
        .call()
        .with("Connection", "authorization, mcp-method, mcp-name");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(call.header("authorization"), Some("Bearer CANARY-A1"));
    assert_eq!(call.header("mcp-method"), Some("tools/call"));

    let mut lying = request.without("Mcp-Name").with("Mcp-Name", "other");
    assert_eq!(world.ask(&lying).await.status, 400);
    lying = lying.without("Authorization");
    assert_eq!(world.ask(&lying).await.status, 401);
    assert!(world.one.is_untouched());
}

/// HF-14.
#[tokio::test]
async fn other_methods_are_refused_with_the_list_of_ours() {
    let world = World::new().await;
    for method in ["CONNECT", "TRACE", "PUT", "PATCH", "post"] {
        let request = Post {
            method,
            ..world.call()
        };
        let reply = world.ask(&request).await;
        assert_eq!(reply.status, 405, "{method}");
        assert!(reply.is("allow", "POST, GET, DELETE, OPTIONS"), "{method}");
    }
    // As proxies are asked for a tunnel.
    let mut client = world.connect().await;
    let tunnel = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n";
    let reply = client.ask(tunnel).await;
    assert_eq!(reply.status, 405);
    assert!(reply.is("allow", "POST, GET, DELETE, OPTIONS"));
    assert!(client.is_closed().await);
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// Two requests in one write are answered one after the other.
#[tokio::test]
async fn a_connection_carries_one_request_after_another() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let mut both = world.call().bytes();
    both.extend(world.call().bytes());
    client.send(both).await;
    let mut call = world.one.answer().await;
    assert_eq!(client.reply().await.unwrap().status, 200);
    assert!(call.next().await, "the server's connection is used again");
    call.json(200, RESULT).await;
    assert_eq!(client.reply().await.unwrap().status, 200);
}
