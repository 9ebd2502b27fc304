//! Issue 3, must-hold 7 without the rest of the gateway: two nodes share keys through one Redis, and
//! admit no more than `B + R·t` and the terms that `docs/limits.md` states, whatever happens to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use gateway::limit::{
    Limiter, Limits, RateSettings, Subject,
    rate::{Dimension, Limit},
};
use rustix::process::Signal;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::server::Server;

const LIMIT: Limit = Limit {
    tokens: 40,
    per_ms: 1_000,
    burst: 40,
};

/// Counts nothing but what one bucket gives out. The machine may be slow: nobody takes a share.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_admit_together_what_one_bucket_would() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, patient()).await;
    let flood = nodes.flood(async || ()).await;
    flood.within(bucket);
    let least = bucket(LASTS.as_secs_f64()) * 0.6;
    assert!(flood.admitted() > least, "{}", flood.admitted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_gives_out_no_second_burst() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, patient()).await;
    let flood = nodes.flood(async || server.run("FLUSHALL").unwrap()).await;
    flood.within(|seconds| bucket(seconds) + forgotten());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_restarts_empty_is_found_again() {
    let mut server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, RateSettings::default()).await;
    let flood = nodes.flood(async || server.restart()).await;
    flood.within(|seconds| bucket(seconds) + forgotten() + shares(seconds));
    nodes.connected(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_redis_leaves_each_node_its_share() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, RateSettings::default()).await;
    let flood = nodes
        .flood(async || server.run("CLIENT PAUSE 800 ALL").unwrap())
        .await;
    flood.within(|seconds| bucket(seconds) + shares(seconds));
    flood.went_on();
    nodes.connected(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_leaves_each_node_its_share() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, RateSettings::default()).await;
    let flood = nodes.flood(async || server.signal(Signal::STOP)).await;
    flood.within(|seconds| bucket(seconds) + shares(seconds));
    flood.went_on();
    nodes.connected(false).await;
    server.signal(Signal::CONT);
    nodes.connected(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_redis_leaves_each_node_its_share() {
    let mut server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, RateSettings::default()).await;
    let flood = nodes.flood(async || server.kill()).await;
    flood.within(|seconds| bucket(seconds) + shares(seconds));
    flood.went_on();
}

/// F-23, F-24: one that answers but takes nothing is as good as gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_write_leaves_each_node_its_share() {
    for (broken, mended) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ] {
        let server = Server::start();
        full(&server);
        let nodes = Nodes::start(&server, RateSettings::default()).await;
        let flood = nodes.flood(async || server.run(broken).unwrap()).await;
        flood.within(|seconds| bucket(seconds) + shares(seconds));
        flood.went_on();
        nodes.connected(false).await;
        let () = server.run(mended).unwrap();
        nodes.connected(true).await;
    }
}

/// TI-12: who floods, with as many tools as there are names, hurts nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_flood_costs_another_nothing() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, patient()).await;
    let limits = Limits::default()
        .with(Dimension::Tenant, LIMIT)
        .with(Dimension::Tool, LIMIT);
    let flooding = Arc::new(AtomicBool::new(true));
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (node, limits) = (nodes.0[client % 2].0.clone(), limits.clone());
        let flooding = Arc::clone(&flooding);
        clients.spawn(async move {
            let mut denied = 0;
            for call in 0.. {
                if !flooding.load(Ordering::Relaxed) {
                    break;
                }
                let tool = format!("tool-{client}-{call}");
                let subject = Subject {
                    tool: Some(&tool),
                    ..subject(1)
                };
                denied += u32::from(node.take(&subject, &limits).await.is_err());
                tokio::task::yield_now().await;
            }
            denied
        });
    }
    let neighbour = Subject {
        tool: Some("tool"),
        ..subject(2)
    };
    for call in 0..30 {
        let taken = nodes.0[call % 2].0.take(&neighbour, &limits).await;
        assert_eq!(taken, Ok(()), "call {call}");
    }
    flooding.store(false, Ordering::Relaxed);
    let denied: u32 = clients.join_all().await.into_iter().sum();
    assert!(denied > 0);
}

