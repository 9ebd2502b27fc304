//! One conversation with a controller: hello, welcome, then frames and leases as they come, until
//! it ends. Reading never waits for writing: what we owe the controller is remembered, the newest
//! of each kind only, and goes out when there is room.

use std::{convert::Infallible, time::Duration};

use futures_util::FutureExt as _;
use proto::sync::v1::{
    Ack, Cursor, Delta, Heartbeat, Hello, Pong, SyncRequest, SyncResponse, Welcome,
    config_sync_service_client::ConfigSyncServiceClient, sync_request, sync_response::Kind,
    welcome::Plan,
};
use rand::Rng as _;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

pub(in crate::config) use self::end::End;
use super::{Node, SILENCE, Trust};
use crate::{
    authn::uses::GrantUses,
    config::{
        compile::Compiled,
        lease_feed::{Heard, LeaseFeed},
        link::Backoff,
        meters::count_divergence,
        replica::{Comparison, Leases},
        staging::Staging,
    },
};

/// Why a conversation ends.
mod end;

/// Everything about one conversation.
struct Talk<'a> {
    node: &'a mut Node,
    frames: Streaming<SyncResponse>,
    leases: LeaseFeed,
    backoff: &'a mut Backoff,
    phase: Phase,
    owed: Owed,
    /// The last acknowledgement of this stream.
    acked: Option<Ack>,
    /// In which the controller numbers what is revoked.
    epoch: u64,
    silent_at: Instant,
    /// The controller asked us to leave, and this is when we do.
    leave_at: Option<Instant>,
}

/// How far the conversation has come.
enum Phase {
    /// The welcome is due.
    Greeting,
    /// A snapshot comes in parts.
    Snapshot(Staging),
    /// Deltas and heartbeats come.
    Deltas,
}

/// What we have yet to tell the controller.
#[derive(Debug, Default)]
struct Owed {
    ack: bool,
    uses: bool,
    pong: bool,
}

/// A message from a controller is at most about 3 MiB; this is where we stop believing that.
const MAX_MESSAGE: usize = 16 << 20;

/// Room for messages that the connection has not taken yet.
const OUTBOX: usize = 4;

/// How long leases that come in a row are taken in before they go live.
const BURST: Duration = Duration::from_millis(100);

