//! Event streams: relayed as they come, ended as they end.

use std::time::Duration;

use crate::{
    client::{Client, CutOff, Post},
    upstream::{Call, RESULT},
    world::{HOST_A, World},
};

/// The first event is with the client before the server has written the second.
#[tokio::test]
async fn events_are_relayed_as_they_come() {
    let world = World::new().await;
    let (mut client, mut call) = stream(&world, &world.call()).await;
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        call.chunk(event).await;
        assert_eq!(client.chunk().await.unwrap().as_deref(), Some(event));
    }
    call.chunk("").await;
    assert!(client.chunk().await.unwrap().is_none());

    client.send(world.call().bytes()).await;
    assert!(call.next().await, "both connections are used again");
    call.json(200, RESULT).await;
    assert_eq!(client.reply().await.unwrap().status, 200);
}

/// RX-20, mcp.md §1.6: closing the reply's stream is the cancellation.
#[tokio::test]
async fn a_client_that_leaves_cancels_the_call() {
    let world = World::new().await;
    // While a stream is open.
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk("data: 1\n\n").await;
    assert!(client.chunk().await.unwrap().is_some());
    drop(client);
    call.closed().await;

    // Before the head of the answer.
    let mut client = world.connect().await;
    client.send(world.call().bytes()).await;
    let mut call = world.one.call().await;
    drop(client);
    call.closed().await;

    // While a JSON answer comes.
    let mut client = world.connect().await;
    client.send(world.call().bytes()).await;
    let mut call = world.one.call().await;
    call.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        .await;
    assert!(client.head().await.is_some());
    drop(client);
    call.closed().await;
    world.still_serves().await;
}

/// UP-13: whatever breaks off never looks complete.
#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_off_for_the_client_too() {
    let world = World::new().await;
    // A stream whose connection breaks between two events.
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk("data: 1\n\n").await;
    assert!(client.chunk().await.unwrap().is_some());
    drop(call);
    assert!(matches!(client.chunk().await, Err(CutOff)));

    // A stream that ends properly, but inside an event.
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk("data: 1").await;
    assert!(client.chunk().await.unwrap().is_some());
    call.chunk("").await;
    assert!(matches!(client.chunk().await, Err(CutOff)));

    // JSON with a length.
    let mut client = world.connect().await;
    client.send(world.call().bytes()).await;
    let mut call = world.one.call().await;
    call.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        .await;
    assert!(client.head().await.is_some());
    drop(call);
    let mut one = client;
    assert!(matches!(read_all(&mut one).await, Ok(1)));

    // JSON that ends with the connection: only a whole text is an answer.
    for (body, status) in [(RESULT, 200), (&RESULT[..20], 502)] {
        let mut client = world.connect().await;
        client.send(world.call().bytes()).await;
        let mut call = world.one.call().await;
        call.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}"
        ))
        .await;
        drop(call);
        assert_eq!(client.reply().await.unwrap().status, status);
    }
    world.still_serves().await;
}

/// UP-03 and the keep-alive of security.md §2.4.
#[tokio::test]
async fn a_silent_stream_gets_signs_of_life_and_then_an_end() {
    let world = World::with(|settings| {
        settings.upstream.keep_alive = Duration::from_millis(40);
        settings.upstream.idle = Duration::from_millis(200);
    })
    .await;
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk("data: 1\n\n").await;
    assert_eq!(
        client.chunk().await.unwrap().as_deref(),
        Some("data: 1\n\n")
    );
    for _ in 0..3 {
        assert_eq!(
            client.chunk().await.unwrap().as_deref(),
            Some(": keep-alive\n\n")
        );
    }
    while let Ok(Some(comment)) = client.chunk().await {
        assert_eq!(comment, ": keep-alive\n\n");
    }
    assert!(client.is_closed().await);
    call.closed().await;
}

/// A comment of ours would break an event in two.
#[tokio::test]
async fn no_sign_of_life_is_put_inside_an_event() {
    let world = World::with(|settings| {
        settings.upstream.keep_alive = Duration::from_millis(20);
        settings.upstream.idle = Duration::from_millis(150);
    })
    .await;
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk("data: 1").await;
    assert_eq!(client.chunk().await.unwrap().as_deref(), Some("data: 1"));
    assert!(matches!(client.chunk().await, Err(CutOff)));
    call.closed().await;
}