/// Redis is asked for leases, not for calls.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_costs_no_round_trip_while_tokens_are_left() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, patient()).await;
    let plenty = Limit {
        tokens: 10_000,
        per_ms: 1_000,
        burst: 10_000,
    };
    let limits = Dimension::ALL
        .into_iter()
        .fold(Limits::default(), |all, dimension| {
            all.with(dimension, plenty)
        });
    let subject = Subject {
        tool: Some("tool"),
        ..subject(1)
    };
    let before = server.scripts();
    for _ in 0..2_000 {
        nodes.0[0].0.take(&subject, &limits).await.unwrap();
    }
    // Four keys with one lease each; should this take seconds, each second renews them.
    let asked = server.scripts() - before;
    assert!((4..=40).contains(&asked), "{asked}");
}

/// Who is denied by one limit takes nothing from the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_takes_no_token_of_the_limits_that_have_room() {
    let server = Server::start();
    full(&server);
    let nodes = Nodes::start(&server, patient()).await;
    let few = |burst| Limit {
        tokens: 1,
        per_ms: 3_600_000,
        burst,
    };
    let limits = Limits::default()
        .with(Dimension::Principal, few(10))
        .with(Dimension::Server, few(2));
    let node = &nodes.0[0].0;
    for server in [1, 2, 3] {
        let subject = Subject {
            server: Uuid::from_u128(server),
            ..subject(1)
        };
        for call in 0..4 {
            let taken = node.take(&subject, &limits).await;
            match taken {
                Ok(()) => assert!(call < 2),
                Err(denied) => {
                    assert_eq!((call >= 2, denied.dimension), (true, Dimension::Server));
                    assert!(denied.retry_after > Duration::from_mins(50));
                }
            }
        }
    }
    // Six were used; four are left.
    let own = Limits::default().with(Dimension::Principal, few(10));
    for _ in 0..4 {
        node.take(&subject(1), &own).await.unwrap();
    }
    node.take(&subject(1), &own).await.unwrap_err();
}

/// Without a Redis, limits hold per node.
#[tokio::test]
async fn a_node_without_redis_admits_its_share_and_no_more() {
    let (limiter, keeper) = Limiter::new(RateSettings::default());
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let mut tasks = JoinSet::new();
    tasks.spawn(keeper.run(stop));
    let hourly = Limit {
        tokens: 40,
        per_ms: 3_600_000,
        burst: 40,
    };
    let limits = Limits::default().with(Dimension::Tenant, hourly);
    let mut admitted = 0;
    while limiter.take(&subject(1), &limits).await.is_ok() {
        admitted += 1;
    }
    assert_eq!(admitted, 20);
}

/// Two limiters with what runs beside them.
struct Nodes(
    [(Limiter, DropGuard); 2],
    #[expect(dead_code, reason = "it owns tasks")] JoinSet<()>,
);

impl Nodes {
    async fn start(server: &Server, settings: RateSettings) -> Self {
        let mut tasks = JoinSet::new();
        let nodes = [0, 1].map(|_| {
            let stop = CancellationToken::new();
            let (limiter, keeper) = Limiter::new(RateSettings {
                redis: Some(server.url().into()),
                ..settings.clone()
            });
            tasks.spawn(keeper.run(stop.clone()));
            (limiter, stop.drop_guard())
        });
        let nodes = Self(nodes, tasks);
        nodes.connected(true).await;
        nodes
    }

