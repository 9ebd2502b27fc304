//! The feed of revocations over Redis, with entries and markers as controllers write them.

use std::time::{Duration, Instant, SystemTime};

use gateway::revocation::{Confirmation, Facts, Revocations, follow};
use prost::Message as _;
use proto::{
    id::{KeyUid, TenantUid},
    revocation::{MARKER, STREAM, ShortHash},
    sync::v1::{Revocation, RevocationKind},
};
use runtime::shutdown::Tasks;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::server::Server;

/// Must-hold 6 without controllers: what is in the stream is in force, and a marker confirms it.
#[tokio::test(flavor = "multi_thread")]
async fn entries_are_in_force_as_they_come_and_a_marker_confirms_them() {
    let server = Server::start();
    append(&server, 1, 0);
    let node = Node::start(&server);
    until(|| node.refuses(1)).await;
    assert_eq!(node.confirmed(), Confirmation::Stale, "nobody vouched");
    mark(&server, 1);
    until(|| node.confirmed() == Confirmation::Fresh).await;
    append(&server, 2, 1);
    until(|| node.refuses(2)).await;
    assert!(!node.refuses(3));
}

/// A stream that lacks something confirms nothing, however far it goes; what it has counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_confirms_nothing_and_what_follows_it_counts() {
    let server = Server::start();
    append(&server, 1, 0);
    append(&server, 3, 2);
    mark(&server, 3);
    let node = Node::start(&server);
    // What is in force moves the position a moment later.
    until(|| node.revocations.position(EPOCH) == 1).await;
    assert!(node.refuses(3));
    assert_eq!(node.confirmed(), Confirmation::Stale);
}

/// What a process of Redis was told says nothing about the next one, which may have forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_marker_of_another_process_confirms_nothing() {
    let server = Server::start();
    append(&server, 1, 0);
    mark(&server, 1);
    let run = server.run::<String>(&format!("HGET {MARKER} run")).unwrap();
    let other = run.replace(|_: char| true, "0");
    server
        .run::<u8>(&format!("HSET {MARKER} run {other}"))
        .unwrap();
    let node = Node::start(&server);
    until(|| node.refuses(1)).await;
    assert_eq!(node.confirmed(), Confirmation::Stale);
    mark(&server, 1);
    until(|| node.confirmed() == Confirmation::Fresh).await;
}

/// A Redis that restarts empty is found again once it is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_restarts_is_followed_again() {
    let mut server = Server::start();
    append(&server, 1, 0);
    mark(&server, 1);
    let node = Node::start(&server);
    until(|| node.confirmed() == Confirmation::Fresh).await;
    server.restart();
    for (sequence, after) in [(1, 0), (2, 1)] {
        append(&server, sequence, after);
    }
    // What is read is in force before the position says so.
    until(|| node.revocations.position(EPOCH) == 2).await;
    assert!(node.refuses(2));
}

/// What expired before the stream was made is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn everything_below_the_base_counts_as_known() {
    let server = Server::start();
    append(&server, 9, 6);
    server.run::<u8>(&format!("HSET {MARKER} base 7")).unwrap();
    mark(&server, 9);
    let node = Node::start(&server);
    until(|| node.confirmed() == Confirmation::Fresh).await;
    assert_eq!(node.revocations.position(EPOCH), 9);
}

struct Node {
    revocations: Revocations,
    _stop: DropGuard,
}

impl Node {
    fn start(server: &Server) -> Self {
        let (revocations, stop) = (Revocations::new(), CancellationToken::new());
        let following = follow(revocations.clone(), server.url().into(), stop.clone());
        Tasks::new().spawn("revocations in redis", following);
        Self {
            revocations,
            _stop: stop.drop_guard(),
        }
    }

    fn refuses(&self, key: u64) -> bool {
        let facts = Facts {
            key: Some(KeyUid::from_uuid(Uuid::from_u128(key.into()))),
            ..Facts::default()
        };
        self.revocations.refuses(tenant(), &facts)
    }

    fn confirmed(&self) -> Confirmation {
        let grace = Duration::from_mins(10);
        self.revocations.confirmed(Instant::now(), grace)
    }
}

async fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "it does not come");
        tokio::task::yield_now().await;
    }
}

/// A key with the sequence for a number.
fn append(server: &Server, sequence: u64, after: u64) {
    let key = Uuid::from_u128(sequence.into()).to_string();
    let revocation = Revocation {
        sequence,
        tenant_uid: tenant().to_string(),
        kind: RevocationKind::Key.into(),
        id: ShortHash::of(&key).bytes().to_vec().into(),
        issued_until: None,
        expire_time: Some((SystemTime::now() + Duration::from_hours(1)).into()),
    };
    let mut add = redis::cmd("XADD");
    add.arg(STREAM).arg(format!("{sequence}-0"));
    add.arg("epoch").arg(EPOCH).arg("after").arg(after);
    add.arg("revocation").arg(revocation.encode_to_vec());
    let _: String = add.query(&mut server.connection()).unwrap();
    let words = format!("HSET {MARKER} epoch {EPOCH} last {sequence} built 1");
    let _: u8 = server.run(&words).unwrap();
    let words = format!("HSETNX {MARKER} base 1");
    let _: u8 = server.run(&words).unwrap();
}

/// As a controller that finds that the database has no more.
fn mark(server: &Server, last: u64) {
    let info: String = server.run("INFO server").unwrap();
    let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    let (seconds, _): (u64, u64) = server.run("TIME").unwrap();
    let (run, time) = (run.unwrap(), seconds * 1000);
    let words = format!("HSET {MARKER} last {last} time {time} run {run}");
    let _: u8 = server.run(&words).unwrap();
}

fn tenant() -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(1))
}

const EPOCH: u64 = 7;
