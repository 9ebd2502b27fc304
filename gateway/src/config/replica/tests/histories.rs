//! Histories: a controller changes things at random, some of them for the worse, and the node hears
//! of it in any legal order: deltas of any width, snapshots in between, leases early or late.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::{
    node::v1::WatchLeasesResponse,
    sync::v1::{AuthScheme, SnapshotChunk},
};
use token::fixed::TokenType;

use super::*;
use crate::{config::staging::Staging, limit::rate::Dimension};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_order_of_events_ends_where_a_fresh_snapshot_ends(
        events in prop::collection::vec(event(), 1..40),
        hearing in prop::collection::vec(hearing(), 1..80),
    ) {
        let world = World::of(&events);
        let mut node = Replica::default();
        let mut ear = Ear::default();
        for step in hearing {
            ear.hear(&world, step, &mut node);
            ear.check(&world, &mut node)?;
        }
        ear.hear_rest(&world, &mut node);
        ear.check(&world, &mut node)?;

        let mut fresh = Replica::default();
        let mut ear = Ear::default();
        ear.hear(&world, Hearing::Snapshot, &mut fresh);
        ear.hear_rest(&world, &mut fresh);
        compare(&world, &mut node, &mut fresh)?;
    }
}

/// What the controller does at one revision.
#[derive(Debug, Clone, Copy)]
enum Event {
    Tenant(u8, Quality),
    Key(u8, u8, Quality),
    Token(u8, u8, Quality),
    Policy(u8, Quality),
    Defaults(Quality),
    Server(u8, u8, Change),
    Stranger,
    Remove(u8, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    Good,
    Bad,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Plain,
    Rotate,
    RotateUnreadable,
    NoCredential,
    /// No credential, but headers of static tokens.
    HeadersAlone,
    Bad,
}

/// What the node hears next.
#[derive(Debug, Clone, Copy)]
enum Hearing {
    Delta(usize),
    Snapshot,
    Leases(usize),
    LeasesAnew,
}

fn event() -> impl Strategy<Value = Event> {
    let quality = || prop_oneof![4 => Just(Quality::Good), 1 => Just(Quality::Bad)];
    let change = prop_oneof![
        3 => Just(Change::Plain),
        3 => Just(Change::Rotate),
        1 => Just(Change::RotateUnreadable),
        1 => Just(Change::NoCredential),
        1 => Just(Change::HeadersAlone),
        1 => Just(Change::Bad),
    ];
    prop_oneof![
        3 => (1..3_u8, quality()).prop_map(|(tenant, quality)| Event::Tenant(tenant, quality)),
        2 => (1..3_u8, 1..3_u8, quality()).prop_map(|(t, key, quality)| Event::Key(t, key, quality)),
        2 => (1..3_u8, 1..3_u8, quality()).prop_map(|(t, token, quality)| Event::Token(t, token, quality)),
        2 => (1..3_u8, quality()).prop_map(|(tenant, quality)| Event::Policy(tenant, quality)),
        1 => quality().prop_map(Event::Defaults),
        8 => (1..3_u8, 1..3_u8, change).prop_map(|(t, server, change)| Event::Server(t, server, change)),
        1 => Just(Event::Stranger),
        2 => (1..3_u8, 0..9_u8).prop_map(|(tenant, which)| Event::Remove(tenant, which)),
    ]
}

fn hearing() -> impl Strategy<Value = Hearing> {
    prop_oneof![
        6 => (1..4_usize).prop_map(Hearing::Delta),
        1 => Just(Hearing::Snapshot),
        5 => (1..4_usize).prop_map(Hearing::Leases),
        1 => Just(Hearing::LeasesAnew),
    ]
}

/// Everything that the controller ever said, by revision.
struct World {
    /// Per revision, from 1: what was written, or the name that was removed.
    log: Vec<Written>,
    /// In the order of the lease stream, with the revision that caused each.
    leases: Vec<(u64, u8, u8, WatchLeasesResponse)>,
    /// Which generation each version of a server named.
    needs: BTreeMap<(u8, u8, u64), u64>,
    unreadable: BTreeSet<(u8, u8, u64)>,
}

#[derive(Debug, Clone)]
enum Written {
    Good(Upsert),
    Bad(Upsert),
    Gone(Upsert),
}

impl World {
    fn of(events: &[Event]) -> Self {
        let mut world = Self {
            log: Vec::new(),
            leases: Vec::new(),
            needs: BTreeMap::new(),
            unreadable: BTreeSet::new(),
        };
        let mut generations = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        for (event, revision) in events.iter().zip(1..) {
            let written = match *event {
                Event::Tenant(tenant, quality) => of(quality, samples::tenant(tenant, revision)),
                Event::Key(tenant, key, quality) => {
                    of(quality, samples::key((tenant, key), revision))
                }
                Event::Token(tenant, token, quality) => {
                    of(quality, samples::token((tenant, token), revision))
                }
                Event::Policy(tenant, quality) => of(quality, samples::policy(tenant, revision)),
                Event::Defaults(quality) => of(quality, samples::defaults(revision)),
                Event::Stranger => Written::Bad(samples::stranger(revision)),
                Event::Remove(tenant, which) => {
                    let gone = match which {
                        0 => samples::tenant(tenant, revision),
                        1 | 2 => samples::key((tenant, which), revision),
                        5 | 6 => samples::token((tenant, which - 4), revision),
                        7 => samples::policy(tenant, revision),
                        8 => samples::defaults(revision),
                        _ => samples::server((tenant, which - 2), revision, 0),
                    };
                    if matches!(which, 3 | 4) {
                        let id = (tenant, which - 2);
                        wanted.remove(&id);
                        let withdrawal = samples::withdrawal(id);
                        world.leases.push((revision, id.0, id.1, withdrawal));
                    }
                    Written::Gone(gone)
                }
                Event::Server(tenant, server, change) => {
                    let id = (tenant, server);
                    world.server(id, change, revision, &mut generations, &mut wanted)
                }
            };
            world.log.push(written);
        }
        world
    }