/// Opens both streams and talks until something ends it.
pub(super) async fn hold(node: &mut Node, channel: Channel, backoff: &mut Backoff) -> End {
    let (outbox, outgoing) = mpsc::channel(OUTBOX);
    let hello = sync_request::Kind::Hello(hello(node));
    let hello = outbox.try_send(SyncRequest { kind: Some(hello) });
    hello.expect("the outbox is new and has room");
    let client = ConfigSyncServiceClient::new(channel.clone());
    let mut client = client.max_decoding_message_size(MAX_MESSAGE);
    let frames = timeout(SILENCE, client.sync(ReceiverStream::new(outgoing))).await;
    let frames = match frames {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return End::Broken(status),
        Err(_) => return End::Silent,
    };
    let node_id = node.source.node.node.to_string();
    let talk = Talk {
        leases: LeaseFeed::new(channel, node_id),
        node,
        frames,
        backoff,
        phase: Phase::Greeting,
        owed: Owed::default(),
        acked: None,
        epoch: 0,
        silent_at: Instant::now() + SILENCE,
        leave_at: None,
    };
    match talk.run(outbox).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

fn hello(node: &mut Node) -> Hello {
    if node.trust == Trust::Lost {
        node.trust = Trust::Restoring;
    }
    let trusted = node.trust == Trust::Held && node.replica.is_complete();
    let have = if trusted {
        node.replica.cursor()
    } else {
        Cursor::default()
    };
    Hello {
        node_id: node.source.node.node.to_string(),
        boot_id: node.boot_id.into_bytes().to_vec().into(),
        features: Vec::new(),
        revocations: node.source.revocations.position(have.epoch),
        schema_version: 1,
        have: Some(have),
        digest: trusted.then(|| node.replica.digest()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

impl Owed {
    fn anything(&self) -> bool {
        self.ack || self.uses || self.pong
    }

    /// The next message, where `ack` says how things are now, and `uses` which grants are in use.
    fn next(&mut self, acked: &mut Option<Ack>, ack: Ack, uses: &GrantUses) -> SyncRequest {
        let kind = if std::mem::take(&mut self.ack) {
            *acked = Some(ack.clone());
            sync_request::Kind::Ack(ack)
        } else if std::mem::take(&mut self.uses) {
            sync_request::Kind::Uses(uses.take())
        } else {
            self.pong = false;
            sync_request::Kind::Pong(Pong {})
        };
        SyncRequest { kind: Some(kind) }
    }
}

impl Talk<'_> {
    async fn run(mut self, outbox: mpsc::Sender<SyncRequest>) -> Result<Infallible, End> {
        loop {
            let patience = self.node.replica.deadline().map(Instant::from_std);
            let never = Instant::now() + Duration::from_hours(1);
            tokio::select! {
                // First, so that what lay here for long is not taken for news: after a standstill of
                // this node, say.
                biased;
                () = sleep_until(self.silent_at) => return Err(End::Silent),
                room = outbox.reserve(), if self.owed.anything() => {
                    let room = room.map_err(|_| End::Broken(Status::ok("it ended")))?;
                    let ack = self.ack();
                    let uses = &self.node.source.uses;
                    room.send(self.owed.next(&mut self.acked, ack, uses));
                }
                frame = self.frames.message() => {
                    let frame = frame.map_err(End::Broken)?;
                    let frame = frame.ok_or_else(|| End::Broken(Status::ok("it ended")))?;
                    self.take(frame).await?;
                    self.silent_at = Instant::now() + SILENCE;
                }
                heard = self.leases.next() => self.take_leases(heard).await,
                () = sleep_until(patience.unwrap_or(never)), if patience.is_some() => {
                    self.node.replica.expire(std::time::Instant::now());
                    self.settle().await;
                }
                () = sleep_until(self.leave_at.unwrap_or(never)), if self.leave_at.is_some() => {
                    return Err(End::Asked);
                }
            }
        }
    }

    async fn take(&mut self, frame: SyncResponse) -> Result<(), End> {
        self.node.meters.confirm();
        match (frame.kind, &mut self.phase) {
            (Some(Kind::Welcome(welcome)), Phase::Greeting) => self.welcome(&welcome)?,
            (Some(Kind::Chunk(chunk)), Phase::Snapshot(staging)) => staging.add(&chunk)?,
            (Some(Kind::End(end)), Phase::Snapshot(staging)) => {
                let (all, at) = std::mem::take(staging).finish(&end)?;
                self.phase = Phase::Deltas;
                self.replace(all, at).await;
            }
            (Some(Kind::Delta(delta)), Phase::Deltas) => self.delta(&delta).await?,
            // At once and whatever else is going on.
            (Some(Kind::Revocations(batch)), _) => {
                self.node.source.revocations.hear(&batch)?;
                self.owed.ack = true;
            }
            (Some(Kind::Heartbeat(beat)), Phase::Snapshot(_) | Phase::Deltas) => {
                self.beat(&beat)?;
            }
            (Some(Kind::Goaway(goaway)), _) => {
                let within = goaway.reconnect_within.map(Duration::try_from);
                let within = within.and_then(Result::ok).unwrap_or_default();
                let delay = self.node.rng.random_range(Duration::ZERO..=within);
                tracing::info!(
                    reason = goaway.reason,
                    ?delay,
                    "the controller asks us to leave"
                );
                self.leave_at = Some(Instant::now() + delay);
            }
            // What a newer controller says beyond this contract.
            (None, _) => {}
            (Some(_), _) => return Err(End::OutOfTurn),
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: &Welcome) -> Result<(), End> {
        self.epoch = welcome.head.map_or(0, |head| head.epoch);
        self.phase = match welcome.plan() {
            Plan::Snapshot => Phase::Snapshot(Staging::default()),
            Plan::Resume if self.node.replica.is_complete() => Phase::Deltas,
            Plan::Resume | Plan::Unspecified => return Err(End::OutOfTurn),
        };
        // Whoever waits for a revision learns from this what is live here.
        self.owed.ack = matches!(self.phase, Phase::Deltas);
        tracing::info!(
            plan = welcome.plan().as_str_name(),
            head = welcome.head.map_or(0, |head| head.revision),
            "a controller brings config"
        );
        Ok(())
    }

    async fn replace(&mut self, all: Vec<Compiled>, at: Cursor) {
        let resources = all.len();
        let begin = Instant::now();
        let snapshot = self.node.aside(move |replica| {
            replica.replace(all, at, std::time::Instant::now());
            replica.snapshot()
        });
        let snapshot = snapshot.await;
        self.node.show(snapshot);
        self.owed.ack = true;
        tracing::info!(
            revision = at.revision,
            resources,
            duration_ms = begin.elapsed().as_millis(),
            "a snapshot of config is live"
        );
    }

    async fn delta(&mut self, delta: &Delta) -> Result<(), End> {
        self.node.replica.apply(delta, std::time::Instant::now())?;
        self.node.publish().await;
        self.owed.ack = true;
        Ok(())
    }

    fn beat(&mut self, beat: &Heartbeat) -> Result<(), End> {
        self.owed.pong = true;
        self.owed.uses = !self.node.source.uses.is_empty();
        let revocations = &self.node.source.revocations;
        revocations.beat(beat, std::time::Instant::now());
        let Phase::Deltas = self.phase else {
            return Ok(());
        };
        let held = self.node.replica.cursor();
        if beat.head.is_some_and(|head| head.epoch != held.epoch) {
            return Err(End::OtherEpoch);
        }
        let comparison = beat
            .digest
            .as_ref()
            .map_or(Comparison::Elsewhere, |digest| {
                self.node.replica.compare(digest)
            });
        match (comparison, self.node.trust) {
            (Comparison::Equal, _) => self.node.trust = Trust::Held,
            (Comparison::Elsewhere, _) => {}
            // Everything came anew and differs again: a third time would not help.
            (Comparison::Diverged, Trust::Restoring) => return Ok(()),
            (Comparison::Diverged, Trust::Held | Trust::Lost) => {
                count_divergence();
                self.node.trust = Trust::Lost;
                return Err(End::Diverged);
            }
        }
        self.backoff.reset();
        Ok(())
    }

    /// Takes in what the lease stream has, in one go.
    async fn take_leases(&mut self, heard: Heard) {
        let begin = Instant::now();
        let mut next = Some(heard);
        while let Some(heard) = next.take() {
            match heard {
                Heard::Began => self.node.replica.begin_leases(),
                Heard::Message(message) => {
                    let wall = self.node.source.clock.now();
                    if self.node.replica.hear(message, wall) == Leases::CaughtUp {
                        self.node.leases = Leases::CaughtUp;
                    }
                }
            }
            if begin.elapsed() < BURST {
                next = self.leases.next().now_or_never();
            }
        }
        self.settle().await;
    }

    /// Something other than the config stream changed what is live.
    async fn settle(&mut self) {
        self.node.publish().await;
        let told = matches!(self.phase, Phase::Deltas) && self.acked.is_some();
        if told && self.acked.as_ref() != Some(&self.ack()) {
            self.owed.ack = true;
        }
    }

    fn ack(&self) -> Ack {
        Ack {
            revocations: self.node.source.revocations.position(self.epoch),
            ..self.node.replica.ack()
        }
    }
}
