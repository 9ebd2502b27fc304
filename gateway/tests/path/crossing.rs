//! TI rows of the attack catalogue about what two callers have in common: a server's URL, its pool of
//! connections, the words of a refusal.

use std::{net::SocketAddr, sync::Arc};

use gateway::config::snapshot::{ServerSet, ServerSlot, Snapshot, Tenant};
use token::ApiKey;
use tokio::task::JoinSet;

use crate::{
    client::{Client, Post},
    upstream::{Call, Upstream},
    world::{HOST_A, HOST_B, World, key, secrets, server, spec},
};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;

/// TI-10: one URL, two tenants, 10,000 interleaved calls; the server answers with the credential it
/// saw, and each client reads its own tenant's.
#[tokio::test]
async fn ten_thousand_interleaved_calls_never_cross() {
    let world = World::new().await;
    let shared = Arc::new(Upstream::listen().await);
    publish(
        &world,
        &shared,
        ["Bearer CANARY-A", "Bearer CANARY-B"].map(Some),
    );
    let mut serving = JoinSet::new();
    serving.spawn(echo_credentials(Arc::clone(&shared)));
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let (host, key, canary) = match caller % 2 {
            0 => (HOST_A, &world.alice, "CANARY-A"),
            _ => (HOST_B, &world.bob, "CANARY-B"),
        };
        let request = Post::call(host, "s1", key);
        callers.spawn(call_often(world.address, request, 10_000 / 8, canary));
    }
    callers.join_all().await;
}

/// TI-11: a stateful server that wants no credential, at one URL, for two tenants. Each caller has a
/// session of its own there, and neither somebody else's id nor the server's own leads into another's.
#[tokio::test]
async fn sessions_at_a_shared_server_belong_to_one_caller_each() {
    let world = World::with(|settings| settings.upstream.reuse = std::time::Duration::ZERO).await;
    let shared = Upstream::listen().await;
    publish(&world, &shared, [None, None]);
    let callers = [
        (HOST_A, &world.alice),
        (HOST_A, &world.adam),
        (HOST_B, &world.bob),
    ];
    let mut ids = Vec::new();
    for (number, (host, key)) in callers.into_iter().enumerate() {
        let request = Post::plain(host, "s1", key, INITIALIZE);
        let serving = async {
            let mut call = shared.call().await;
            assert_eq!(call.header("authorization"), None);
            assert_eq!(call.header("mcp-session-id"), None);
            let own = format!("u-{number}");
            let headers = [
                ("Content-Type", "application/json"),
                ("Mcp-Session-Id", own.as_str()),
            ];
            call.reply(200, &headers, INITIALIZED).await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, 200);
        ids.push(reply.header("mcp-session-id").unwrap().to_owned());
    }
    for (owner, id) in ids.iter().enumerate() {
        for (caller, (host, key)) in callers.into_iter().enumerate() {
            let list = Post::plain(host, "s1", key, LIST);
            if caller == owner {
                let request = list.clone().with("Mcp-Session-Id", id);
                let (reply, call) = tokio::join!(world.ask(&request), shared.answer());
                assert_eq!(reply.status, 200);
                let own = format!("u-{owner}");
                assert_eq!(call.header("mcp-session-id"), Some(own.as_str()));
                continue;
            }
            for stolen in [id.as_str(), &format!("u-{owner}")] {
                for request in [
                    list.clone(),
                    Post::bare("GET", host, "s1", key),
                    Post::bare("DELETE", host, "s1", key),
                ] {
                    let reply = world.ask(&request.with("Mcp-Session-Id", stolen)).await;
                    assert_eq!((reply.status, reply.code()), (404, Some(-32001)));
                }
            }
        }
    }
    assert!(shared.is_untouched());
}

/// CL-04: whatever a call is refused for, the refusal tells nothing of the server's config.
#[tokio::test]
async fn a_refusal_shows_no_config() {
    let world = World::new().await;
    world.still_serves().await;
    let port = world.one.port().to_string();
    for (server, key, status) in [
        ("s1", &world.adam, 404),
        ("ghost", &world.adam, 404),
        ("bad", &world.adam, 404),
        ("bad", &world.alice, 503),
        ("moved", &world.alice, 502),
        ("panics", &world.alice, 500),
        ("s1", &world.bob, 401),
    ] {
        let reply = world.ask(&Post::call(HOST_A, server, key)).await;
        assert_eq!(reply.status, status, "{server}");
        let text = format!("{:?}{}", reply.headers, reply.body);
        // The caller's own words.
        let text = text.replace(
            "https://a.test/.well-known/oauth-protected-resource/mcp/s1",
            "",
        );
        for inside in ["CANARY", "127.0.0.1", &port, "/mcp", "panics.test", "http:"] {
            assert!(!text.contains(inside), "{server}: {inside} in {text}");
        }
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// Answers every call on every connection with the credential it brought.
async fn echo_credentials(shared: Arc<Upstream>) {
    let mut connections = JoinSet::new();
    loop {
        let call = shared.call().await;
        connections.spawn(echo_on(call));
    }
}

async fn echo_on(mut call: Call) {
    let own = call.header("authorization").unwrap().to_owned();
    loop {
        assert_eq!(call.header("authorization"), Some(own.as_str()));
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"saw":"{own}"}}}}"#);
        call.json(200, &body).await;
        if !call.next().await {
            return;
        }
    }
}

async fn call_often(address: SocketAddr, request: Post, count: usize, canary: &str) {
    let expected = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"saw":"Bearer {canary}"}}}}"#);
    let mut client = Client::connect(address).await;
    for _ in 0..count {
        let reply = client.ask(request.bytes()).await;
        assert_eq!((reply.status, &reply.body), (200, &expected));
    }
}

/// A (alice and adam) and B (bob) with the same server, with these credentials.
fn publish(world: &World, shared: &Upstream, credentials: [Option<&str>; 2]) {
    let hash = |secret: &str| ApiKey::parse(secret).unwrap().sha256();
    let open = |uid, slug| Arc::new(key(uid, slug, ServerSet::All));
    let tenant = |uid, slug, host, credential: Option<&str>| {
        let server = server(uid + 10, "s1", shared, credential.map(|value| (2, value)));
        Tenant::new(spec(uid, slug, host), Arc::default())
            .with_server(
                &"s1".parse().unwrap(),
                ServerSlot::Serving(Arc::new(server)),
            )
            .with_secrets(Arc::new(secrets()))
    };
    let [of_a, of_b] = credentials;
    let a = tenant(1, "a", HOST_A, of_a)
        .with_key(hash(&world.alice), open(1, "alice"))
        .with_key(hash(&world.adam), open(2, "adam"));
    let b = tenant(2, "b", HOST_B, of_b).with_key(hash(&world.bob), open(3, "bob"));
    let tenants = [a, b].map(Arc::new);
    world.config.publish(Arc::new(Snapshot::of(2, tenants)));
}
