//! SS rows of the attack catalogue at the last door: whatever was registered, no call leaves for an
//! address inside. `crates/egress` has the rules and their own tests.

use std::{collections::VecDeque, io, net::IpAddr, sync::Arc};

use egress::{Denied, Endpoint, Policy, Resolver};
use gateway::config::snapshot::{CredentialUse, ServerSet, ServerSlot, Snapshot, Tenant};

use crate::{
    client::{Post, Reply},
    upstream::Upstream,
    world::{HOST_A, World, key, server, spec},
};

const REFUSED: &str = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"The server's address may not be called"}}"#;

/// SS-01, SS-02, SS-03, SS-04, SS-05, SS-16, on a gateway without any allowance. The listener on
/// loopback shows that nothing is dialled; with the allowance the same URL is served (every other test).
#[tokio::test]
async fn no_address_inside_is_dialled() {
    let resolver = Resolver::scripted(|_| panic!("an address needs no resolving"));
    let world = World::dialing(|_| {}, Policy::public_only(), resolver).await;
    let port = world.one.port();
    for host in [
        "169.254.169.254",
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fd00::1]",
    ] {
        let reply = call(&world, &format!("http://{host}:{port}/latest/")).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (502, REFUSED),
            "{host}"
        );
    }
    for forbidden in [22, 25, 6379, 5432] {
        let reply = call(&world, &format!("http://8.8.8.8:{forbidden}/mcp")).await;
        assert_eq!((reply.status, reply.body.as_str()), (502, REFUSED));
    }
    assert!(world.one.is_untouched());
}

/// SS-06, SS-07, SS-08: what counts is what a name leads to now. `127.0.0.1` is outside here, and
/// `127.0.0.2` the machine inside, which hears nothing.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_dialled() {
    let (outside, inside) = ("127.0.0.1", "127.0.0.2");
    for (row, answers) in [
        ("SS-06", vec![vec![outside], vec![inside]]),
        ("SS-06", vec![vec![outside], vec!["10.0.0.5"]]),
        ("SS-07", vec![vec![outside], vec!["::ffff:127.0.0.2"]]),
        ("SS-08", vec![vec![outside], vec![outside, inside]]),
        ("SS-08", vec![vec![outside], vec![inside, outside]]),
    ] {
        let policy = Policy::allowing(["127.0.0.1/32".parse().unwrap()], []);
        let world = World::dialing(never_reuse, policy, script(answers)).await;
        let trap = Upstream::listen_on(&format!("{inside}:{}", world.one.port())).await;
        let url = format!("http://rb.example:{}/mcp", world.one.port());
        publish(&world, &url);
        let request = Post::call(HOST_A, "victim", &world.alice);
        // The positive twin: what was vetted at registration is served.
        let (reply, served) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{row}");
        assert_eq!(
            served.header("host"),
            Some(&*format!("rb.example:{}", world.one.port()))
        );
        let reply = world.ask(&request).await;
        assert_eq!((reply.status, reply.body.as_str()), (502, REFUSED), "{row}");
        assert!(trap.is_untouched() && world.one.is_untouched(), "{row}");
        world.still_serves().await;
    }
}

/// SS-17: our own machines, also where the operator allows the network they are in.
#[tokio::test]
async fn the_own_cluster_is_not_dialled_in_an_allowed_network() {
    let own = Upstream::listen().await;
    let denied: Denied = format!("127.0.0.1:{}", own.port()).parse().unwrap();
    let policy = Policy::allowing(["127.0.0.0/8".parse().unwrap()], [denied]);
    let world = World::dialing(never_reuse, policy, script(vec![vec!["127.0.0.1"]])).await;
    world.still_serves().await;
    for host in ["127.0.0.1", "db.internal", "[::ffff:127.0.0.1]"] {
        let reply = call(&world, &format!("http://{host}:{}/mcp", own.port())).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (502, REFUSED),
            "{host}"
        );
        world.still_serves().await;
    }
    assert!(own.is_untouched());
}

/// One look-up after the other, by name; afterwards there is no such name.
fn script(answers: Vec<Vec<&str>>) -> Resolver {
    let mut answers: VecDeque<Vec<IpAddr>> = answers
        .into_iter()
        .map(|ips| ips.into_iter().map(|ip| ip.parse().unwrap()).collect())
        .collect();
    Resolver::scripted(move |_| {
        answers
            .pop_front()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    })
}

fn never_reuse(settings: &mut gateway::settings::DataSettings) {
    settings.upstream.reuse = std::time::Duration::ZERO;
}

/// Alice calls a server with this URL.
async fn call(world: &World, url: &str) -> Reply {
    publish(world, url);
    world.ask(&Post::call(HOST_A, "victim", &world.alice)).await
}

/// Tenant A with `s1` as ever, and with `victim` at this URL.
fn publish(world: &World, url: &str) {
    let mut victim = server(99, "victim", &world.one, None);
    victim.endpoint = Endpoint::parse(url).unwrap();
    victim.credential = CredentialUse::None;
    let s1 = server(11, "s1", &world.one, Some((1, "Bearer CANARY-A1")));
    let hash = token::ApiKey::parse(&world.alice).unwrap().sha256();
    let tenant = Tenant::new(spec(1, "a", HOST_A), Arc::default())
        .with_server(
            &"victim".parse().unwrap(),
            ServerSlot::Serving(Arc::new(victim)),
        )
        .with_server(&"s1".parse().unwrap(), ServerSlot::Serving(Arc::new(s1)))
        .with_key(hash, Arc::new(key(1, "alice", ServerSet::All)));
    world
        .config
        .publish(Arc::new(Snapshot::of(2, [Arc::new(tenant)])));
}
