//! Revocations on the config stream, as a scripted controller sends them.

use std::time::{Duration, Instant, SystemTime};

use proto::{
    id::KeyUid,
    revocation::ShortHash,
    sync::v1::{Heartbeat, Revocation, RevocationBatch, RevocationKind, sync_response::Kind},
};
use uuid::Uuid;

use super::{Stage, basics, chunk, end, welcome};
use crate::{
    config::samples::{self, cursor},
    revocation::{Confirmation, Facts},
};
use proto::sync::v1::welcome::Plan;

const GRACE: Duration = Duration::from_mins(10);

/// Design §10: the priority lane. A batch is in force and confirmed in the middle of a snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_are_in_force_before_a_snapshot_is_whole() {
    let mut stage = Stage::new().await;
    let mut talk = stage.controller.sync().await;
    assert_eq!(talk.hello().await.revocations, 0);
    talk.say(welcome(Plan::Snapshot, 5)).await;
    talk.say(chunk(&basics())).await;
    talk.say(batch(&[1, 2], 2)).await;
    assert_eq!(talk.ack().await.revocations, 2);
    assert!(stage.refuses(1) && stage.refuses(2) && !stage.refuses(3));
    assert!(stage.config.current().is_none(), "no snapshot yet");
    talk.say(end(5, &basics())).await;
    let leases = stage.controller.leases().await;
    leases.say(samples::lease((1, 1), 1)).await;
    assert_eq!(talk.ack_of(5).await.revocations, 2);
}

/// The stream confirms by heartbeats, and only as far as the node has what they name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_confirms_once_everything_it_names_is_there() {
    let (stage, mut talk) = Stage::live().await;
    talk.say(beat(3)).await;
    talk.pong().await;
    assert_eq!(stage.confirmed(), Confirmation::Stale);
    talk.say(batch(&[1, 2, 3], 3)).await;
    talk.ack().await;
    assert_eq!(stage.confirmed(), Confirmation::Stale);
    talk.say(beat(3)).await;
    talk.pong().await;
    assert_eq!(stage.confirmed(), Confirmation::Fresh);
}

/// What is held is named at the next hello, so that only what is missing comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_says_hello_from_where_it_stands_among_revocations() {
    let (mut stage, mut talk) = Stage::live().await;
    talk.say(batch(&[1, 2], 2)).await;
    talk.ack().await;
    talk.end(tonic::Status::unavailable("restarting")).await;
    let mut talk = stage.controller.sync().await;
    let hello = talk.hello().await;
    assert_eq!((hello.have, hello.revocations), (Some(cursor(5)), 2));
    assert!(stage.refuses(1));
}

/// What cannot be understood would go on working unnoticed: the stream ends and confirms nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_cannot_be_understood_ends_the_stream() {
    let (mut stage, talk) = Stage::live().await;
    let mut bad = revocations(&[1], 1);
    bad.revocations[0].kind = 99;
    talk.say(Kind::Revocations(bad)).await;
    let hello = stage.controller.sync().await.hello().await;
    assert_eq!(hello.revocations, 0);
}

impl Stage {
    fn refuses(&self, key: u128) -> bool {
        let facts = Facts {
            key: Some(KeyUid::from_uuid(Uuid::from_u128(key))),
            ..Facts::default()
        };
        self.revocations.refuses(samples::tenant_uid(1), &facts)
    }

    fn confirmed(&self) -> Confirmation {
        self.revocations.confirmed(Instant::now(), GRACE)
    }
}

fn batch(keys: &[u64], head: u64) -> Kind {
    Kind::Revocations(revocations(keys, head))
}

/// Keys with their sequence for a number.
fn revocations(keys: &[u64], head: u64) -> RevocationBatch {
    let one = |&sequence: &u64| {
        let key = Uuid::from_u128(u128::from(sequence)).to_string();
        Revocation {
            sequence,
            tenant_uid: samples::tenant_uid(1).to_string(),
            kind: RevocationKind::Key.into(),
            id: ShortHash::of(&key).bytes().to_vec().into(),
            issued_until: None,
            expire_time: Some((SystemTime::now() + GRACE).into()),
        }
    };
    RevocationBatch {
        epoch: cursor(1).epoch,
        base: 1,
        revocations: keys.iter().map(one).collect(),
        head,
    }
}

fn beat(head: u64) -> Kind {
    Kind::Heartbeat(Heartbeat {
        head: Some(cursor(5)),
        revocation_head: head,
        digest: Some(samples::digest(5, &basics())),
    })
}
