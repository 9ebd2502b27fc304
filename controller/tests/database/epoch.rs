//! A database that goes back under running controllers, as after a restore: numbers of revocations come
//! again with another meaning, and nobody may take them for the old ones.

use std::time::{Duration, Instant};

use proto::{
    admin::v1::{self, revocation_service_client::RevocationServiceClient, revoke_request::Target},
    sync::v1::{Ack, Cursor, Pong, sync_request::Kind as Said, sync_response::Kind as Heard},
};
use sqlx::PgConnection;

use crate::{
    operator::Operator,
    support::{Stack, node::Node},
};

/// Revocations that are made after the head went back reach nodes, are confirmed by nobody who did not
/// hear of them, and several controllers begin one new epoch.
#[tokio::test]
async fn revocations_go_on_in_a_new_epoch_after_the_head_went_back() {
    let mut world = World::start().await;
    let before = world.epoch().await;
    let mut node = Node::new(&world.stack).await;
    for _ in 0..3 {
        world.revoke(Duration::ZERO).await;
    }
    world.hear(&mut node, (before, 3)).await;
    // The twin: who has heard of it confirms it.
    let hearing = async {
        world.hear(&mut node, (before, 4)).await;
        node.acknowledge(before, 4).await;
    };
    let (receipt, ()) = tokio::join!(world.revoke(PATIENCE), hearing);
    assert_eq!(receipt, (4, true));

    world.set_back(1).await;
    // At once, before anybody could notice: number 2 is not the number 2 that the node knows.
    assert_eq!(world.revoke(Duration::ZERO).await, (2, false));
    let after = world.new_epoch(before).await;
    let ended = loop {
        match node.next().await {
            Ok(Heard::Heartbeat(beat)) => {
                let head = beat.head.unwrap();
                let there = head.epoch == before && [4, u64::MAX].contains(&beat.revocation_head);
                assert!(there, "{beat:?}");
            }
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), tonic::Code::Aborted, "{ended}");
    // It comes with what it holds, and hears everything anew.
    let have = Cursor {
        epoch: before,
        revision: 1,
    };
    let mut node = Node::holding(&world.stack, have, 4).await;
    world.hear(&mut node, (after, 2)).await;
    let hearing = async {
        world.hear(&mut node, (after, 3)).await;
        node.acknowledge(after, 3).await;
    };
    let (receipt, ()) = tokio::join!(world.revoke(PATIENCE), hearing);
    assert_eq!(receipt, (3, true));
    assert_eq!(world.epoch().await, after, "both agree");
    let log = world.stack.log();
    assert_eq!(
        log.matches("the database went back; a new epoch").count(),
        1
    );
}

/// The same while nothing shows it but that a number has come again: the head is where it was, and
/// beyond, before anybody looked.
#[tokio::test]
async fn a_number_that_comes_again_with_another_meaning_is_noticed() {
    let mut world = World::start().await;
    let before = world.epoch().await;
    let mut node = Node::new(&world.stack).await;
    for _ in 0..2 {
        world.revoke(Duration::ZERO).await;
    }
    world.hear(&mut node, (before, 2)).await;
    sqlx::query(
        "UPDATE revocations SET expires_at = expires_at + interval '1 s' WHERE sequence = 2",
    )
    .execute(&mut world.sql)
    .await
    .unwrap();
    assert_eq!(world.revoke(Duration::ZERO).await, (3, false));
    world.new_epoch(before).await;
}

/// What only a node remembers, after a restore while no controller ran: it is told everything from the
/// beginning, its word confirms nothing, and the operator is told.
#[tokio::test]
async fn a_node_that_holds_more_than_there_is_hears_everything() {
    let mut world = World::start().await;
    let epoch = world.epoch().await;
    world.revoke(Duration::ZERO).await;
    let revision = 1;
    let mut node = Node::holding(&world.stack, Cursor { epoch, revision }, 9).await;
    world.hear(&mut node, (epoch, 1)).await;
    node.acknowledge(epoch, 9).await;
    let (number, confirmed) = world.revoke(Duration::from_secs(1)).await;
    assert!(!confirmed);
    world.hear(&mut node, (epoch, number)).await;
    let log = world.stack.log();
    assert!(log.contains("a node holds more revocations"), "{log}");

    // What `docs/operations.md` says to run.
    let mut app = world.stack.postgres.connect("aldgate_app", "aldgate").await;
    let statement = "UPDATE config_head
         SET epoch = greatest(epoch + 1, extract(epoch FROM now())::bigint)";
    let done = sqlx::query(statement).execute(&mut app).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    let after = world.new_epoch(epoch).await;
    while node.next().await.is_ok() {}
    let mut node = Node::holding(&world.stack, Cursor { epoch, revision }, 9).await;
    world.hear(&mut node, (after, number)).await;
}

/// A controller, another one beside it, and a tenant.
struct World {
    stack: Stack,
    _second: crate::support::Second,
    admin: Operator,
    sql: PgConnection,
}

impl World {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let second = stack.second().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        let sql = stack.postgres.connect("root", "aldgate").await;
        Self {
            stack,
            _second: second,
            admin,
            sql,
        }
    }

    /// Revokes something: its number, and whether the one node confirms it.
    async fn revoke(&self, wait: Duration) -> (u64, bool) {
        let request = v1::RevokeRequest {
            parent: "tenants/acme".to_owned(),
            target: Some(Target::Everything(true)),
            wait: Some(wait.try_into().unwrap()),
        };
        let mut client = RevocationServiceClient::new(self.admin.channel.clone());
        let told = client.revoke(self.admin.call(request)).await;
        let told = told.unwrap().into_inner();
        assert!(!told.in_redis);
        (
            told.revocation,
            told.nodes.iter().any(|node| node.confirmed),
        )
    }

    async fn epoch(&mut self) -> u64 {
        let found = sqlx::query_scalar::<_, i64>("SELECT epoch FROM config_head");
        let found = found.fetch_one(&mut self.sql).await.unwrap();
        found.cast_unsigned()
    }

    async fn new_epoch(&mut self, before: u64) -> u64 {
        let began = Instant::now();
        loop {
            let epoch = self.epoch().await;
            if epoch > before {
                return epoch;
            }
            assert!(began.elapsed() < PATIENCE, "{}", self.stack.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a restore of an older dump does.
    async fn set_back(&mut self, sequence: i64) {
        let statement = "WITH gone AS (DELETE FROM revocations WHERE sequence > $1)
                         UPDATE revocation_head SET sequence = $1, base = 1";
        let done = sqlx::query(statement).bind(sequence);
        done.execute(&mut self.sql).await.unwrap();
    }

    /// Reads until the node has heard of everything up to here.
    async fn hear(&self, node: &mut Node, (epoch, head): (u64, u64)) {
        loop {
            match node.next().await {
                Ok(Heard::Revocations(batch)) if batch.epoch == epoch && batch.head >= head => {
                    return;
                }
                Ok(Heard::Heartbeat(_)) => node.say(Said::Pong(Pong {})).await,
                Ok(_) => {}
                Err(status) => panic!("{status}: {}", self.stack.log()),
            }
        }
    }
}

impl Node {
    async fn acknowledge(&self, epoch: u64, revocations: u64) {
        let applied = Some(Cursor { epoch, revision: 0 });
        let ack = Ack {
            applied,
            revocations,
            ..Ack::default()
        };
        self.say(Said::Ack(ack)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
