use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::id::KeyUid;
use uuid::Uuid;

use super::*;

proptest! {
    /// However a node's deltas are cut, it ends with what a snapshot would have given it.
    #[test]
    fn any_chain_of_deltas_from_any_cursor_equals_the_snapshot(
        revisions in prop::collection::vec(revision(), 1..40),
        stops in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let states = history_of(&revisions);
        let stops: BTreeSet<_> = stops.iter().map(|stop| stop.index(states.len())).collect();
        let mut stops = stops.into_iter().chain([states.len() - 1]);
        let mut node = Node::of_snapshot(&states[stops.next().unwrap()]);
        for stop in stops {
            let before = node.cursor;
            node.apply(&states[stop].delta(before).unwrap());
            prop_assert_eq!(node.cursor, states[stop].cursor().revision);
        }
        let last = states.last().unwrap();
        prop_assert_eq!(&node.held, &Node::of_snapshot(last).held);
        prop_assert_eq!(node.digest(), last.digest);
    }

    /// A restarted controller, which reads everything anew, agrees with the one before it.
    #[test]
    fn a_state_built_by_changes_equals_one_read_at_once(
        revisions in prop::collection::vec(revision(), 1..40),
    ) {
        let states = history_of(&revisions);
        let last = states.last().unwrap();
        let rows = last.entries(None).map(|entry| {
            resource(entry.name, entry.upsert.revision)
        });
        let read = State::new(last.cursor(), rows, last.history.clone());
        prop_assert_eq!(read.digest(), last.digest());
    }
}

#[test]
fn a_removed_resource_is_a_tombstone_at_the_revision_that_removed_it() {
    let before = State::new(at(1), [resource(name(0), 1)], History::new(1));
    let after = before.advance(vec![change(2, &[name(0)])], []);
    let delta = after.delta(1).unwrap();
    assert_eq!(delta.upserts, []);
    assert_eq!(delta.tombstones, [tombstone(name(0), 2)]);
    assert_eq!(after.digest().count, 0);
}

#[test]
fn a_change_of_nothing_that_nodes_know_still_moves_the_cursor() {
    let before = State::new(at(1), [resource(name(0), 1)], History::new(1));
    let after = before.advance(vec![change(2, &[])], []);
    let delta = after.delta(1).unwrap();
    assert_eq!((delta.from, delta.to), (1, 2));
    assert_eq!((delta.upserts.len(), delta.tombstones.len()), (0, 0));
}

#[test]
fn people_see_slugs_and_the_gone_keep_their_stream_names() {
    let (tenant, key) = (name(0), name(1));
    let mut entries = [resource(tenant, 1), resource(key, 1)];
    entries[0].slug = "acme".to_owned();
    entries[1].slug = "ci".to_owned();
    let state = State::new(at(1), entries, History::new(1));
    assert_eq!(state.display_name(&tenant.to_string()), "tenants/acme");
    assert_eq!(state.display_name(&key.to_string()), "tenants/acme/keys/ci");
    assert_eq!(
        state.display_name(&name(2).to_string()),
        name(2).to_string()
    );
    assert_eq!(state.display_name("nonsense"), "nonsense");
}

/// What a node does with what it is sent, in the fewest words.
struct Node {
    cursor: u64,
    held: BTreeMap<String, u64>,
}

impl Node {
    fn of_snapshot(state: &State) -> Self {
        let held = |entry: &Arc<Entry>| (entry.upsert.name.clone(), entry.upsert.revision);
        Self {
            cursor: state.cursor().revision,
            held: state.entries(None).map(held).collect(),
        }
    }

    fn apply(&mut self, delta: &v1::Delta) {
        assert_eq!(delta.from, self.cursor);
        for upsert in &delta.upserts {
            self.held.insert(upsert.name.clone(), upsert.revision);
        }
        for tombstone in &delta.tombstones {
            self.held.remove(&tombstone.name);
        }
        self.cursor = delta.to;
    }

    fn digest(&self) -> SetDigest {
        let mut digest = SetDigest::default();
        for (name, &revision) in &self.held {
            digest.add(name, revision);
        }
        digest
    }
}

/// What one revision does to a few resources.
fn revision() -> impl Strategy<Value = BTreeMap<u8, bool>> {
    prop::collection::btree_map(0..12_u8, any::<bool>(), 0..4)
}

/// The state before all revisions and after each.
fn history_of(revisions: &[BTreeMap<u8, bool>]) -> Vec<State> {
    let mut states = vec![State::new(at(0), [], History::new(0))];
    for (revision, touched) in (1..).zip(revisions) {
        let names: Vec<_> = touched.keys().map(|&which| name(which)).collect();
        let there = touched.iter().filter(|(_, there)| **there);
        let entries = there.map(|(&which, _)| resource(name(which), revision));
        let last = states.last().unwrap();
        states.push(last.advance(vec![change(revision, &names)], entries));
    }
    states
}

fn at(revision: u64) -> Cursor {
    Cursor { epoch: 1, revision }
}

fn change(revision: u64, names: &[StreamName]) -> Change {
    Change {
        revision,
        names: names.into(),
    }
}

/// Tenants of one key each.
fn name(which: u8) -> StreamName {
    let tenant = TenantUid::from_uuid(Uuid::from_u128(u128::from(which / 2)));
    match which % 2 {
        0 => StreamName::Tenant(tenant),
        _ => StreamName::Key(tenant, KeyUid::from_uuid(Uuid::from_u128(9))),
    }
}

fn resource(name: StreamName, revision: u64) -> Entry {
    Entry {
        name,
        slug: String::new(),
        upsert: v1::Upsert {
            name: name.to_string(),
            kind: kind(name).into(),
            revision,
            tenant: name.tenant().to_string(),
            ..v1::Upsert::default()
        },
        sealed: Sealed::Nothing,
    }
}
