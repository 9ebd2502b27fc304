//! The script that carries revocations to Redis, on a real Redis.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod server;

use std::time::Duration;

use controller::revocation::redis::{Published, Step, withdraw};
use redis::aio::MultiplexedConnection;

use self::server::Server;

const STREAM: &str = proto::revocation::STREAM;
const MARKER: &str = proto::revocation::MARKER;

/// control-plane.md §6: appended is what follows; duplicates and gaps are not.
#[tokio::test]
async fn only_what_follows_is_appended() {
    let server = Server::start();
    let mut link = server.link().await;
    assert_eq!(push(&mut link, 0, &[1, 2]).await, Published::Last(2));
    assert_eq!(push(&mut link, 0, &[1]).await, Published::Last(2));
    assert_eq!(push(&mut link, 5, &[6]).await, Published::Last(2));
    assert_eq!(push(&mut link, 2, &[3]).await, Published::Last(3));
    assert_eq!(ids(&mut link).await, ["1-0", "2-0", "3-0"]);
}

/// Only who has everything says that there is no more, and says in which process.
#[tokio::test]
async fn the_marker_is_set_by_who_has_everything() {
    let server = Server::start();
    let mut link = server.link().await;
    let entries = [(1, vec![1])];
    for (head, vouched) in [(Some(2), false), (None, false), (Some(1), true)] {
        let step = Step {
            head,
            ..step(0, &entries)
        };
        step.run(&mut link).await.unwrap();
        let said: Option<String> = field(&mut link, "run").await;
        assert_eq!(said.is_some(), vouched, "{head:?}");
    }
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query_async(&mut link)
        .await
        .unwrap();
    let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    assert_eq!(field(&mut link, "run").await.as_deref(), run);
}

/// After a database went back nobody may believe what was said before; what is said of another epoch
/// stays.
#[tokio::test]
async fn what_was_said_of_an_epoch_is_taken_back() {
    let server = Server::start();
    let mut link = server.link().await;
    let entries = [(1, vec![1])];
    let step = Step {
        head: Some(1),
        ..step(0, &entries)
    };
    step.run(&mut link).await.unwrap();
    for (epoch, said) in [(EPOCH + 1, true), (EPOCH, false)] {
        withdraw(epoch, &mut link).await.unwrap();
        assert_eq!(field(&mut link, "run").await.is_some(), said, "{epoch}");
        assert_eq!(field(&mut link, "time").await.is_some(), said, "{epoch}");
    }
    assert_eq!(field(&mut link, "last").await.as_deref(), Some("1"));
    step.run(&mut link).await.unwrap();
    assert!(field(&mut link, "run").await.is_some());
}

/// F-21: what Redis forgot, in whole or at the end or in the middle, it gets again.
#[tokio::test]
async fn what_is_not_whole_is_begun_anew() {
    let losses: [&[&[&str]]; 5] = [
        &[&["FLUSHALL"]],
        &[&["DEL", STREAM]],
        &[&["DEL", MARKER]],
        &[&["XDEL", STREAM, "3-0"]],
        &[&["XDEL", STREAM, "2-0"]],
    ];
    for loss in losses {
        let server = Server::start();
        let mut link = server.link().await;
        push(&mut link, 0, &[1, 2, 3]).await;
        let built = field(&mut link, "built").await;
        for words in loss {
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]);
            let _: redis::Value = command.query_async(&mut link).await.unwrap();
        }
        assert_eq!(
            push(&mut link, 3, &[4]).await,
            Published::Last(0),
            "{loss:?}"
        );
        let again = push(&mut link, 0, &[1, 2, 3, 4]).await;
        assert_eq!(again, Published::Last(4), "{loss:?}");
        assert_eq!(ids(&mut link).await, ["1-0", "2-0", "3-0", "4-0"]);
        assert_ne!(field(&mut link, "built").await, built, "readers notice");
    }
}

