//! The node against a scripted controller over mutual TLS: the test holds the other end of both
//! streams.

use std::time::UNIX_EPOCH;

use metrics_exporter_prometheus::PrometheusBuilder;
use proto::sync::v1::{
    AuthScheme, Cursor, Delta, Goaway, Heartbeat, SnapshotChunk, SnapshotEnd, Upsert, Welcome,
    sync_response::Kind, welcome::Plan,
};
use runtime::{clock::Clock, ops::Ops, shutdown::Tasks};

use self::fake::{Conversation, FakeController, Pki};
use super::*;
use crate::{
    authn::uses::GrantUses,
    config::samples::{self, cursor, seen},
    revocation::Revocations,
};

/// A controller that does what the test says.
mod fake;

/// Revocations.
mod revocations;

/// Which grants are in use.
mod uses;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_ready_when_it_has_a_snapshot_and_its_leases() {
    let mut stage = Stage::new().await;
    let mut talk = stage.controller.sync().await;
    let hello = talk.hello().await;
    assert_eq!(hello.node_id, "gateway-1");
    assert_eq!(
        (hello.have, hello.schema_version),
        (Some(Cursor::default()), 1)
    );
    assert_eq!(hello.boot_id.len(), 16);
    assert_eq!(stage.ops.obstacles(), ["config", "leases"]);

    talk.snapshot(5, &basics()).await;
    assert_eq!(talk.ack().await.applied, Some(cursor(1)));
    assert_eq!(stage.ops.obstacles(), ["leases"]);
    assert_eq!(stage.seen((1, 1)), "quarantined");