    /// Waits until both nodes know that Redis answers, or that it does not.
    async fn connected(&self, wanted: bool) {
        let all = async {
            while self.0.iter().any(|(node, _)| node.is_connected() != wanted) {
                // A node that holds no lease asks nothing, and so notices nothing.
                let limits = Limits::default().with(Dimension::Tenant, LIMIT);
                for (node, _) in &self.0 {
                    let _ = node.take(&subject(9), &limits).await;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let known = timeout(Duration::from_secs(10), all).await;
        known.expect("they find out");
    }

    /// As many calls as there can be at both nodes; a third of the way something happens.
    async fn flood(&self, disturb: impl AsyncFnOnce()) -> Flood {
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for (node, _) in &self.0 {
            for _ in 0..4 {
                clients.spawn(one_client(node.clone(), began));
            }
        }
        tokio::time::sleep(LASTS / 3).await;
        let disturbed = Instant::now();
        disturb().await;
        let calls = clients.join_all().await.concat();
        Flood { calls, disturbed }
    }
}

/// Calls until the time is over; a pause after each refusal leaves the machine to others. Returns of
/// each admitted call when it was made and when it was admitted.
async fn one_client(node: Limiter, began: Instant) -> Vec<(Instant, Instant)> {
    let limits = Limits::default().with(Dimension::Tenant, LIMIT);
    let mut admitted = Vec::new();
    while began.elapsed() < LASTS {
        let made = Instant::now();
        match node.take(&subject(1), &limits).await {
            Ok(()) => admitted.push((made, Instant::now())),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    admitted
}

struct Flood {
    calls: Vec<(Instant, Instant)>,
    disturbed: Instant,
}

impl Flood {
    fn admitted(&self) -> f64 {
        count(self.calls.len())
    }

    /// No window, however long, holds more calls than `bound` of its seconds.
    fn within(&self, bound: impl Fn(f64) -> f64) {
        assert!(!self.calls.is_empty(), "nobody was admitted");
        let mut ends: Vec<_> = self.calls.iter().map(|(_, admitted)| *admitted).collect();
        ends.sort();
        for (from, _) in &self.calls {
            for to in ends.iter().filter(|to| *to > from) {
                let inside = |(made, admitted): &&(_, _)| made >= from && admitted <= to;
                let calls = count(self.calls.iter().filter(inside).count());
                let seconds = (*to - *from).as_secs_f64();
                let most = bound(seconds);
                assert!(calls <= most, "{calls} in {seconds} s, not {most}");
            }
        }
    }

    /// Calls were admitted when Redis had long been away.
    fn went_on(&self) {
        let late = self.disturbed + Duration::from_millis(500);
        assert!(
            self.calls.iter().any(|(made, _)| *made > late),
            "nobody was admitted any more"
        );
    }
}

fn subject(tenant: u128) -> Subject<'static> {
    Subject {
        tenant: Uuid::from_u128(tenant),
        principal: Uuid::from_u128(100 + tenant),
        client: None,
        server: Uuid::from_u128(200 + tenant),
        tool: None,
    }
}

/// This Redis has forgotten nothing.
fn full(server: &Server) {
    let () = server.run("SET aldgate:limit:boot 0").unwrap();
}

/// Waits for Redis rather than taking a share.
fn patient() -> RateSettings {
    RateSettings {
        lease_wait: Duration::from_secs(5),
        redis_deadline: Duration::from_secs(5),
        ..RateSettings::default()
    }
}

/// B + R·t; what a millisecond brings more is the clocks' grain.
fn bucket(seconds: f64) -> f64 {
    f64::from(LIMIT.burst) + f64::from(LIMIT.tokens) * (seconds + 0.002)
}

/// What two nodes may admit besides when Redis is away: half a bucket each.
fn shares(seconds: f64) -> f64 {
    2.0 * 0.5 * bucket(seconds)
}

/// What nodes held when Redis forgot it: once, for as long as a lease lives, what time brings again.
fn forgotten() -> f64 {
    f64::from(LIMIT.burst)
}

fn count(calls: usize) -> f64 {
    f64::from(u32::try_from(calls).unwrap())
}

const LASTS: Duration = Duration::from_millis(2_400);