    fn server(
        &mut self,
        id: (u8, u8),
        change: Change,
        revision: u64,
        generations: &mut BTreeMap<(u8, u8), u64>,
        wanted: &mut BTreeMap<(u8, u8), u64>,
    ) -> Written {
        let generation = generations.entry(id).or_insert(0_u64);
        let said = match change {
            Change::Plain => None,
            Change::Bad => return Written::Bad(bad(samples::server(id, revision, 0))),
            Change::NoCredential => {
                wanted.remove(&id);
                Some(samples::withdrawal(id))
            }
            Change::Rotate => {
                *generation += 1;
                wanted.insert(id, *generation);
                Some(samples::lease(id, *generation))
            }
            Change::HeadersAlone => {
                *generation += 1;
                let need = *generation;
                wanted.remove(&id);
                self.needs.insert((id.0, id.1, revision), need);
                let said = samples::headers_lease(id, need);
                self.leases.push((revision, id.0, id.1, said));
                return Written::Good(headers_alone(id, revision, need));
            }
            Change::RotateUnreadable => {
                *generation += 1;
                wanted.insert(id, *generation);
                self.unreadable.insert((id.0, id.1, *generation));
                Some(samples::refusal(id, *generation))
            }
        };
        self.leases
            .extend(said.map(|said| (revision, id.0, id.1, said)));
        let need = wanted.get(&id).copied().unwrap_or(0);
        self.needs.insert((id.0, id.1, revision), need);
        Written::Good(samples::server(id, revision, need))
    }

    /// What exists at a revision, by name.
    fn at(&self, revision: u64) -> BTreeMap<&str, (&Upsert, Quality)> {
        let mut state = BTreeMap::new();
        for written in &self.log[..usize::try_from(revision).unwrap()] {
            match written {
                Written::Good(upsert) => {
                    state.insert(upsert.name.as_str(), (upsert, Quality::Good))
                }
                Written::Bad(upsert) => state.insert(upsert.name.as_str(), (upsert, Quality::Bad)),
                Written::Gone(upsert) => state.remove(upsert.name.as_str()),
            };
        }
        state
    }

    /// The changes in (from, to], each resource once.
    fn delta(&self, from: u64, to: u64) -> Delta {
        let state = self.at(to);
        let mut delta = delta(from, to, []);
        let mut named = BTreeSet::new();
        for revision in (from + 1..=to).rev() {
            let written = &self.log[usize::try_from(revision).unwrap() - 1];
            let (Written::Good(upsert) | Written::Bad(upsert) | Written::Gone(upsert)) = written;
            if !named.insert(&upsert.name) {
                continue;
            }
            match state.get(upsert.name.as_str()) {
                Some((upsert, _)) => delta.upserts.push((*upsert).clone()),
                None => delta.tombstones.push(samples::tombstone(upsert, revision)),
            }
        }
        delta
    }

