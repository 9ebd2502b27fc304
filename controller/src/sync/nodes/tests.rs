use std::time::UNIX_EPOCH;

use proto::sync::v1;
use runtime::clock::Hand;

use super::*;
use crate::sync::{history::History, state::State};

#[tokio::test]
async fn a_wait_ends_with_the_ack_that_completes_it() {
    let (registry, _hand) = registry(Vec::new());
    let connection = registry.connect(hello("a", 1, 0), Plan::Snapshot(Why::Empty));
    let waiting = registry.wait(5, None, Duration::from_secs(30));
    let acking = async {
        connection.acked(&ack(4));
        tokio::task::yield_now().await;
        connection.acked(&ack(5));
    };
    let (outcome, ()) = tokio::join!(waiting, acking);
    assert_eq!(outcome.verdict, Verdict::Live);
}

#[tokio::test]
async fn a_wait_ends_at_its_timeout() {
    let (registry, _hand) = registry(Vec::new());
    let _connection = registry.connect(hello("a", 1, 0), Plan::Snapshot(Why::Empty));
    let outcome = registry.wait(5, None, SHORT).await;
    assert_eq!(outcome.verdict, Verdict::Pending);
    assert_eq!(outcome.receipts[0].answer, Answer::Missing);
}

/// A controller that restarts waits for the nodes it knew.
#[tokio::test]
async fn a_node_known_from_before_is_missing_until_it_is_back() {
    let (registry, _hand) = registry(vec![known("a", 4)]);
    let waiting = registry.wait(5, None, SHORT);
    assert_eq!(waiting.await.verdict, Verdict::Pending);

    let connection = registry.connect(hello("a", 1, 5), Plan::Resume);
    connection.acked(&ack(5));
    let waiting = registry.wait(5, None, SHORT);
    assert_eq!(waiting.await.verdict, Verdict::Live);
}

#[tokio::test]
async fn a_wait_ends_when_the_last_silent_node_stops_counting() {
    let silent = Node {
        seen_at: start() - SEEN_WITHIN + SHORT,
        ..known("a", 4)
    };
    let (registry, hand) = registry(vec![silent]);
    let waiting = registry.wait(5, None, Duration::from_mins(1));
    let time = async {
        tokio::task::yield_now().await;
        hand.advance(SHORT);
    };
    let (outcome, ()) = tokio::join!(waiting, time);
    assert_eq!(
        (outcome.verdict, outcome.receipts),
        (Verdict::Live, Vec::new())
    );
}

/// What a hello says it holds may still wait for a lease; and another process has not applied what
/// the one before it had.
#[test]
fn only_an_ack_says_what_is_live() {
    let (registry, _hand) = registry(Vec::new());
    let applied = || registry.find(&id("a")).unwrap().applied.revision;
    let connection = registry.connect(hello("a", 1, 5), Plan::Resume);
    assert_eq!(applied(), 0);
    connection.acked(&ack(4));
    assert_eq!(applied(), 4);

    let again = registry.connect(hello("a", 1, 5), Plan::Resume);
    assert_eq!(applied(), 4);
    let restarted = registry.connect(hello("a", 2, 0), Plan::Snapshot(Why::Empty));
    assert_eq!(applied(), 0);
    drop((again, restarted));
}

#[test]
fn a_second_stream_takes_over_from_the_first() {
    let (registry, _hand) = registry(Vec::new());
    let link = || registry.find(&id("a")).unwrap().link;
    let first = registry.connect(hello("a", 1, 0), Plan::Snapshot(Why::Empty));
    let second = registry.connect(hello("a", 1, 0), Plan::Snapshot(Why::Empty));
    assert!(first.superseded().is_cancelled() && !second.superseded().is_cancelled());
    first.acked(&ack(9));
    assert_eq!(registry.find(&id("a")).unwrap().applied.revision, 0);
    drop(first);
    assert_eq!(link(), Link::Connected);
    drop(second);
    assert_eq!(link(), Link::Disconnected);
}

#[test]
fn a_connected_node_cannot_be_forgotten() {
    let (registry, _hand) = registry(Vec::new());
    assert_eq!(registry.forget(&id("a")), Forgotten::Unknown);
    let connection = registry.connect(hello("a", 1, 0), Plan::Snapshot(Why::Empty));
    assert_eq!(registry.forget(&id("a")), Forgotten::Connected);
    drop(connection);
    assert_eq!(registry.forget(&id("a")), Forgotten::Gone);
    assert_eq!(registry.list(), []);
}

