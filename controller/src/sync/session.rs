//! One node's conversation as decisions without I/O: how a hello is answered, which frame comes
//! next, what an ack means. It never waits; `stream` moves the bytes and keeps the time.

use std::{collections::VecDeque, sync::Arc};

use prost::{Message, bytes::Bytes};
use proto::{
    name::StreamName,
    sync::v1::{self, sync_response::Kind as Frame, welcome},
};

use super::state::{Cursor, State};
use crate::revocation::Log;

/// How a node gets to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// By deltas from its cursor.
    Resume,
    /// By a snapshot, because of this.
    Snapshot(Why),
}

/// Why a node gets a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It holds nothing.
    Empty,
    /// Its cursor is of another epoch.
    OtherEpoch,
    /// The history does not reach back to its cursor.
    TooOld,
    /// What it holds is not what was sent to it.
    Diverged,
    /// So much changed that a delta does not fit into a frame.
    TooMuch,
}

impl Why {
    /// For metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::OtherEpoch => "other_epoch",
            Self::TooOld => "too_old",
            Self::Diverged => "diverged",
            Self::TooMuch => "too_much",
        }
    }
}

/// The node is ahead of this controller: config does not travel back in time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is at revision {node}, this controller at {ours}")]
pub struct Behind {
    /// Where the node stands.
    pub node: u64,
    /// Where the controller stands.
    pub ours: u64,
}

/// Decides how a node that holds `have` gets to `state`. `asked` is set when an earlier
/// conversation ended because only a snapshot helps.
pub fn plan(
    have: Cursor,
    digest: Option<&v1::Digest>,
    asked: Option<Why>,
    state: &State,
) -> Result<Plan, Behind> {
    let head = state.cursor();
    if have == Cursor::default() {
        return Ok(Plan::Snapshot(Why::Empty));
    }
    if have.epoch != head.epoch {
        return Ok(Plan::Snapshot(Why::OtherEpoch));
    }
    if have.revision > head.revision {
        return Err(Behind {
            node: have.revision,
            ours: head.revision,
        });
    }
    if let Some(why) = asked {
        return Ok(Plan::Snapshot(why));
    }
    // At an older cursor our digest is unknown: the first heartbeat after the delta will tell.
    if digest.is_some_and(|digest| state.contradicts(digest)) {
        return Ok(Plan::Snapshot(Why::Diverged));
    }
    Ok(match state.delta(have.revision) {
        None => Plan::Snapshot(Why::TooOld),
        Some(delta) if delta.encoded_len() > MAX_DELTA_BYTES => Plan::Snapshot(Why::TooMuch),
        Some(_) => Plan::Resume,
    })
}

/// What a node was sent and what it acknowledged.
#[derive(Debug)]
pub struct Session {
    epoch: u64,
    /// Everything up to here was sent.
    sent: u64,
    /// The cursors that unacknowledged frames lead to.
    unacked: VecDeque<u64>,
    opening: Opening,
    repair: Repair,
}

/// Whether this stream began with a snapshot because the node had diverged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    None,
    Tried,
    Failed,
}

/// What is sent before the deltas that news cause.
#[derive(Debug)]
enum Opening {
    Snapshot(Snapshot),
    /// A first delta is due even if nothing changed: its ack tells what is live and what is
    /// refused, which nobody knows after a controller's restart.
    Delta,
    Done,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Send this.
    Frame(Frame),
    /// The node has all there is, or must acknowledge something first.
    Wait,
    /// End the stream: the node needs a snapshot, for which it says hello again.
    Restart(Why),
}

/// What an ack means.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is in order.
    Fine,
    /// The node acknowledges what was never sent to it.
    Impossible,
    /// The node holds something else than this controller at the same cursor.
    Diverged,
    /// So it does, and this very stream began with a snapshot for that reason: another one would
    /// not help. Said once.
    DivergedForGood,
}

impl Session {
    /// A conversation after the welcome.
    pub fn new(plan: Plan, have: Cursor, state: &Arc<State>, snapshot_id: [u8; 16]) -> Self {
        let head = state.cursor();
        let (sent, opening) = match plan {
            Plan::Resume => (have.revision, Opening::Delta),
            Plan::Snapshot(_) => (
                head.revision,
                Opening::Snapshot(Snapshot::new(Arc::clone(state), snapshot_id)),
            ),
        };
        Self {
            epoch: head.epoch,
            sent,
            unacked: VecDeque::new(),
            opening,
            repair: match plan {
                Plan::Snapshot(Why::Diverged) => Repair::Tried,
                Plan::Snapshot(_) | Plan::Resume => Repair::None,
            },
        }
    }

    /// The next frame towards `state`. What changed while `MAX_UNACKED` frames are out becomes one
    /// delta afterwards.
    pub fn next(&mut self, state: &State) -> Next {
        let head = state.cursor();
        if head.epoch != self.epoch {
            return Next::Restart(Why::OtherEpoch);
        }
        match &mut self.opening {
            Opening::Snapshot(snapshot) => {
                let frame = snapshot.next();
                if matches!(frame, Frame::End(_)) {
                    self.opening = Opening::Done;
                    self.unacked.push_back(self.sent);
                }
                return Next::Frame(frame);
            }
            Opening::Delta => self.opening = Opening::Done,
            Opening::Done if head.revision <= self.sent => return Next::Wait,
            Opening::Done if self.unacked.len() >= MAX_UNACKED => return Next::Wait,
            Opening::Done => {}
        }
        match state.delta(self.sent) {
            None => Next::Restart(Why::TooOld),
            Some(delta) if delta.encoded_len() > MAX_DELTA_BYTES => Next::Restart(Why::TooMuch),
            Some(delta) => {
                self.sent = delta.to;
                self.unacked.push_back(delta.to);
                Next::Frame(Frame::Delta(delta))
            }
        }
    }