    let leases = stage.controller.leases().await;
    leases.say(samples::lease((1, 1), 1)).await;
    leases.say(samples::session_keys(1, "1d1")).await;
    leases.say(samples::caught_up()).await;
    assert_eq!(talk.ack_of(5).await.applied, Some(cursor(5)));
    assert_eq!(stage.seen((1, 1)), "r2+g1");
    talk.beat(5, &basics()).await;
    stage.ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_stays_when_the_controller_goes_and_is_resumed_from_the_cursor() {
    let (mut stage, mut talk) = Stage::live().await;
    talk.say(Kind::Delta(delta(5, 6, [samples::server((1, 2), 6, 0)])))
        .await;
    talk.ack_of(6).await;
    talk.end(tonic::Status::unavailable("restarting")).await;

    let mut talk = stage.controller.sync().await;
    let hello = talk.hello().await;
    let mut held = basics();
    held.push(samples::server((1, 2), 6, 0));
    assert_eq!(hello.have, Some(cursor(6)));
    assert_eq!(hello.digest, Some(samples::digest(6, &held)));
    assert_eq!(stage.seen((1, 1)), "r2+g1");

    talk.say(welcome(Plan::Resume, 7)).await;
    assert_eq!(talk.ack().await.applied, Some(cursor(6)));
    talk.say(Kind::Delta(delta(6, 7, [samples::server((1, 2), 7, 0)])))
        .await;
    talk.ack_of(7).await;
    assert_eq!(stage.seen((1, 2)), "r7");
    assert_eq!(stage.seen((1, 1)), "r2+g1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_gap_the_node_says_hello_again_from_where_it_stands() {
    let (mut stage, talk) = Stage::live().await;
    talk.say(Kind::Delta(delta(6, 7, [samples::server((1, 2), 7, 0)])))
        .await;
    let mut talk = stage.controller.sync().await;
    assert_eq!(talk.hello().await.have, Some(cursor(5)));
    assert_eq!(stage.seen((1, 1)), "r2+g1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_damaged_snapshot_the_node_keeps_what_it_has() {
    let (mut stage, talk) = Stage::live().await;
    talk.end(tonic::Status::unavailable("restarting")).await;
    let mut talk = stage.controller.sync().await;
    talk.hello().await;
    talk.say(welcome(Plan::Snapshot, 8)).await;
    talk.say(chunk(&[samples::tenant(1, 8)])).await;
    talk.say(end(8, &basics())).await;
    let mut talk = stage.controller.sync().await;
    assert_eq!(talk.hello().await.have, Some(cursor(5)));
    assert_eq!(stage.seen((1, 1)), "r2+g1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_that_differs_makes_the_node_ask_for_everything() {
    let (mut stage, mut talk) = Stage::live().await;
    talk.beat(5, &basics()).await;
    talk.pong().await;
    talk.beat(5, &basics()[..1]).await;

    let mut talk = stage.controller.sync().await;
    let hello = talk.hello().await;
    assert_eq!((hello.have, hello.digest), (Some(Cursor::default()), None));
    assert_eq!(stage.seen((1, 1)), "r2+g1");
    talk.snapshot(9, &basics()[..1]).await;
    assert_eq!(
        talk.ack_of(9).await.digest,
        Some(samples::digest(9, &basics()[..1]))
    );
    assert_eq!(stage.snapshot().revision(), 9);
}

/// Must-hold 7: what is malformed is quarantined, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_resources_are_rejected_by_name_and_everything_else_goes_live() {
    let (stage, mut talk) = Stage::live().await;
    let unknown_enum = proto::sync::v1::ServerConfig {
        auth_scheme: AuthScheme::ApiKey as i32 + 40,
        ..samples::server_config((1, 1), 6, 1)
    };
    let malformed = Upsert {
        body: vec![0xff, 0xff].into(),
        ..samples::server((1, 2), 6, 0)
    };
    let all = [
        samples::server_upsert((1, 1), 6, &unknown_enum),
        malformed,
        samples::stranger(6),
        samples::server((1, 3), 6, 0),
    ];
    talk.say(Kind::Delta(delta(5, 6, all.clone()))).await;
    let ack = talk.ack_of(6).await;
    let mut rejects: Vec<_> = ack
        .rejects
        .iter()
        .map(|r| (r.resource.as_str(), r.serving_revision, r.reason.as_str()))
        .collect();
    rejects.sort_by_key(|(.., reason)| *reason);
    assert_eq!(
        rejects,
        [
            (all[1].name.as_str(), 0, "UNDECODABLE"),
            (all[0].name.as_str(), 2, "UNKNOWN_ENUM"),
            (all[2].name.as_str(), 0, "UNKNOWN_KIND"),
        ]
    );
    assert_eq!(stage.seen((1, 1)), "r2+g1");
    assert_eq!(stage.seen((1, 3)), "r6");
}

/// Must-hold 7 and 8: a credential that cannot be had, and one that changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_generation_goes_live_as_a_pair_and_a_refused_one_does_not() {
    let (mut stage, mut talk) = Stage::live().await;
    talk.say(Kind::Delta(delta(5, 6, [samples::server((1, 1), 6, 2)])))
        .await;
    assert_eq!(talk.ack().await.applied, Some(cursor(5)));
    assert_eq!(stage.seen((1, 1)), "r2+g1");

    let leases = stage.leases.take().unwrap();
    leases.say(samples::refusal((1, 1), 2)).await;
    let ack = talk.ack_of(6).await;
    assert_eq!(ack.rejects[0].reason, "CREDENTIAL_UNREADABLE");
    assert_eq!(ack.rejects[0].serving_revision, 2);
    assert_eq!(stage.seen((1, 1)), "r2+g1");

    leases.say(samples::lease((1, 1), 2)).await;
    assert!(talk.ack().await.rejects.is_empty());
    assert_eq!(stage.seen((1, 1)), "r6+g2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_stream_that_breaks_is_opened_again_and_costs_nothing() {
    let (mut stage, mut talk) = Stage::live().await;
    let leases = stage.leases.take().unwrap();
    leases.end(tonic::Status::internal("a bug")).await;
    let leases = stage.controller.leases().await;
    assert_eq!(stage.seen((1, 1)), "r2+g1");
    leases.say(samples::lease((1, 1), 2)).await;
    talk.say(Kind::Delta(delta(5, 6, [samples::server((1, 1), 6, 2)])))
        .await;
    talk.ack_of(6).await;
    assert_eq!(stage.seen((1, 1)), "r6+g2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_asked_to_leave_goes_to_another_controller() {
    let pki = Pki::new();
    let mut controllers = [
        FakeController::start(&pki).await,
        FakeController::start(&pki).await,
    ];
    let _stage = Stage::with(source(
        &pki,
        &controllers.each_ref().map(FakeController::address),
    ));
    let [one, other] = &mut controllers;
    let (talk, next) = tokio::select! {
        talk = one.sync() => (talk, other),
        talk = other.sync() => (talk, one),
    };
    let goaway = Goaway {
        reconnect_within: None,
        reason: "rolling restart".to_owned(),
    };
    talk.say(Kind::Goaway(goaway)).await;
    next.sync().await.hello().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_not_there_is_passed_over() {
    let pki = Pki::new();
    let mut there = FakeController::start(&pki).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", gone.local_addr().unwrap());
    drop(gone);
    let addresses = [address.parse().unwrap(), there.address()];
    let _stage = Stage::with(source(&pki, &addresses));
    there.sync().await.hello().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_with_a_foreign_certificate_is_not_spoken_to() {
    let ours = Pki::new();
    let mut foreign = FakeController::start(&Pki::new()).await;
    let mut trusted = FakeController::start(&ours).await;
    let addresses = [foreign.address(), trusted.address()];
    let _stage = Stage::with(source(&ours, &addresses));
    trusted.sync().await.hello().await;
    assert!(foreign.is_untouched());
}

/// A node, what it shows, and its controller.
struct Stage {
    config: Config,
    ops: Ops,
    revocations: Revocations,
    uses: GrantUses,
    controller: FakeController,
    leases: Option<fake::Leases>,
    soft: CancellationToken,
}

impl Stage {
    async fn new() -> Self {
        let pki = Pki::new();
        let controller = FakeController::start(&pki).await;
        let source = source(&pki, &[controller.address()]);
        let uses = source.uses.clone();
        let (config, ops, revocations, soft) = Self::with(source);
        Self {
            config,
            ops,
            revocations,
            uses,
            controller,
            leases: None,
            soft,
        }
    }

    /// A node on its own.
    fn with(source: Source) -> (Config, Ops, Revocations, CancellationToken) {
        let config = Config::new();
        let ops = Ops::new(PrometheusBuilder::new().build_recorder().handle());
        let gates = Gates {
            config: ops.gate("config"),
            leases: ops.gate("leases"),
        };
        let (revocations, soft) = (source.revocations.clone(), CancellationToken::new());
        let tasks = Tasks::new();
        tasks.spawn("node", run(config.clone(), source, gates, soft.clone()));
        (config, ops, revocations, soft)
    }

    /// A node that serves the basics at revision 5.
    async fn live() -> (Self, Conversation) {
        let mut stage = Self::new().await;
        let mut talk = stage.controller.sync().await;
        talk.hello().await;
        let leases = stage.controller.leases().await;
        leases.say(samples::lease((1, 1), 1)).await;
        leases.say(samples::caught_up()).await;
        talk.snapshot(5, &basics()).await;
        talk.ack_of(5).await;
        stage.leases = Some(leases);
        (stage, talk)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.config.current().unwrap()
    }

    fn seen(&self, id: (u8, u8)) -> String {
        seen(&self.snapshot(), id).unwrap()
    }

    /// The last gate opens after the last lease, which no message tells.
    async fn ready(&self) {
        while !self.ops.obstacles().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.soft.cancel();
    }
}

fn source(pki: &Pki, controllers: &[Controller]) -> Source {
    pki.source(controllers, Clock::fixed(UNIX_EPOCH).0)
}

/// A tenant with a server that wants a credential.
fn basics() -> Vec<Upsert> {
    vec![samples::tenant(1, 1), samples::server((1, 1), 2, 1)]
}

fn welcome(plan: Plan, head: u64) -> Kind {
    Kind::Welcome(Welcome {
        plan: plan.into(),
        head: Some(cursor(head)),
        ..Welcome::default()
    })
}

fn chunk(upserts: &[Upsert]) -> Kind {
    Kind::Chunk(SnapshotChunk {
        snapshot_id: vec![1; 16].into(),
        index: 0,
        upserts: upserts.to_vec(),
    })
}

fn end(at: u64, upserts: &[Upsert]) -> Kind {
    Kind::End(SnapshotEnd {
        snapshot_id: vec![1; 16].into(),
        chunks: 1,
        at: Some(cursor(at)),
        digest: Some(samples::digest(at, upserts)),
    })
}

fn delta(from: u64, to: u64, upserts: impl IntoIterator<Item = Upsert>) -> Delta {
    Delta {
        from,
        to,
        upserts: upserts.into_iter().collect(),
        tombstones: Vec::new(),
    }
}

fn heartbeat(at: u64, upserts: &[Upsert]) -> Kind {
    Kind::Heartbeat(Heartbeat {
        revocation_head: 0,
        head: Some(cursor(at)),
        digest: Some(samples::digest(at, upserts)),
    })
}
