//! The RPC of the config stream. One task per stream runs a reader and a writer side by side: the
//! reader never waits for the node to take anything, so a slow node cannot block its own acks. All
//! decisions are `session`'s.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::rand::SecureRandom as _;
use futures_util::{
    Stream,
    stream::{PollNext, select_with_strategy},
};
use proto::sync::v1::{
    self, SyncRequest, SyncResponse, config_sync_service_server::ConfigSyncService,
    sync_request::Kind as Said, sync_response::Kind as Frame,
};
use runtime::shutdown::Tasks;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use self::end::End;
use super::{
    nodes::{Connection, Greeting, Registry},
    session::{self, HEARTBEAT_SECS, Heard, Lane, Next, Plan, Session, Why},
    state::{Cursor, State, States},
    uses::Uses,
};
use crate::{
    grpc::NodeIdentity,
    revocation::{Log, Logs},
};

/// Why a stream ends.
mod end;

/// Serves the config stream.
#[derive(Clone)]
pub struct SyncService {
    states: States,
    logs: Logs,
    nodes: Registry,
    uses: Uses,
    tasks: Tasks,
    soft: CancellationToken,
}

impl SyncService {
    /// A service that brings nodes to the newest of `states` and `logs` until `soft` is cancelled, and
    /// passes on which grants they see in use.
    pub fn new(
        states: States,
        logs: Logs,
        nodes: Registry,
        uses: Uses,
        tasks: Tasks,
        soft: CancellationToken,
    ) -> Self {
        Self {
            states,
            logs,
            nodes,
            uses,
            tasks,
            soft,
        }
    }

    async fn converse(
        self,
        identity: NodeIdentity,
        mut inbound: Streaming<SyncRequest>,
        out: Outbound,
    ) {
        let result = self.run(&identity, &mut inbound, &out).await;
        let end = match result {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let node = identity.id.as_str();
        end.log(node);
        if let Some(status) = end.status() {
            // A node that takes nothing is not told why.
            let _ = timeout(LAST_WORDS, out.frames.send(Err(status))).await;
        }
    }

    async fn run(
        &self,
        identity: &NodeIdentity,
        inbound: &mut Streaming<SyncRequest>,
        out: &Outbound,
    ) -> Result<Infallible, End> {
        let hello = timeout(HELLO_WITHIN, inbound.message())
            .await
            .map_err(|_| End::NoHello)?;
        let hello = hello.map_err(|_| End::Gone)?.ok_or(End::Gone)?;
        let Some(Said::Hello(hello)) = hello.kind else {
            return Err(End::NoHello);
        };
        if hello.node_id != identity.id.as_str() {
            return Err(End::OtherNode);
        }
        let state = self.states.borrow().clone().ok_or(End::NotReady)?;
        let epoch = state.cursor().epoch;
        let log = self.logs.newest().filter(|log| log.epoch == epoch);
        let log = log.ok_or(End::NotReady)?;
        let have = hello.have.map(Cursor::from).unwrap_or_default();
        let asked = self.nodes.asked(&identity.id);
        let plan = session::plan(have, hello.digest.as_ref(), asked, &state)?;
        let connection = self
            .nodes
            .connect(greeting(identity, &hello, have, epoch), plan);
        note_opening(identity, plan, &state);
        out.urge(session::welcome(plan, state.cursor())).await?;
        let log = self.fit(identity, have, hello.revocations, log).await;
        let lane = Lane::new(have, hello.revocations, &log);
        let talk = Talk {
            heard: &watch::Sender::new(Progress::new()),
            connection: &connection,
            logs: &self.logs,
            uses: &self.uses,
            revoked: &AtomicU64::new(lane.sent()),
        };
        let session = Session::new(plan, have, &state, snapshot_id());
        let (caught_up, revoked) = oneshot::channel();
        let writing = async {
            // An error means that the lane has ended, which ends everything.
            let _ = revoked.await;
            talk.write(out, session, self.states.clone(), &self.soft)
                .await
        };
        tokio::select! {
            end = talk.read(inbound) => Err(end),
            end = talk.revoke(out, lane, caught_up) => end,
            end = writing => Err(end),
        }
    }
}

impl SyncService {
    /// The log that a node is served from. One that holds more than there is may have heard of it over
    /// Redis before us; if it still does after a look at the database, that has gone back.
    async fn fit(
        &self,
        identity: &NodeIdentity,
        have: Cursor,
        held: u64,
        log: Arc<Log>,
    ) -> Arc<Log> {
        let ahead = |log: &Log| have.epoch == log.epoch && held > log.head;
        if !ahead(&log) {
            return log;
        }
        self.logs.nudge();
        let Some(log) = self
            .logs
            .looked_since(Instant::now().into(), LOOK_WITHIN)
            .await
        else {
            return log;
        };
        if ahead(&log) {
            metrics::counter!("aldgate_config_alarms_total").increment(1);
            tracing::error!(
                node.id = identity.id.as_str(),
                held,
                head = log.head,
                epoch = log.epoch,
                "a node holds more revocations than there are: the database went back, and needs a new epoch"
            );
        }
        log
    }
}

#[tonic::async_trait]
impl ConfigSyncService for SyncService {
    type SyncStream = Pin<Box<dyn Stream<Item = Result<SyncResponse, Status>> + Send>>;