    /// Takes a cumulative ack. What it says is live can lag behind what was received, for as long as
    /// a resource waits for its lease; the digest tells what was received, and that is what makes
    /// room for more frames.
    pub fn hear(&mut self, ack: &v1::Ack, state: &State) -> Heard {
        let digest_at = ack.digest.as_ref().and_then(|digest| digest.at);
        // Before a snapshot is applied, a node may still speak of what it held before.
        let ours = |cursor: &v1::Cursor| cursor.epoch == self.epoch;
        let said = ack.applied.into_iter().chain(digest_at).filter(ours);
        let received = said.map(|cursor| cursor.revision).max().unwrap_or_default();
        if received > self.sent {
            return Heard::Impossible;
        }
        self.unacked.retain(|&to| to > received);
        let diverged = ack
            .digest
            .as_ref()
            .is_some_and(|digest| state.contradicts(digest));
        match self.repair {
            _ if !diverged => Heard::Fine,
            Repair::None => Heard::Diverged,
            Repair::Tried => {
                self.repair = Repair::Failed;
                Heard::DivergedForGood
            }
            Repair::Failed => Heard::Fine,
        }
    }
}

/// The lane for revocations. It waits for no acknowledgement and goes ahead of everything else.
#[derive(Debug)]
pub struct Lane {
    epoch: u64,
    sent: u64,
}

impl Lane {
    /// A lane towards a node that holds everything up to `held`, if that is of the log's epoch and there
    /// is so much. Otherwise it begins at the beginning.
    pub fn new(have: Cursor, held: u64, log: &Log) -> Self {
        let counts = have.epoch == log.epoch && held <= log.head;
        Self {
            epoch: log.epoch,
            sent: if counts { held } else { 0 },
        }
    }

    /// The next frame towards `log`.
    pub fn next(&mut self, log: &Log) -> Next {
        if log.epoch != self.epoch {
            return Next::Restart(Why::OtherEpoch);
        }
        if log.head <= self.sent {
            return Next::Wait;
        }
        let batch = log.batch(self.sent, MAX_REVOCATIONS);
        self.sent = batch.head;
        Next::Frame(Frame::Revocations(batch))
    }

    /// The node was sent everything up to here, or had it.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}

/// The first frame of a stream.
pub fn welcome(plan: Plan, head: Cursor) -> Frame {
    let plan = match plan {
        Plan::Resume => welcome::Plan::Resume,
        Plan::Snapshot(_) => welcome::Plan::Snapshot,
    };
    Frame::Welcome(v1::Welcome {
        plan: plan.into(),
        head: Some(head.into()),
        heartbeat_every: Some(prost_types::Duration {
            seconds: HEARTBEAT_SECS,
            nanos: 0,
        }),
        max_unacked: u32::try_from(MAX_UNACKED).expect("a small constant"),
    })
}

/// Where the controller stands. Who does not know what is revoked names a head that nobody reaches.
pub fn heartbeat(state: &State, revocations: Option<u64>) -> Frame {
    Frame::Heartbeat(v1::Heartbeat {
        head: Some(state.cursor().into()),
        digest: Some(state.digest()),
        revocation_head: revocations.unwrap_or(u64::MAX),
    })
}

/// A state cut into frames, made one by one.
#[derive(Debug)]
struct Snapshot {
    id: Bytes,
    state: Arc<State>,
    last: Option<StreamName>,
    chunks: u32,
}

impl Snapshot {
    fn new(state: Arc<State>, id: [u8; 16]) -> Self {
        Self {
            id: Bytes::copy_from_slice(&id),
            state,
            last: None,
            chunks: 0,
        }
    }

    /// The next chunk, or the end when all chunks are out.
    fn next(&mut self) -> Frame {
        let (mut upserts, mut bytes) = (Vec::new(), 0);
        for entry in self.state.entries(self.last) {
            bytes += entry.upsert.encoded_len();
            if bytes > CHUNK_BYTES && !upserts.is_empty() {
                break;
            }
            upserts.push(entry.upsert.clone());
            self.last = Some(entry.name);
        }
        if upserts.is_empty() {
            return Frame::End(v1::SnapshotEnd {
                snapshot_id: self.id.clone(),
                chunks: self.chunks,
                at: Some(self.state.cursor().into()),
                digest: Some(self.state.digest()),
            });
        }
        let index = self.chunks;
        self.chunks += 1;
        Frame::Chunk(v1::SnapshotChunk {
            snapshot_id: self.id.clone(),
            index,
            upserts,
        })
    }
}

/// How many frames may be out without an ack.
pub const MAX_UNACKED: usize = 8;

/// How many revocations go in one frame: at most half a mebibyte.
const MAX_REVOCATIONS: usize = 5_000;

/// How often heartbeats come.
pub const HEARTBEAT_SECS: i64 = 1;

const CHUNK_BYTES: usize = 1 << 20;

/// A gRPC message is at most 4 MiB by default; what does not fit well goes as a snapshot.
const MAX_DELTA_BYTES: usize = 3 << 20;

#[cfg(test)]
mod tests;
