//! The published limits (security.md §2.4), at the limit and one beyond.

use std::time::Duration;

use crate::{
    client::{Post, within},
    upstream::RESULT,
    world::{HOST_A, World},
};

/// RX-03.
#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let length = World::new().await.call().body.len();
    let world = World::with(|settings| settings.path.body.bytes = length).await;
    world.still_serves().await;

    let mut longer = world.call();
    longer.body.push(' ');
    assert_eq!(world.ask(&longer).await.status, 413);
    // Announced only: refused without reading.
    let mut client = world.connect().await;
    let announced = format!("{}Content-Length: 99999999\r\n\r\n", world.call().head());
    assert_eq!(client.ask(announced).await.status, 413);
    assert!(client.is_closed().await);
    // Chunked: refused at the crossing.
    let mut client = world.connect().await;
    let chunked = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n",
        world.call().head(),
        longer.body.len(),
        longer.body
    );
    assert_eq!(client.ask(chunked).await.status, 413);
    assert!(client.is_closed().await);
    assert!(world.one.is_untouched());
}

/// RX-04, RX-05.
#[tokio::test]
async fn heads_over_the_limits_are_refused() {
    let world = World::new().await;
    let fields = |count: usize| (0..count).fold(world.call(), |call, _| call.with("X-A", "b"));
    // Host and Content-Length are added when it is sent.
    let own = world.call().headers.len() + 2;
    for (request, status) in [
        (fields(65 - own), 431),
        (world.call().with("X-A", &"b".repeat(8 << 10)), 431),
        (
            (0..5).fold(world.call(), |call, _| call.with("X-A", &"b".repeat(7000))),
            431,
        ),
        (
            (0..20).fold(world.call(), |call, _| call.with("X-A", &"b".repeat(8000))),
            431,
        ),
        (
            world.call().at(&format!("/mcp/s1?{}", "q".repeat(9 << 10))),
            414,
        ),
    ] {
        let mut client = world.connect().await;
        client.send(request.bytes()).await;
        assert_eq!(client.reply().await.unwrap().status, status);
        assert!(client.is_closed().await);
    }
    let request = fields(64 - own);
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
}

/// RX-01, RX-02.
#[tokio::test]
async fn slow_clients_are_cut_off() {
    let world = World::with(|settings| {
        let short = Duration::from_millis(100);
        settings.serve.handshake = short;
        settings.serve.header_read = short;
        settings.serve.idle = short;
        settings.path.body.idle = short;
    })
    .await;
    for start in ["", "P", "PRI", "POST /mcp/s1 HTTP/1.1\r\nHost: a"] {
        let mut client = world.connect().await;
        client.send(start).await;
        assert!(
            client.is_closed().await || client.is_closed().await,
            "{start}"
        );
    }
    let mut client = world.connect().await;
    let reply = client
        .ask(format!(
            "{}Content-Length: 10\r\n\r\n{{",
            world.call().head()
        ))
        .await;
    assert_eq!(reply.status, 408);
    assert!(client.is_closed().await);
    world.still_serves().await;
}

/// RX-10: a client that takes nothing of its reply gives its room and its server back.
#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let world = World::with(|settings| {
        settings.serve.idle = Duration::from_millis(100);
        settings.path.limits.inflight_per_principal = 1;
    })
    .await;
    let mut client = world.connect().await;
    client.send(world.call().bytes()).await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    assert_eq!(
        world.ask(&world.call()).await.status,
        429,
        "it holds the room"
    );
    within(call.flood()).await;
    world.still_serves().await;
}

/// A connection that nobody uses is closed; one that waits for us is not.
#[tokio::test]
async fn idle_connections_are_closed() {
    let world = World::with(|settings| {
        settings.serve.idle = Duration::from_millis(100);
        settings.serve.header_read = Duration::from_millis(100);
        settings.upstream.keep_alive = Duration::from_millis(50);
    })
    .await;
    let mut client = world.connect().await;
    client.send(world.call().bytes()).await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    for _ in 0..10 {
        assert_eq!(
            client.chunk().await.unwrap().as_deref(),
            Some(": keep-alive\n\n")
        );
    }
    call.chunk("").await;
    assert!(client.chunk().await.unwrap().is_none());
    assert!(client.is_closed().await);
}

/// RX-12: the seventeenth stream. The others go on, and calls are not affected.
#[tokio::test]
async fn a_principal_has_sixteen_streams() {
    let world = World::new().await;
    let listen = Post::bare("GET", HOST_A, "s1", &world.alice);
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut client = world.connect().await;
        client.send(listen.bytes()).await;
        let mut call = world.one.call().await;
        call.stream("").await;
        assert_eq!(client.head().await.unwrap().0, 200);
        open.push((client, call));
    }
    let reply = world.ask(&listen).await;
    assert_eq!(reply.status, 429);
    assert!(reply.is("retry-after", "1"));
    world.still_serves().await;

    let (client, mut call) = open.pop().unwrap();
    drop(client);
    call.closed().await;
    let mut client = world.connect().await;
    client.send(listen.bytes()).await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
}

#[tokio::test]
async fn a_principal_has_so_many_calls_in_flight() {
    let world = World::with(|settings| settings.path.limits.inflight_per_principal = 2).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut client = world.connect().await;
        client.send(world.call().bytes()).await;
        waiting.push((client, world.one.call().await));
    }
    let reply = world.ask(&world.call()).await;
    assert_eq!(reply.status, 429);
    assert!(
        reply.is("retry-after", "1") && reply.body.contains(r#""id":7"#),
        "{}",
        reply.body
    );
    for (client, call) in &mut waiting {
        call.json(200, RESULT).await;
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
    drop(waiting);
    world.still_serves().await;
}

/// RX-11.
#[tokio::test]
async fn an_address_has_so_many_connections() {
    let world = World::with(|settings| settings.connections_per_ip = 2).await;
    let mut held = [world.connect().await, world.connect().await];
    for client in &mut held {
        assert_eq!(
            client
                .ask(world.call().without("Authorization").bytes())
                .await
                .status,
            401
        );
    }
    assert!(world.connect().await.is_closed().await);
}
