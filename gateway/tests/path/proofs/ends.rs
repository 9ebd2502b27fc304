//! Open streams of every kind of caller end when they would not be let in any more (TK-11, TK-12).

use std::time::Duration;

use super::{
    call, credentials,
    doors::{Doors, Kind},
};
use crate::{
    client::{Client, Post},
    upstream::Call,
    world::World,
};

/// A change of config, with the kinds that are asked for afterwards.
type Change = fn(&mut Doors) -> &'static [Kind];

#[tokio::test]
async fn a_stream_ends_with_what_let_its_caller_in() {
    let changes: [(&str, Change); 9] = [
        ("key", |_| &[Kind::Session, Kind::Anonymous]),
        ("bearer", |_| &[Kind::ApiKey]),
        ("bearer", |doors| {
            doors.tokens_off = true;
            &Kind::ALL
        }),
        ("session", |_| &[Kind::ApiKey]),
        ("session", |doors| {
            doors.disable("alice");
            &Kind::ALL
        }),
        ("jwt", |_| &[Kind::ApiKey]),
        ("forwarded", |_| &[Kind::ApiKey]),
        ("forwarded", |doors| {
            doors.proxies = "192.0.2.0/24";
            &Kind::ALL
        }),
        ("nothing", |_| &[Kind::ApiKey]),
    ];
    for (name, change) in changes {
        let world = World::new().await;
        Doors::new(&world).publish(&world, &Kind::ALL);
        let (mut client, mut upstream) = listen(&world, name).await;
        Doors::new(&world).publish(&world, &Kind::ALL);
        upstream.chunk(EVENT).await;
        assert!(client.chunk().await.expect(name).is_some(), "{name}");

        let mut doors = Doors::new(&world);
        let kinds = change(&mut doors);
        doors.publish(&world, kinds);
        assert!(client.chunk().await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_time_of_its_credential() {
    for name in ["old secret", "bearer", "session", "jwt"] {
        let world = World::new().await;
        Doors::new(&world).publish(&world, &Kind::ALL);
        let (mut client, _upstream) = listen(&world, name).await;
        let (mut other, mut upstream) = listen(&world, "key").await;
        world.hand.advance(Duration::from_hours(2));
        assert!(client.chunk().await.unwrap().is_none(), "{name}");
        upstream.chunk(EVENT).await;
        assert!(other.chunk().await.unwrap().is_some(), "{name}");
    }
}

async fn listen(world: &World, name: &str) -> (Client, Call) {
    let credentials = credentials(world);
    let found = credentials.iter().find(|(known, _)| *known == name);
    let lines = &found.unwrap().1;
    let request = Post {
        method: "GET",
        body: String::new(),
        ..call(lines)
    };
    let request = [
        "Content-Type",
        "MCP-Protocol-Version",
        "Mcp-Method",
        "Mcp-Name",
    ]
    .into_iter()
    .fold(request, Post::without);
    let mut client = world.connect().await;
    client.send(request.bytes()).await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    (client, call)
}

const EVENT: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