    fn head(&self) -> u64 {
        self.log.len().try_into().unwrap()
    }
}

/// A server that wants no credential, with static tokens that have headers.
fn headers_alone(id: (u8, u8), revision: u64, generation: u64) -> Upsert {
    let mut config = samples::server_config(id, revision, generation);
    config.auth_scheme = AuthScheme::None.into();
    samples::server_upsert(id, revision, &config)
}

fn of(quality: Quality, upsert: Upsert) -> Written {
    match quality {
        Quality::Good => Written::Good(upsert),
        Quality::Bad => Written::Bad(Upsert {
            body: vec![0xff].into(),
            ..upsert
        }),
    }
}

/// How much the node has heard.
#[derive(Default)]
struct Ear {
    leases: usize,
    acked: u64,
}

impl Ear {
    fn hear(&mut self, world: &World, step: Hearing, node: &mut Replica) {
        let at = node.cursor().revision;
        match step {
            Hearing::Delta(width) if node.is_complete() => {
                let to = (at + u64::try_from(width).unwrap()).min(world.head());
                node.apply(&world.delta(at, to), now()).unwrap();
            }
            Hearing::Delta(_) => {}
            Hearing::Snapshot => {
                let to = (at + 1).min(world.head());
                let (all, at) = staged(world, to);
                node.replace(all, at, now());
            }
            Hearing::Leases(count) => {
                for (.., said) in world.leases.iter().skip(self.leases).take(count) {
                    node.hear(said.clone(), UNIX_EPOCH);
                    self.leases += 1;
                }
            }
            Hearing::LeasesAnew => {
                let mut last = BTreeMap::new();
                for (_, tenant, server, said) in &world.leases[..self.leases] {
                    last.insert((tenant, server), said);
                }
                node.begin_leases();
                for said in last.into_values() {
                    node.hear(said.clone(), UNIX_EPOCH);
                }
                node.hear(samples::caught_up(), UNIX_EPOCH);
            }
        }
    }

    fn hear_rest(&mut self, world: &World, node: &mut Replica) {
        if !node.is_complete() {
            self.hear(world, Hearing::Snapshot, node);
        }
        self.hear(world, Hearing::Leases(usize::MAX), node);
        self.hear(world, Hearing::Delta(world.log.len()), node);
    }

    /// What must hold at every moment.
    fn check(&mut self, world: &World, node: &mut Replica) -> Result<(), TestCaseError> {
        let Some(snapshot) = node.snapshot() else {
            return Ok(());
        };
        let state = world.at(node.cursor().revision);
        let held = state.values().map(|(upsert, _)| *upsert);
        prop_assert_eq!(node.digest(), samples::digest(node.cursor().revision, held));

        let ack = node.ack();
        let applied = ack.applied.unwrap().revision;
        prop_assert!(
            applied >= self.acked,
            "went back from {} to {}",
            self.acked,
            applied
        );
        self.acked = applied;

        let rejected: BTreeSet<_> = ack.rejects.iter().map(|r| r.resource.as_str()).collect();
        for (name, (upsert, quality)) in &state {
            let server = server_of(name);
            match (quality, server) {
                (Quality::Bad, _) => prop_assert!(rejected.contains(name), "{name} is bad"),
                (Quality::Good, None) => {
                    prop_assert!(!rejected.contains(name), "{name} is good");
                }
                (Quality::Good, Some(id)) => {
                    let need = world.needs[&(id.0, id.1, upsert.revision)];
                    let unreadable = world.unreadable.contains(&(id.0, id.1, need));
                    prop_assert!(unreadable || !rejected.contains(name), "{name} is good");
                    let live = seen(&snapshot, id).is_none_or(|seen| {
                        seen.split('+').next() == Some(&format!("r{}", upsert.revision))
                    });
                    let told = live || rejected.contains(name) || applied < upsert.revision;
                    prop_assert!(told, "{name} is neither live nor rejected nor pending");
                }
            }
        }
        for name in rejected {
            prop_assert!(state.contains_key(name), "{name} is gone");
        }
        check_access(&state, &snapshot)?;
        check_pairs(world, &snapshot)
    }
}

/// Policies and defaults serve as sent, a bad one's place is taken by the one before; a token serves
/// as sent or not at all.
fn check_access(
    state: &BTreeMap<&str, (&Upsert, Quality)>,
    snapshot: &Snapshot,
) -> Result<(), TestCaseError> {
    let sent = |upsert: Upsert| state.get(upsert.name.as_str()).copied();
    let defaults = snapshot.defaults().get(Dimension::Tenant);
    let defaults = defaults.map_or(0, |limit| u64::from(limit.tokens));
    check_version(defaults, sent(samples::defaults(1)))?;
    for tenant in [1, 2] {
        let Some(live) = snapshot.tenant_by_authority(&format!("t{tenant}.test")) else {
            continue;
        };
        check_version(live.policy_revision(), sent(samples::policy(tenant, 1)))?;
        for token in [1, 2] {
            let server = samples::server_uid(tenant, 1);
            let found = live.static_token(server, TokenType::Bearer, [token; 32]);
            let found = found.map(|token| token.slug.to_string());
            let expected = match sent(samples::token((tenant, token), 1)) {
                Some((upsert, Quality::Good)) => Some(format!("tok-r{}", upsert.revision)),
                _ => None,
            };
            prop_assert_eq!(found, expected);
        }
    }
    Ok(())
}

fn check_version(live: u64, sent: Option<(&Upsert, Quality)>) -> Result<(), TestCaseError> {
    match sent {
        None => prop_assert_eq!(live, 0),
        Some((upsert, Quality::Good)) => prop_assert_eq!(live, upsert.revision),
        Some((upsert, Quality::Bad)) => prop_assert!(live < upsert.revision),
    }
    Ok(())
}

/// No version is ever served with the credential of another.
fn check_pairs(world: &World, snapshot: &Snapshot) -> Result<(), TestCaseError> {
    for id in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let Some(seen) = seen(snapshot, id) else {
            continue;
        };
        let Some(version) = seen.strip_prefix('r') else {
            prop_assert_eq!(seen, "quarantined");
            continue;
        };
        let (revision, generation) = version.split_once("+g").unwrap_or((version, "0"));
        let need = world.needs[&(id.0, id.1, revision.parse().unwrap())];
        prop_assert_eq!(generation, need.to_string());
    }
    Ok(())
}