    async fn sync(
        &self,
        request: Request<Streaming<SyncRequest>>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let identity = request
            .extensions()
            .get::<NodeIdentity>()
            .cloned()
            .ok_or_else(|| Status::permission_denied("the config stream is for nodes"))?;
        let (urgent, first) = mpsc::channel(FRAMES_IN_HAND);
        let (frames, later) = mpsc::channel(FRAMES_IN_HAND);
        let out = Outbound { urgent, frames };
        let conversation = self.clone().converse(identity, request.into_inner(), out);
        self.tasks.spawn("config stream", conversation);
        let (first, later) = (ReceiverStream::new(first), ReceiverStream::new(later));
        let responses = select_with_strategy(first, later, |(): &mut ()| PollNext::Left);
        Ok(Response::new(Box::pin(responses)))
    }
}

/// What the two sides of one stream share.
struct Talk<'a> {
    heard: &'a watch::Sender<Progress>,
    connection: &'a Connection,
    logs: &'a Logs,
    uses: &'a Uses,
    /// Revocations up to here were sent.
    revoked: &'a AtomicU64,
}

/// What the reader tells the writer. Acks are cumulative, so the newest is enough.
#[derive(Debug, Clone)]
struct Progress {
    at: Instant,
    ack: Option<Arc<v1::Ack>>,
}

impl Progress {
    fn new() -> Self {
        Self {
            at: Instant::now(),
            ack: None,
        }
    }
}

impl Talk<'_> {
    async fn read(&self, inbound: &mut Streaming<SyncRequest>) -> End {
        loop {
            let said = match inbound.message().await {
                Ok(Some(message)) => message.kind,
                Ok(None) | Err(_) => return End::Gone,
            };
            let ack = match said {
                Some(Said::Ack(ack)) => {
                    self.connection.acked(&ack);
                    Some(Arc::new(ack))
                }
                Some(Said::Uses(uses)) => {
                    self.connection.seen();
                    self.uses.hear(uses);
                    None
                }
                // What a newer node says beyond this contract is a sign of life.
                Some(Said::Pong(_)) | None => {
                    self.connection.seen();
                    None
                }
                Some(Said::Hello(_)) => return End::SecondHello,
            };
            self.heard.send_modify(|progress| {
                progress.at = Instant::now();
                progress.ack = ack.or_else(|| progress.ack.take());
            });
        }
    }

    /// Sends what is revoked, beside all that the writer may be waiting for. Tells once when the node
    /// has been sent everything there was at the beginning.
    async fn revoke(
        &self,
        out: &Outbound,
        mut lane: Lane,
        caught_up: oneshot::Sender<()>,
    ) -> Result<Infallible, End> {
        let mut logs = self.logs.clone();
        let mut caught_up = Some(caught_up);
        loop {
            let log = logs.take().ok_or(End::NotReady)?;
            loop {
                match lane.next(&log) {
                    Next::Frame(frame) => out.urge(frame).await?,
                    Next::Restart(why) => return Err(End::Restart(why)),
                    Next::Wait => break,
                }
            }
            self.revoked.store(lane.sent(), Ordering::Release);
            if let Some(caught_up) = caught_up.take() {
                // The writer is in the same task.
                let _ = caught_up.send(());
            }
            logs.changed().await.map_err(|_| End::Stopping)?;
        }
    }

    async fn write(
        &self,
        out: &Outbound,
        session: Session,
        states: States,
        soft: &CancellationToken,
    ) -> End {
        match self.write_until(out, session, states, soft).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn write_until(
        &self,
        out: &Outbound,
        mut session: Session,
        mut states: States,
        soft: &CancellationToken,
    ) -> Result<Infallible, End> {
        let mut heard = self.heard.subscribe();
        let mut beat = interval(HEARTBEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The feed publishes states and never takes one back.
            let state = states.borrow_and_update().clone().ok_or(End::NotReady)?;
            self.listen(&mut session, &mut heard, &state)?;
            let next = session.next(&state);
            tokio::select! {
                biased;
                () = soft.cancelled() => {
                    out.send(goaway()).await?;
                    return Err(End::Stopping);
                }
                () = self.connection.superseded().cancelled() => return Err(End::Superseded),
                _ = beat.tick() => {
                    if heard.borrow().at.elapsed() > SILENT_AT_MOST {
                        return Err(End::Silent);
                    }
                    let revoked = self.revoked.load(Ordering::Acquire);
                    let revoked = self.logs.vouched().then_some(revoked);
                    out.send(session::heartbeat(&state, revoked)).await?;
                }
                // Sent below, outside of this: cancelling a send loses the frame.
                () = std::future::ready(()), if next != Next::Wait => {}
                changed = states.changed() => changed.map_err(|_| End::Stopping)?,
                // `Talk` holds the sender.
                _ = heard.changed() => {}
            }
            match next {
                Next::Frame(frame) => out.send(frame).await?,
                Next::Restart(why) => {
                    self.connection.ask_for_snapshot(why);
                    return Err(End::Restart(why));
                }
                Next::Wait => {}
            }
        }
    }

    /// Takes what the reader heard.
    fn listen(
        &self,
        session: &mut Session,
        heard: &mut watch::Receiver<Progress>,
        state: &State,
    ) -> Result<(), End> {
        let Some(ack) = heard.borrow_and_update().ack.clone() else {
            return Ok(());
        };
        match session.hear(&ack, state) {
            Heard::Fine => Ok(()),
            Heard::Impossible => Err(End::ImpossibleAck),
            Heard::DivergedForGood => {
                metrics::counter!("aldgate_config_divergences_total").increment(1);
                tracing::error!("a node disagrees about what a fresh snapshot holds");
                Ok(())
            }
            Heard::Diverged => {
                self.connection.ask_for_snapshot(Why::Diverged);
                Err(End::Restart(Why::Diverged))
            }
        }
    }
}