/// UP-04, UP-01.
#[tokio::test]
async fn answers_over_the_limits_are_cut() {
    let world = World::with(|settings| {
        settings.upstream.event_bytes = 100;
        settings.upstream.json_bytes = 100;
    })
    .await;
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk(&format!("data: {}", "x".repeat(60))).await;
    assert!(client.chunk().await.unwrap().is_some());
    call.chunk(&"x".repeat(60)).await;
    assert!(matches!(client.chunk().await, Err(CutOff)));
    call.closed().await;

    let request = world.call();
    let serving = async {
        let mut call = world.one.call().await;
        call.json(200, &format!("\"{}\"", "x".repeat(99))).await;
    };
    let (reply, ()) = tokio::join!(world.ask(&request), serving);
    assert_eq!(reply.status, 502);
    world.still_serves().await;
}

/// Long-lived streams have no idle or total limit (design.md §5).
#[tokio::test]
async fn listening_outlives_the_deadlines_of_calls() {
    let world = World::with(|settings| {
        settings.upstream.keep_alive = Duration::from_millis(20);
        settings.upstream.idle = Duration::from_millis(50);
        settings.upstream.total = Duration::from_millis(100);
    })
    .await;
    for request in [
        Post::modern(
            HOST_A,
            "s1",
            &world.alice,
            "subscriptions/listen",
            r#""notifications":{},"#,
        ),
        Post::bare("GET", HOST_A, "s1", &world.alice),
    ] {
        let (mut client, mut call) = stream(&world, &request).await;
        for _ in 0..10 {
            assert_eq!(
                client.chunk().await.unwrap().as_deref(),
                Some(": keep-alive\n\n")
            );
        }
        call.chunk("data: 1\n\n").await;
        while client.chunk().await.unwrap().as_deref() != Some("data: 1\n\n") {}
        drop(client);
        call.closed().await;
    }
    // Its twin: a call's stream ends at the total deadline.
    let (mut client, mut call) = stream(&world, &world.call()).await;
    call.chunk("data: 1\n\n").await;
    while let Ok(Some(_)) = client.chunk().await {}
    call.closed().await;
}

/// control-plane.md §7.4.
#[tokio::test]
async fn draining_finishes_what_has_begun_and_ends_what_would_not() {
    let mut world = World::new().await;
    let (mut listening, _stream) =
        stream(&world, &Post::bare("GET", HOST_A, "s1", &world.alice)).await;
    let mut calling = world.connect().await;
    calling.send(world.call().bytes()).await;
    let mut call = world.one.call().await;
    let mut idle = world.connect().await;
    let (reply, _other) = tokio::join!(idle.ask(world.call().bytes()), world.one.answer());
    assert_eq!(reply.header("connection"), None);

    world.shutdown.soft().cancel();
    assert!(
        listening.chunk().await.unwrap().is_none(),
        "the stream ends properly"
    );
    assert!(idle.is_closed().await);
    call.json(200, RESULT).await;
    assert_eq!(calling.reply().await.unwrap().body, RESULT);
    assert!(calling.is_closed().await);
    crate::client::within(world.cores.take().unwrap().finish()).await;
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
    assert_eq!(world.log.text().lines().count(), 3);
}

/// New connections are taken a little longer, and told that they are the last.
#[tokio::test]
async fn a_draining_node_still_answers_for_a_moment() {
    let world = World::with(|settings| {
        settings.serve.drain_accept = Duration::from_secs(20);
    })
    .await;
    let mut idle = world.connect().await;
    let (reply, mut call) = tokio::join!(idle.ask(world.call().bytes()), world.one.answer());
    assert_eq!(reply.header("connection"), None);
    world.shutdown.soft().cancel();
    loop {
        let mut client = world.connect().await;
        let serving = async {
            assert!(call.next().await);
            call.json(200, RESULT).await;
        };
        let (reply, ()) = tokio::join!(client.ask(world.call().bytes()), serving);
        assert_eq!(reply.status, 200);
        if reply.is("connection", "close") {
            break;
        }
    }
    let (reply, ()) = tokio::join!(idle.ask(world.call().bytes()), async {
        assert!(call.next().await);
        call.json(200, RESULT).await;
    });
    assert!(reply.is("connection", "close"));
}

/// Asks, and lets the server begin a stream.
async fn stream(world: &World, request: &Post) -> (Client, Call) {
    let mut client = world.connect().await;
    client.send(request.bytes()).await;
    let mut call = world.one.call().await;
    call.stream("").await;
    let (status, headers) = client.head().await.unwrap();
    assert_eq!(status, 200);
    assert!(headers.contains(&("content-type".into(), "text/event-stream".into())));
    (client, call)
}

/// How many bytes still come until the connection is closed.
async fn read_all(client: &mut Client) -> Result<usize, CutOff> {
    let mut count = 0;
    while !client.is_closed().await {
        count += 1;
    }
    Ok(count)
}
