use std::iter;

use proto::id::TenantUid;
use uuid::Uuid;

use super::*;
use crate::sync::{
    history::{Change, History},
    state::{Entry, Sealed},
};

#[test]
fn a_node_with_nothing_gets_a_snapshot() {
    let state = state(3);
    let plan = plan(Cursor::default(), None, None, &state);
    assert_eq!(plan, Ok(Plan::Snapshot(Why::Empty)));
}

#[test]
fn a_node_within_the_history_resumes() {
    let state = state(5);
    assert_eq!(plan(at(2), None, None, &state), Ok(Plan::Resume));
    assert_eq!(
        plan(at(5), Some(&state.digest()), None, &state),
        Ok(Plan::Resume)
    );
}

#[test]
fn a_node_from_before_the_history_gets_a_snapshot() {
    let state = State::new(at(9), [], History::new(4));
    assert_eq!(
        plan(at(3), None, None, &state),
        Ok(Plan::Snapshot(Why::TooOld))
    );
    let other_epoch = Cursor {
        epoch: 2,
        revision: 9,
    };
    assert_eq!(
        plan(other_epoch, None, None, &state),
        Ok(Plan::Snapshot(Why::OtherEpoch))
    );
}

/// No time travel: a controller that lags sends the node to another one.
#[test]
fn a_node_ahead_of_the_controller_is_sent_away() {
    assert_eq!(
        plan(at(6), None, None, &state(5)),
        Err(Behind { node: 6, ours: 5 })
    );
}

#[test]
fn a_digest_is_compared_at_the_head_and_trusted_elsewhere() {
    let state = state(5);
    let wrong = |revision| v1::Digest {
        at: Some(at(revision).into()),
        ..state.digest()
    };
    let lie = v1::Digest {
        count: 77,
        ..wrong(5)
    };
    assert_eq!(
        plan(at(5), Some(&lie), None, &state),
        Ok(Plan::Snapshot(Why::Diverged))
    );
    assert_eq!(plan(at(4), Some(&wrong(4)), None, &state), Ok(Plan::Resume));
}

#[test]
fn a_delta_that_fits_no_frame_becomes_a_snapshot() {
    let before = state(1);
    let big: Vec<_> = (2..8).map(|revision| entry(revision, 1 << 20)).collect();
    let state = before.advance((2..8).map(change).collect(), big);
    assert_eq!(
        plan(at(1), None, None, &state),
        Ok(Plan::Snapshot(Why::TooMuch))
    );
    let mut session = Session::new(Plan::Resume, at(1), &Arc::new(before), [0; 16]);
    assert_eq!(session.next(&state), Next::Restart(Why::TooMuch));
}

#[test]
fn what_an_earlier_stream_asked_for_is_given() {
    let state = state(5);
    assert_eq!(
        plan(at(5), Some(&state.digest()), Some(Why::Diverged), &state),
        Ok(Plan::Snapshot(Why::Diverged))
    );
}

#[test]
fn a_snapshot_comes_in_chunks_and_ends_with_its_digest() {
    let entries: Vec<_> = (1..=5).map(|revision| entry(revision, 400 << 10)).collect();
    let state = Arc::new(State::new(at(5), entries, History::new(5)));
    let plan = Plan::Snapshot(Why::Empty);
    let mut session = Session::new(plan, Cursor::default(), &state, [7; 16]);
    let frames: Vec<_> = drain(&mut session, &state);
    let shape: Vec<_> = frames.iter().map(shape).collect();
    assert_eq!(
        shape,
        [
            "chunk 0 of 2",
            "chunk 1 of 2",
            "chunk 2 of 1",
            "end of 3 at 5, 5 held"
        ]
    );
    assert!(
        frames
            .iter()
            .all(|frame| frame.encoded_len() <= CHUNK_BYTES + 100)
    );
}

#[test]
fn an_empty_installation_has_an_empty_snapshot() {
    let state = Arc::new(State::new(at(0), [], History::new(0)));
    let plan = Plan::Snapshot(Why::Empty);
    let mut session = Session::new(plan, Cursor::default(), &state, [7; 16]);
    let frames = drain(&mut session, &state);
    assert_eq!(
        frames.iter().map(shape).collect::<Vec<_>>(),
        ["end of 0 at 0, 0 held"]
    );
}

/// After a controller's restart, only an ack tells what is live and what is refused.
#[test]
fn a_resumed_node_gets_a_delta_even_when_nothing_changed() {
    let state = Arc::new(state(5));
    let mut session = Session::new(Plan::Resume, at(5), &state, [0; 16]);
    assert_eq!(shapes(&mut session, &state), ["delta 5..5: 0 + 0"]);
}

#[test]
fn changes_coalesce_while_too_many_frames_are_out() {
    let mut state = Arc::new(state(1));
    let mut session = Session::new(Plan::Resume, at(1), &state, [0; 16]);
    let mut sent = shapes(&mut session, &state);
    for revision in 2..=20 {
        state = Arc::new(state.advance(vec![change(revision)], [entry(revision, 10)]));
        sent.extend(shapes(&mut session, &state));
    }
    assert_eq!(sent.len(), MAX_UNACKED);
    assert_eq!(sent.last().unwrap(), "delta 7..8: 1 + 0");

    assert_eq!(session.hear(&ack(7), &state), Heard::Fine);
    assert_eq!(shapes(&mut session, &state), ["delta 8..20: 12 + 0"]);
}