/// Both hold the same, refuse the same, and serve the same wherever that does not depend on what
/// served before.
fn compare(world: &World, node: &mut Replica, fresh: &mut Replica) -> Result<(), TestCaseError> {
    prop_assert_eq!(node.digest(), fresh.digest());
    let (ours, theirs) = (node.ack(), fresh.ack());
    prop_assert_eq!(ours.applied, theirs.applied);
    let refused = |ack: &Ack| -> Vec<_> {
        let mut refused: Vec<_> = ack
            .rejects
            .iter()
            .map(|r| (r.resource.clone(), r.revision, r.reason.clone()))
            .collect();
        refused.sort();
        refused
    };
    prop_assert_eq!(refused(&ours), refused(&theirs));
    let (ours, theirs) = (node.snapshot().unwrap(), fresh.snapshot().unwrap());
    let rejected: BTreeSet<_> = node.rejects().map(|r| r.resource.clone()).collect();
    for (name, (upsert, quality)) in world.at(world.head()) {
        let tenant_is_good = name
            .split('/')
            .nth(1)
            .is_some_and(|uid| !rejected.contains(&format!("tenants/{uid}")));
        if *upsert.name == *name && quality == Quality::Good && tenant_is_good {
            if let Some(id) = server_of(name).filter(|_| !rejected.contains(name)) {
                prop_assert_eq!(seen(&ours, id), seen(&theirs, id));
            }
            let slug = format!("t1-r{}", upsert.revision);
            prop_assert_eq!(
                ours.tenant_by_slug(&slug).is_some(),
                theirs.tenant_by_slug(&slug).is_some()
            );
        }
    }
    Ok(())
}

fn staged(world: &World, revision: u64) -> (Vec<Compiled>, Cursor) {
    let state = world.at(revision);
    let upserts: Vec<_> = state
        .values()
        .map(|(upsert, _)| (*upsert).clone())
        .collect();
    let mut staging = Staging::default();
    let mut chunks = 0;
    for part in upserts.chunks(3) {
        let chunk = SnapshotChunk {
            snapshot_id: vec![1; 16].into(),
            index: chunks,
            upserts: part.to_vec(),
        };
        staging.add(&chunk).unwrap();
        chunks += 1;
    }
    let end = proto::sync::v1::SnapshotEnd {
        snapshot_id: vec![1; 16].into(),
        chunks,
        at: Some(cursor(revision)),
        digest: Some(samples::digest(revision, &upserts)),
    };
    staging.finish(&end).unwrap()
}

fn server_of(name: &str) -> Option<(u8, u8)> {
    [(1, 1), (1, 2), (2, 1), (2, 2)]
        .into_iter()
        .find(|&id| samples::server(id, 1, 0).name == name)
}