/// The node's side of the stream. A full queue waits for the node, and not for long.
struct Outbound {
    /// What is in here goes first.
    urgent: mpsc::Sender<Result<SyncResponse, Status>>,
    frames: mpsc::Sender<Result<SyncResponse, Status>>,
}

impl Outbound {
    async fn send(&self, frame: Frame) -> Result<(), End> {
        put(&self.frames, frame).await
    }

    /// Sends it ahead of what waits.
    async fn urge(&self, frame: Frame) -> Result<(), End> {
        put(&self.urgent, frame).await
    }
}

async fn put(queue: &mpsc::Sender<Result<SyncResponse, Status>>, frame: Frame) -> Result<(), End> {
    let response = SyncResponse { kind: Some(frame) };
    match timeout(SILENT_AT_MOST, queue.send(Ok(response))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Silent),
    }
}

fn greeting(identity: &NodeIdentity, hello: &v1::Hello, have: Cursor, epoch: u64) -> Greeting {
    Greeting {
        id: identity.id.clone(),
        pool: identity.pool.clone(),
        version: hello.version.clone(),
        boot: hello.boot_id.clone(),
        have,
        revocations: hello.revocations,
        epoch,
    }
}

fn note_opening(identity: &NodeIdentity, plan: Plan, state: &State) {
    let label = match plan {
        Plan::Resume => "resume",
        Plan::Snapshot(why) => why.label(),
    };
    metrics::counter!("aldgate_config_streams_total", "plan" => label).increment(1);
    tracing::info!(
        node.id = identity.id.as_str(),
        plan = label,
        revision = state.cursor().revision,
        "a node opened its config stream"
    );
}

fn goaway() -> Frame {
    Frame::Goaway(v1::Goaway {
        reconnect_within: Some(prost_types::Duration {
            seconds: 2,
            nanos: 0,
        }),
        reason: "this controller is stopping".to_owned(),
    })
}

fn snapshot_id() -> [u8; 16] {
    let mut id = [0; 16];
    aws_lc_rs::rand::SystemRandom::new()
        .fill(&mut id)
        .expect("the system has random bytes");
    id
}

const HELLO_WITHIN: Duration = Duration::from_secs(10);
const HEARTBEAT_EVERY: Duration = Duration::from_secs(HEARTBEAT_SECS.unsigned_abs());
const SILENT_AT_MOST: Duration = Duration::from_secs(10);
const LOOK_WITHIN: Duration = Duration::from_secs(2);
const LAST_WORDS: Duration = Duration::from_secs(1);
const FRAMES_IN_HAND: usize = 4;
