//! Open streams end when their callers would not be let in any more.

use std::time::{Duration, Instant};

use proto::{
    id::{KeyUid, TenantUid},
    revocation::ShortHash,
    sync::v1::{Revocation, RevocationBatch, RevocationKind},
};

use crate::{
    client::{Client, CutOff, Post},
    rules::{Rules, grant},
    upstream::Call,
    world::{HOST_A, World, now},
};

/// TK-12: whatever takes the credential's validity ends its streams, and nobody else's.
#[tokio::test]
async fn a_stream_ends_when_its_key_stops_working() {
    let changes: [fn(&mut Rules); 4] = [
        |rules| rules.adam = None,
        |rules| rules.adam.as_mut().unwrap().disabled = true,
        |rules| rules.adam.as_mut().unwrap().expires = Some(now()),
        |rules| {
            let other = proto::id::ServerUid::from_uuid(uuid::Uuid::from_u128(12));
            let servers = std::collections::HashSet::from([other]);
            let adam = rules.adam.as_mut().unwrap();
            adam.servers = gateway::config::snapshot::ServerSet::Only(servers);
        },
    ];
    for change in changes {
        let world = World::new().await;
        Rules::new(&world).publish(&world);
        let (mut adam, mut upstream) = listen(&world, &world.adam).await;
        let (mut alice, mut other) = listen(&world, &world.alice).await;
        let mut rules = Rules::new(&world);
        change(&mut rules);
        let start = Instant::now();
        rules.publish(&world);
        assert!(
            adam.chunk().await.unwrap().is_none(),
            "the stream ends properly"
        );
        assert!(start.elapsed() < Duration::from_secs(5));
        upstream.closed().await;
        other.chunk("data: 1\n\n").await;
        assert_eq!(alice.chunk().await.unwrap().as_deref(), Some("data: 1\n\n"));
        let reply = world.ask(&Post::call(HOST_A, "s1", &world.adam)).await;
        assert!(matches!(reply.status, 401 | 404), "{}", reply.status);
    }
}

/// TK-12: so does the credential's own end, without any change of config.
#[tokio::test]
async fn a_stream_ends_when_its_key_expires() {
    let world = World::new().await;
    let mut rules = Rules::new(&world);
    rules.adam.as_mut().unwrap().expires = Some(now() + Duration::from_mins(1));
    rules.publish(&world);
    let (mut adam, _upstream) = listen(&world, &world.adam).await;
    let (mut alice, mut other) = listen(&world, &world.alice).await;
    world.hand.advance(Duration::from_mins(2));
    assert!(adam.chunk().await.unwrap().is_none());
    other.chunk("data: 1\n\n").await;
    assert!(alice.chunk().await.unwrap().is_some());
}

/// TK-16: a policy that takes the server away ends streams, one that only narrows does not.
#[tokio::test]
async fn a_stream_ends_when_the_policy_takes_its_server_away() {
    let world = World::new().await;
    Rules::granting(&world, [grant("*")]).publish(&world);
    let (mut adam, mut upstream) = listen(&world, &world.adam).await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let request = {
        let params = r#""name":"pay","arguments":{},"#;
        Post::modern(HOST_A, "s1", &world.adam, "tools/call", params).with("Mcp-Name", "pay")
    };
    assert_eq!(
        world.ask(&request).await.code(),
        Some(-31003),
        "the next call"
    );
    upstream
        .chunk("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n")
        .await;
    assert!(adam.chunk().await.unwrap().is_some(), "the stream goes on");
    Rules::granting(&world, []).publish(&world);
    assert!(adam.chunk().await.unwrap().is_none());
    upstream.closed().await;
}

/// The answer to a call that is cut never looks complete, nor does an event; busy streams are cut too.
#[tokio::test]
async fn a_cut_answer_never_looks_complete() {
    let world = World::new().await;
    Rules::new(&world).publish(&world);
    let (mut calling, mut call) = open(&world, &Post::call(HOST_A, "s1", &world.adam)).await;
    call.chunk("data: 1\n\n").await;
    assert!(calling.chunk().await.unwrap().is_some());
    let (mut halfway, mut half) = listen(&world, &world.adam).await;
    half.chunk("data: 1").await;
    assert!(halfway.chunk().await.unwrap().is_some());
    let (mut busy, mut flooding) = listen(&world, &world.adam).await;
    let mut rules = Rules::new(&world);
    rules.adam = None;
    rules.publish(&world);
    assert!(matches!(calling.chunk().await, Err(CutOff)));
    assert!(matches!(halfway.chunk().await, Err(CutOff)));
    let reading = async { while let Ok(Some(_)) = busy.chunk().await {} };
    tokio::join!(reading, flooding.flood());
    call.closed().await;
}

async fn listen(world: &World, key: &str) -> (Client, Call) {
    open(world, &Post::bare("GET", HOST_A, "s1", key)).await
}

async fn open(world: &World, request: &Post) -> (Client, Call) {
    let mut client = world.connect().await;
    client.send(request.bytes()).await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    (client, call)
}

/// Issue 4, must-hold 6: a revoked key is refused and its streams are cut, at once and without any
/// change of config; nobody else notices.
#[tokio::test]
async fn what_is_revoked_is_refused_and_its_streams_end() {
    let world = World::new().await;
    Rules::new(&world).publish(&world);
    let (mut adam, mut upstream) = listen(&world, &world.adam).await;
    let (mut alice, mut other) = listen(&world, &world.alice).await;
    let key = Rules::new(&world).adam.unwrap().uid;
    let start = Instant::now();
    let tenant = world.config.current().unwrap();
    let tenant = tenant.tenant_by_authority(HOST_A).unwrap().uid;
    world.revocations.hear(&revoking(tenant, key)).unwrap();
    assert!(adam.chunk().await.unwrap().is_none());
    assert!(start.elapsed() < Duration::from_secs(1));
    upstream.closed().await;
    other.chunk("data: 1\n\n").await;
    assert_eq!(alice.chunk().await.unwrap().as_deref(), Some("data: 1\n\n"));
    let reply = world.ask(&Post::call(HOST_A, "s2", &world.adam)).await;
    assert_eq!(reply.status, 401, "{}", reply.body);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains("invalid_token"), "{challenge}");
}

fn revoking(tenant: TenantUid, key: KeyUid) -> RevocationBatch {
    RevocationBatch {
        epoch: 1,
        base: 1,
        revocations: vec![Revocation {
            sequence: 1,
            tenant_uid: tenant.to_string(),
            kind: RevocationKind::Key.into(),
            id: ShortHash::of(&key.to_string()).bytes().to_vec().into(),
            issued_until: None,
            expire_time: Some((now() + Duration::from_hours(1)).into()),
        }],
        head: 1,
    }
}