/// A resource that waits for its lease holds back what is live, not what else can be sent.
#[test]
fn what_was_received_makes_room_for_more() {
    let mut state = Arc::new(state(1));
    let mut session = Session::new(Plan::Resume, at(1), &state, [0; 16]);
    let mut frames = shapes(&mut session, &state).len();
    for revision in 2..=20 {
        state = Arc::new(state.advance(vec![change(revision)], [entry(revision, 10)]));
        frames += shapes(&mut session, &state).len();
        let waiting = v1::Ack {
            digest: Some(state.digest()),
            ..ack(1)
        };
        assert_eq!(session.hear(&waiting, &state), Heard::Fine);
    }
    assert_eq!(frames, 20);
}

#[test]
fn an_ack_of_what_was_never_sent_is_impossible() {
    let state = Arc::new(state(5));
    let mut session = Session::new(Plan::Resume, at(5), &state, [0; 16]);
    drain(&mut session, &state);
    assert_eq!(session.hear(&ack(5), &state), Heard::Fine);
    assert_eq!(session.hear(&ack(6), &state), Heard::Impossible);
}

#[test]
fn a_divergence_is_repaired_by_one_snapshot_and_no_more() {
    let state = Arc::new(state(5));
    let diverged = v1::Ack {
        digest: Some(v1::Digest {
            count: 77,
            ..state.digest()
        }),
        ..ack(5)
    };
    let agreed = v1::Ack {
        digest: Some(state.digest()),
        ..ack(5)
    };
    let mut session = Session::new(Plan::Resume, at(5), &state, [0; 16]);
    drain(&mut session, &state);
    assert_eq!(session.hear(&agreed, &state), Heard::Fine);
    assert_eq!(session.hear(&diverged, &state), Heard::Diverged);

    let repair = Plan::Snapshot(Why::Diverged);
    let mut session = Session::new(repair, at(5), &state, [0; 16]);
    drain(&mut session, &state);
    assert_eq!(session.hear(&diverged, &state), Heard::DivergedForGood);
    assert_eq!(session.hear(&diverged, &state), Heard::Fine);
}

/// A position is a node's word; one that there is not is of another history.
#[test]
fn a_lane_begins_at_the_beginning_for_who_holds_more_than_there_is() {
    let log = Log::new(1, 1, 5, Vec::new());
    let sent = |have, held| Lane::new(have, held, &log).sent();
    assert_eq!((sent(at(3), 4), sent(at(3), 5)), (4, 5));
    assert_eq!(sent(at(3), 6), 0);
    let other = Cursor {
        epoch: 2,
        revision: 3,
    };
    assert_eq!(sent(other, 4), 0);
}

#[test]
fn another_epoch_ends_the_stream() {
    let mut session = Session::new(Plan::Resume, at(5), &Arc::new(state(5)), [0; 16]);
    let restored = Cursor {
        epoch: 2,
        revision: 6,
    };
    let state = State::new(restored, [], History::new(6));
    assert_eq!(session.next(&state), Next::Restart(Why::OtherEpoch));
}

/// A state that revisions 1 to `head` built, one tenant each.
fn state(head: u64) -> State {
    let empty = State::new(at(0), [], History::new(0));
    empty.advance(
        (1..=head).map(change).collect(),
        (1..=head)
            .map(|revision| entry(revision, 10))
            .collect::<Vec<_>>(),
    )
}

fn at(revision: u64) -> Cursor {
    Cursor { epoch: 1, revision }
}

fn name(revision: u64) -> StreamName {
    StreamName::Tenant(TenantUid::from_uuid(Uuid::from_u128(revision.into())))
}

fn change(revision: u64) -> Change {
    Change {
        revision,
        names: Arc::new([name(revision)]),
    }
}

fn entry(revision: u64, bytes: usize) -> Entry {
    Entry {
        name: name(revision),
        slug: format!("t{revision}"),
        upsert: v1::Upsert {
            name: name(revision).to_string(),
            revision,
            body: vec![0; bytes].into(),
            ..v1::Upsert::default()
        },
        sealed: Sealed::Nothing,
    }
}

fn ack(revision: u64) -> v1::Ack {
    v1::Ack {
        applied: Some(at(revision).into()),
        ..v1::Ack::default()
    }
}

fn drain(session: &mut Session, state: &State) -> Vec<Frame> {
    iter::from_fn(|| match session.next(state) {
        Next::Frame(frame) => Some(frame),
        Next::Wait => None,
        Next::Restart(why) => panic!("restart: {why:?}"),
    })
    .collect()
}

fn shapes(session: &mut Session, state: &State) -> Vec<String> {
    drain(session, state).iter().map(shape).collect()
}

fn shape(frame: &Frame) -> String {
    match frame {
        Frame::Chunk(chunk) => format!("chunk {} of {}", chunk.index, chunk.upserts.len()),
        Frame::End(end) => format!(
            "end of {} at {}, {} held",
            end.chunks,
            end.at.unwrap().revision,
            end.digest.as_ref().unwrap().count
        ),
        Frame::Revocations(batch) => format!("revocations up to {}", batch.head),
        Frame::Delta(delta) => format!(
            "delta {}..{}: {} + {}",
            delta.from,
            delta.to,
            delta.upserts.len(),
            delta.tombstones.len()
        ),
        Frame::Welcome(_) | Frame::Heartbeat(_) | Frame::Goaway(_) => panic!("{frame:?}"),
    }
}