#[test]
fn connected_nodes_are_saved_each_time_and_others_once() {
    let (registry, _hand) = registry(vec![known("a", 4)]);
    let unsaved = || -> Vec<_> { registry.unsaved().into_iter().map(|node| node.id).collect() };
    assert_eq!(unsaved(), []);
    let connection = registry.connect(hello("b", 1, 0), Plan::Snapshot(Why::Empty));
    assert_eq!(unsaved(), [id("b")]);
    assert_eq!(unsaved(), [id("b")]);
    drop(connection);
    assert_eq!(unsaved(), [id("b")]);
    assert_eq!(unsaved(), []);
    registry.mark_unsaved(&[known("b", 0)]);
    assert_eq!(unsaved(), [id("b")]);
}

#[test]
fn a_wish_for_a_snapshot_outlives_the_stream_and_is_granted_once() {
    let (registry, _hand) = registry(Vec::new());
    let connection = registry.connect(hello("a", 1, 5), Plan::Resume);
    connection.ask_for_snapshot(Why::Diverged);
    drop(connection);
    assert_eq!(registry.asked(&id("a")), Some(Why::Diverged));
    let _connection = registry.connect(hello("a", 1, 5), Plan::Snapshot(Why::Diverged));
    assert_eq!(registry.asked(&id("a")), None);
}

#[test]
fn what_nodes_say_is_cut_to_size() {
    let reject = v1::Reject {
        detail: "é".repeat(10_000),
        ..v1::Reject::default()
    };
    let rejects = Reject::list(&vec![reject; 2_000]);
    assert_eq!(rejects.len(), 1_000);
    assert_eq!(rejects[0].detail.chars().count(), 500);
}

const SHORT: Duration = Duration::from_millis(20);

fn registry(known: Vec<Node>) -> (Registry, Hand) {
    let (clock, hand) = Clock::fixed(start());
    let cursor = Cursor {
        epoch: 1,
        revision: 9,
    };
    let state = State::new(cursor, [], History::new(9));
    let (_, states) = watch::channel(Some(Arc::new(state)));
    (Registry::new(known, clock, states), hand)
}

fn known(name: &str, applied: u64) -> Node {
    Node {
        id: id(name),
        pool: "default".to_owned(),
        version: String::new(),
        link: Link::Disconnected,
        applied: Cursor {
            epoch: 1,
            revision: applied,
        },
        rejects: Vec::new(),
        connected_at: start(),
        seen_at: start(),
    }
}

/// Issue 4, must-hold 6: whoever revokes learns which nodes know.
#[tokio::test]
async fn a_revocation_is_confirmed_by_the_acks_of_every_node_that_counts() {
    let (registry, _hand) = registry(Vec::new());
    let any = |_| true;
    let one = registry.connect(hello("a", 1, 0), Plan::Snapshot(Why::Empty));
    let two = registry.connect(hello("b", 1, 0), Plan::Snapshot(Why::Empty));
    let said = |revocations| v1::Ack {
        revocations,
        ..ack(0)
    };
    one.acked(&said(7));
    two.acked(&said(6));
    let waited = registry.wait_revoked(1, 7, any, SHORT).await;
    let shown = |said: &[Confirmation]| -> Vec<_> {
        let shown = said
            .iter()
            .map(|one| (one.node.to_string(), one.confirmed, one.position));
        shown.collect()
    };
    let pending = [("a".to_owned(), true, 7), ("b".to_owned(), false, 6)];
    assert_eq!(shown(&waited), pending);

    let waiting = registry.wait_revoked(1, 7, any, Duration::from_mins(1));
    let acking = async { two.acked(&said(8)) };
    let (waited, ()) = tokio::join!(waiting, acking);
    assert!(waited.iter().all(|one| one.confirmed), "{waited:?}");
    // A position that there is not is of another history: a database that went back.
    let there_is = |position| position <= 7;
    let waited = registry.wait_revoked(1, 7, there_is, Duration::ZERO).await;
    let pending = [("a".to_owned(), true, 7), ("b".to_owned(), false, 8)];
    assert_eq!(shown(&waited), pending);
    // Numbers of another epoch say nothing.
    let waited = registry.wait_revoked(2, 7, any, Duration::ZERO).await;
    assert!(
        waited.iter().all(|one| !one.confirmed && one.position == 0),
        "{waited:?}"
    );
}

fn hello(name: &str, boot: u8, have: u64) -> Greeting {
    Greeting {
        id: id(name),
        pool: "default".parse().unwrap(),
        version: "0.1.0".to_owned(),
        boot: vec![boot; 16].into(),
        have: Cursor {
            epoch: u64::from(have > 0),
            revision: have,
        },
        revocations: 0,
        epoch: 1,
    }
}

fn ack(revision: u64) -> v1::Ack {
    v1::Ack {
        applied: Some(v1::Cursor { epoch: 1, revision }),
        ..v1::Ack::default()
    }
}

fn id(name: &str) -> NodeId {
    name.parse().unwrap()
}

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000)
}