/// A Redis that came back with less than it had goes on from there.
#[tokio::test]
async fn an_older_redis_is_continued_from_where_it_is() {
    let server = Server::start();
    let mut link = server.link().await;
    push(&mut link, 0, &[1, 2]).await;
    assert_eq!(push(&mut link, 9, &[10]).await, Published::Last(2));
    assert_eq!(push(&mut link, 2, &[3, 10]).await, Published::Last(10));
}

/// The history of a restored database takes the place of the one before, and never the reverse.
#[tokio::test]
async fn a_newer_epoch_replaces_an_older_one() {
    let server = Server::start();
    let mut link = server.link().await;
    push(&mut link, 0, &[1, 2]).await;
    let entries = [(1, vec![9])];
    let newer = Step {
        epoch: EPOCH + 1,
        ..step(0, &entries)
    };
    assert_eq!(newer.run(&mut link).await.unwrap(), Published::Last(1));
    assert_eq!(ids(&mut link).await, ["1-0"]);
    assert_eq!(push(&mut link, 2, &[3]).await, Published::Newer);
    assert_eq!(ids(&mut link).await, ["1-0"]);
}

/// What has expired goes, and what there is too much of is begun anew.
#[tokio::test]
async fn the_stream_is_trimmed_and_stays_bounded() {
    let server = Server::start();
    let mut link = server.link().await;
    push(&mut link, 0, &[1, 2, 3]).await;
    let trim = Step {
        base: 3,
        ..step(3, &[])
    };
    assert_eq!(trim.run(&mut link).await.unwrap(), Published::Last(3));
    assert_eq!(ids(&mut link).await, ["3-0"]);
    assert_eq!(push(&mut link, 3, &[4]).await, Published::Last(4));
    let bounded = Step {
        most: 1,
        base: 3,
        ..step(4, &[])
    };
    assert_eq!(bounded.run(&mut link).await.unwrap(), Published::Last(2));
    assert!(ids(&mut link).await.is_empty());
}

/// Several controllers bring one Redis up at once.
#[tokio::test(flavor = "multi_thread")]
async fn several_writers_write_everything_once() {
    let server = Server::start();
    let one = async || {
        let mut link = server.link().await;
        let (mut last, mut flushed) = (0, false);
        while last < 50 {
            last = match push(&mut link, last, &[last + 1]).await {
                Published::Last(last) => last,
                Published::Newer => panic!("nobody is newer"),
            };
            if last >= 20 && !std::mem::replace(&mut flushed, last >= 20) {
                let flush = redis::cmd("FLUSHALL");
                let _: String = flush.query_async(&mut link).await.unwrap();
            }
        }
    };
    let all = async { tokio::join!(one(), one(), one()) };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .unwrap();
    let mut link = server.link().await;
    let all: Vec<_> = (1..=50).map(|id| format!("{id}-0")).collect();
    assert_eq!(ids(&mut link).await, all);
}

async fn push(link: &mut MultiplexedConnection, after: u64, sequences: &[u64]) -> Published {
    let entries: Vec<_> = sequences
        .iter()
        .map(|&sequence| (sequence, vec![1]))
        .collect();
    step(after, &entries).run(link).await.unwrap()
}

fn step(after: u64, entries: &[(u64, Vec<u8>)]) -> Step<'_> {
    Step {
        epoch: EPOCH,
        base: 1,
        head: None,
        most: 1000,
        after,
        entries,
    }
}

async fn ids(link: &mut MultiplexedConnection) -> Vec<String> {
    let mut range = redis::cmd("XRANGE");
    range.arg(STREAM).arg("-").arg("+");
    let found: Vec<(String, redis::Value)> = range.query_async(link).await.unwrap();
    found.into_iter().map(|(id, _)| id).collect()
}

async fn field(link: &mut MultiplexedConnection, name: &str) -> Option<String> {
    let mut get = redis::cmd("HGET");
    get.arg(MARKER).arg(name);
    get.query_async(link).await.unwrap()
}

const EPOCH: u64 = 1_790_000_000;
