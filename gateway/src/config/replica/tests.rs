//! The replica, event by event. What must hold for every order of events is in `histories`.

use std::time::UNIX_EPOCH;

use proto::sync::v1::{Upsert, reject::Severity};

use super::*;
use crate::config::{
    samples::{self, cursor, seen},
    snapshot::{CredentialUse, ServerSlot},
};

/// Any order of legal events.
mod access;
mod histories;

#[test]
fn a_snapshot_is_served_and_acknowledged() {
    let mut node = node(5, [samples::tenant(1, 1), samples::server((1, 1), 2, 0)]);
    let snapshot = node.snapshot().unwrap();
    assert_eq!(snapshot.revision(), 5);
    assert_eq!(seen(&snapshot, (1, 1)).unwrap(), "r2");
    let tenant = snapshot.tenant_by_authority("t1.test:8080").unwrap();
    assert_eq!(tenant.uid, samples::tenant_uid(1));
    assert!(snapshot.tenant_by_slug("t1-r1").is_some());
    assert_eq!(node.ack().applied, Some(cursor(5)));
    assert!(node.ack().rejects.is_empty());
}

#[test]
fn nothing_is_served_before_the_first_complete_snapshot() {
    let mut replica = Replica::default();
    replica.hear(samples::lease((1, 1), 1), UNIX_EPOCH);
    assert!(replica.snapshot().is_none());
    assert!(
        replica
            .apply(&delta(0, 1, [samples::tenant(1, 1)]), now())
            .is_err()
    );
}

#[test]
fn a_delta_that_does_not_start_at_the_cursor_changes_nothing() {
    let mut node = node(5, [samples::tenant(1, 1)]);
    for (from, to) in [(4, 6), (6, 7), (5, 4)] {
        let gap = node.apply(&delta(from, to, [samples::tenant(2, to)]), now());
        assert_eq!(
            gap,
            Err(Gap {
                from,
                to,
                cursor: 5
            })
        );
    }
    assert_eq!(node.digest(), samples::digest(5, [&samples::tenant(1, 1)]));
    node.apply(&delta(5, 6, [samples::tenant(2, 6)]), now())
        .unwrap();
    assert_eq!(node.ack().applied, Some(cursor(6)));
}

#[test]
fn only_newer_versions_are_applied_and_removal_is_final() {
    let server = samples::server((1, 1), 4, 0);
    let mut node = node(5, [samples::tenant(1, 1), server.clone()]);
    let stale = samples::server((1, 1), 3, 0);
    node.apply(&delta(5, 6, [stale]), now()).unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r4");

    let gone = Delta {
        tombstones: vec![samples::tombstone(&server, 7)],
        ..delta(6, 7, [])
    };
    node.apply(&gone, now()).unwrap();
    assert_eq!(serving(&mut node), None);
    assert_eq!(node.digest(), samples::digest(7, [&samples::tenant(1, 1)]));
}

/// Must-hold 7: a malformed server is quarantined, and nothing else.
#[test]
fn a_bad_server_keeps_its_previous_version_and_without_one_is_quarantined() {
    let mut node = node(
        5,
        [
            samples::tenant(1, 1),
            samples::server((1, 1), 2, 0),
            bad(samples::server((1, 2), 3, 0)),
            samples::server((1, 3), 4, 0),
        ],
    );
    node.apply(&delta(5, 6, [bad(samples::server((1, 1), 6, 0))]), now())
        .unwrap();
    let snapshot = node.snapshot().unwrap();
    assert_eq!(seen(&snapshot, (1, 1)).unwrap(), "r2");
    assert_eq!(seen(&snapshot, (1, 2)).unwrap(), "quarantined");
    assert_eq!(seen(&snapshot, (1, 3)).unwrap(), "r4");
    let ack = node.ack();
    assert_eq!(ack.applied, Some(cursor(6)));
    assert_eq!(
        rejects(&ack),
        [
            (samples::server((1, 2), 3, 0).name, 3, 0, "UNKNOWN_ENUM"),
            (samples::server((1, 1), 6, 0).name, 6, 2, "UNKNOWN_ENUM"),
        ]
    );

    let mended = [samples::server((1, 1), 7, 0), samples::server((1, 2), 7, 0)];
    node.apply(&delta(6, 7, mended), now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    assert_eq!(seen(&snapshot, (1, 1)).unwrap(), "r7");
    assert_eq!(seen(&snapshot, (1, 2)).unwrap(), "r7");
    assert!(node.ack().rejects.is_empty());
}

#[test]
fn a_bad_key_is_refused_alone_and_no_older_version_of_it_counts() {
    let mut node = node(
        5,
        [
            samples::tenant(1, 1),
            samples::key((1, 1), 2),
            samples::key((1, 2), 3),
        ],
    );
    let undecodable = Upsert {
        body: vec![0xff].into(),
        ..samples::key((1, 1), 6)
    };
    node.apply(&delta(5, 6, [undecodable]), now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    let tenant = snapshot.tenant_by_slug("t1-r1").unwrap();
    assert!(tenant.secret(&[1; 32]).is_none());
    assert!(tenant.secret(&[2; 32]).is_some());
    let name = samples::key((1, 1), 6).name;
    assert_eq!(rejects(&node.ack()), [(name, 6, 0, "UNDECODABLE")]);
}

#[test]
fn a_bad_tenant_keeps_its_previous_version_and_without_one_denies() {
    let bad = |number, revision| Upsert {
        body: vec![0xff].into(),
        ..samples::tenant(number, revision)
    };
    let mut node = node(
        5,
        [
            samples::tenant(1, 1),
            bad(2, 2),
            samples::server((2, 1), 3, 0),
        ],
    );
    node.apply(&delta(5, 6, [bad(1, 6)]), now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    assert!(snapshot.tenant_by_slug("t1-r1").is_some());
    assert!(snapshot.tenant_by_authority("t2.test").is_none());
    assert_eq!(
        rejects(&node.ack()),
        [
            (samples::tenant(2, 2).name, 2, 0, "UNDECODABLE"),
            (samples::tenant(1, 6).name, 6, 1, "UNDECODABLE"),
        ]
    );
}

#[test]
fn a_resource_of_an_unknown_kind_is_rejected_and_counts_in_the_digest() {
    let all = [samples::tenant(1, 1), samples::stranger(3)];
    let mut node = node(5, all.clone());
    assert_eq!(node.compare(&samples::digest(5, &all)), Comparison::Equal);
    assert_eq!(
        rejects(&node.ack()),
        [(all[1].name.clone(), 3, 0, "UNKNOWN_KIND")]
    );
    let gone = Delta {
        tombstones: vec![samples::tombstone(&all[1], 6)],
        ..delta(5, 6, [])
    };
    node.apply(&gone, now()).unwrap();
    assert!(node.ack().rejects.is_empty());
    assert_eq!(
        node.compare(&samples::digest(6, &all[..1])),
        Comparison::Equal
    );
    assert_eq!(
        node.compare(&samples::digest(6, &all)),
        Comparison::Diverged
    );
    assert_eq!(
        node.compare(&samples::digest(7, &all)),
        Comparison::Elsewhere
    );
}

/// Design §7: the previous pair serves until the lease of exactly the new generation is held.
#[test]
fn a_version_goes_live_together_with_the_lease_of_its_generation() {
    let mut node = with_credential();
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");

    let rotated = [samples::server((1, 1), 6, 2), samples::server((1, 2), 6, 0)];
    node.apply(&delta(5, 6, rotated), now()).unwrap();
    node.apply(&delta(6, 7, [samples::key((1, 1), 7)]), now())
        .unwrap();
    let snapshot = node.snapshot().unwrap();
    assert_eq!(seen(&snapshot, (1, 1)).unwrap(), "r2+g1");
    assert_eq!(seen(&snapshot, (1, 2)).unwrap(), "r6");
    assert!(
        snapshot
            .tenant_by_slug("t1-r1")
            .unwrap()
            .secret(&[1; 32])
            .is_some()
    );
    assert_eq!(node.ack().applied, Some(cursor(5)));

    node.hear(samples::lease((1, 1), 2), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r6+g2");
    assert_eq!(node.ack().applied, Some(cursor(7)));
}

#[test]
fn a_lease_that_comes_before_its_config_disturbs_nothing() {
    let mut node = with_credential();
    node.hear(samples::lease((1, 1), 2), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 2)]), now())
        .unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r6+g2");
}

#[test]
fn another_version_with_the_same_generation_keeps_the_lease() {
    let mut node = with_credential();
    node.hear(samples::lease((1, 1), 2), UNIX_EPOCH);
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 1)]), now())
        .unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r6+g1");
}

/// Must-hold 7: an undecryptable credential.
#[test]
fn a_refused_credential_is_a_reject_and_the_previous_pair_serves_on() {
    let mut node = with_credential();
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 2)]), now())
        .unwrap();
    node.hear(samples::refusal((1, 1), 2), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");
    let ack = node.ack();
    assert_eq!(ack.applied, Some(cursor(6)));
    let name = samples::server((1, 1), 6, 2).name;
    assert_eq!(rejects(&ack), [(name, 6, 2, "CREDENTIAL_UNREADABLE")]);

    node.hear(samples::lease((1, 1), 2), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r6+g2");
    assert!(node.ack().rejects.is_empty());
}

#[test]
fn a_refusal_of_what_serves_already_is_a_warning() {
    let mut node = with_credential();
    node.hear(samples::refusal((1, 1), 1), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");
    let ack = node.ack();
    let name = samples::server((1, 1), 2, 1).name;
    assert_eq!(rejects(&ack), [(name, 2, 2, "CREDENTIAL_UNREADABLE")]);
    assert_eq!(ack.rejects[0].severity(), Severity::Warning);
    assert_eq!(ack.applied, Some(cursor(5)));
}

/// A credential goes to the origin it was stored for and nowhere else (CL-06).
#[test]
fn a_lease_for_another_origin_is_not_used() {
    let mut node = with_credential();
    let config = proto::sync::v1::ServerConfig {
        url: "https://elsewhere.test/r6".to_owned(),
        ..samples::server_config((1, 1), 6, 1)
    };
    let moved = samples::server_upsert((1, 1), 6, &config);
    node.apply(&delta(5, 6, [moved.clone()]), now()).unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");
    let expected = [(moved.name, 6, 2, "CREDENTIAL_ORIGIN_MISMATCH")];
    assert_eq!(rejects(&node.ack()), expected);
}

#[test]
fn a_lease_that_cannot_be_sent_is_a_refusal() {
    let mut node = with_credential();
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 2)]), now())
        .unwrap();
    let mut broken = samples::lease((1, 1), 2);
    if let Some(proto::node::v1::watch_leases_response::Kind::Lease(lease)) = &mut broken.kind {
        lease.header_value = "two\nlines".into();
    }
    node.hear(broken, UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");
    let ack = node.ack();
    let name = samples::server((1, 1), 6, 2).name;
    assert_eq!(rejects(&ack), [(name, 6, 2, "CREDENTIAL_UNREADABLE")]);
    assert_eq!(ack.rejects[0].detail, "header_value");
}

#[test]
fn a_lease_for_another_tenants_server_is_not_used() {
    let mut node = node(5, [samples::tenant(1, 1), samples::server((1, 1), 2, 1)]);
    let mut foreign = samples::lease((1, 1), 1);
    if let Some(proto::node::v1::watch_leases_response::Kind::Lease(lease)) = &mut foreign.kind {
        lease.tenant_uid = samples::tenant_uid(2).to_string();
    }
    node.hear(foreign, UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "quarantined");
}

#[test]
fn a_detached_credential_goes_live_at_once() {
    let mut node = with_credential();
    let config = proto::sync::v1::ServerConfig {
        credential_detached: true,
        ..samples::server_config((1, 1), 6, 1)
    };
    let detached = samples::server_upsert((1, 1), 6, &config);
    node.apply(&delta(5, 6, [detached]), now()).unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r6+detached");
    assert!(node.ack().rejects.is_empty());
}

#[test]
fn a_lease_that_does_not_come_is_reported_and_used_when_it_comes_after_all() {
    let mut node = with_credential();
    let begin = now();
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 2)]), begin)
        .unwrap();
    assert_eq!(node.deadline(), Some(begin + LEASE_PATIENCE));
    node.expire(begin + Duration::from_millis(4_999));
    assert_eq!(node.ack().applied, Some(cursor(5)));

    node.expire(begin + LEASE_PATIENCE);
    assert_eq!(node.deadline(), None);
    let name = samples::server((1, 1), 6, 2).name;
    assert_eq!(rejects(&node.ack()), [(name, 6, 2, "LEASE_TIMEOUT")]);
    assert_eq!(node.ack().applied, Some(cursor(6)));

    node.hear(samples::lease((1, 1), 2), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r6+g2");
    assert!(node.ack().rejects.is_empty());
}

#[test]
fn a_credential_that_changes_often_is_still_reported_in_time() {
    let mut node = with_credential();
    let begin = now();
    let second = Duration::from_secs(1);
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 2)]), begin)
        .unwrap();
    node.apply(
        &delta(6, 7, [samples::server((1, 1), 7, 3)]),
        begin + second,
    )
    .unwrap();
    assert_eq!(node.deadline(), Some(begin + LEASE_PATIENCE));
    assert_eq!(node.ack().applied, Some(cursor(5)));
}

#[test]
fn leases_that_are_said_again_rebuild_nothing() {
    let mut node = with_credential();
    node.hear(samples::session_keys(1, "1d1"), UNIX_EPOCH);
    let before = tenant(&mut node);
    node.begin_leases();
    node.hear(samples::lease((1, 1), 1), UNIX_EPOCH);
    node.hear(samples::session_keys(1, "1d1"), UNIX_EPOCH);
    assert_eq!(
        node.hear(samples::caught_up(), UNIX_EPOCH),
        Leases::CaughtUp
    );
    assert_eq!(node.changed_tenants(), 0);
    assert!(Arc::ptr_eq(&before, &tenant(&mut node)));
}

#[test]
fn a_credential_that_a_new_stream_does_not_mention_is_not_used_for_new_versions() {
    let mut node = with_credential();
    node.hear(samples::lease((1, 1), 2), UNIX_EPOCH);
    node.begin_leases();
    node.hear(samples::caught_up(), UNIX_EPOCH);
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 2)]), now())
        .unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r2+g1");
    assert_eq!(node.waiting(), 1);
}

#[test]
fn a_withdrawn_credential_serves_only_until_its_config_has_had_time_to_come() {
    let mut node = with_credential();
    let lease = match tenant(&mut node).server("s1") {
        Some(ServerSlot::Serving(server)) => match &server.credential {
            CredentialUse::Attach(lease) => Arc::clone(lease),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let grace = Duration::from_hours(24);
    assert!(lease.usable(UNIX_EPOCH + WITHDRAWAL_OVERLAP, grace));
    node.hear(samples::withdrawal((1, 1)), UNIX_EPOCH);
    assert!(lease.usable(UNIX_EPOCH, grace));
    assert!(!lease.usable(UNIX_EPOCH + WITHDRAWAL_OVERLAP, grace));
    node.apply(&delta(5, 6, [samples::server((1, 1), 6, 0)]), now())
        .unwrap();
    assert_eq!(serving(&mut node).unwrap(), "r6");
}

#[test]
fn session_keys_reach_the_tenant_whichever_comes_first() {
    let mut node = with_credential();
    node.hear(samples::session_keys(1, "1d1"), UNIX_EPOCH);
    node.hear(samples::session_keys(2, "1d2"), UNIX_EPOCH);
    node.apply(&delta(5, 6, [samples::tenant(2, 6)]), now())
        .unwrap();
    let snapshot = node.snapshot().unwrap();
    for (authority, kid) in [("t1.test", "1d1"), ("t2.test", "1d2")] {
        let sessions = snapshot.tenant_by_authority(authority).unwrap().sessions();
        assert!(sessions.unwrap().opener(kid).is_some());
    }
}

#[test]
fn gauges_outlive_versions_and_snapshots() {
    let all = [samples::tenant(1, 1), samples::key((1, 1), 2)];
    let mut node = node(5, all.clone());
    let gauges = |node: &mut Replica| {
        let tenant = tenant(node);
        let key = tenant.secret(&[1; 32]).unwrap().key.gauge().clone();
        (tenant.gauge().clone(), key)
    };
    let before = gauges(&mut node);
    let changed = [samples::tenant(1, 6), samples::key((1, 1), 6)];
    node.apply(&delta(5, 6, changed), now()).unwrap();
    let changed = gauges(&mut node);
    replace(&mut node, 7, all);
    let replaced = gauges(&mut node);
    for after in [changed, replaced] {
        assert!(Arc::ptr_eq(&before.0, &after.0) && Arc::ptr_eq(&before.1, &after.1));
    }
}

#[test]
fn a_second_snapshot_removes_what_it_does_not_have_and_keeps_what_still_serves() {
    let mut node = with_credential();
    node.apply(&delta(5, 6, [samples::tenant(2, 6)]), now())
        .unwrap();
    let before = tenant(&mut node);
    let all = [samples::tenant(1, 1), bad(samples::server((1, 1), 7, 1))];
    replace(&mut node, 7, all.clone());
    let snapshot = node.snapshot().unwrap();
    assert_eq!(seen(&snapshot, (1, 1)).unwrap(), "r2+g1");
    assert!(snapshot.tenant_by_authority("t2.test").is_none());
    assert_eq!(node.digest(), samples::digest(7, &all));
    assert!(matches!(before.server("s1"), Some(ServerSlot::Serving(_))));
}

#[test]
fn an_acknowledgement_reaches_no_further_than_its_list_of_rejects() {
    let strangers = (1..=u64::try_from(MAX_REJECTS).unwrap() + 5).map(|revision| Upsert {
        name: format!("strange/{revision}"),
        ..samples::stranger(revision)
    });
    let node = node(5000, strangers);
    let ack = node.ack();
    assert_eq!(ack.rejects.len(), MAX_REJECTS);
    assert_eq!(ack.applied, Some(cursor(1000)));
}

/// A tenant with one server at revision 2 and the lease of generation 1, as of revision 5.
fn with_credential() -> Replica {
    let mut node = node(5, [samples::tenant(1, 1), samples::server((1, 1), 2, 1)]);
    node.hear(samples::lease((1, 1), 1), UNIX_EPOCH);
    node
}

fn node(revision: u64, all: impl IntoIterator<Item = Upsert>) -> Replica {
    let mut replica = Replica::default();
    replace(&mut replica, revision, all);
    replica
}

fn replace(replica: &mut Replica, revision: u64, all: impl IntoIterator<Item = Upsert>) {
    let all = all.into_iter().map(|upsert| compile(&upsert)).collect();
    replica.replace(all, cursor(revision), now());
}

fn delta(from: u64, to: u64, upserts: impl IntoIterator<Item = Upsert>) -> Delta {
    Delta {
        from,
        to,
        upserts: upserts.into_iter().collect(),
        tombstones: Vec::new(),
    }
}

/// The same server with an enum value that nobody knows.
fn bad(upsert: Upsert) -> Upsert {
    use prost::Message as _;
    let config = proto::sync::v1::ServerConfig::decode(upsert.body.clone()).unwrap();
    let config = proto::sync::v1::ServerConfig {
        auth_scheme: 99,
        ..config
    };
    Upsert {
        body: config.encode_to_vec().into(),
        ..upsert
    }
}

fn now() -> Instant {
    Instant::now()
}

fn serving(node: &mut Replica) -> Option<String> {
    seen(&node.snapshot().unwrap(), (1, 1))
}

fn tenant(node: &mut Replica) -> Arc<crate::config::snapshot::Tenant> {
    let snapshot = node.snapshot().unwrap();
    Arc::clone(snapshot.tenant_by_authority("t1.test").unwrap())
}

fn rejects(ack: &Ack) -> Vec<(String, u64, u64, &str)> {
    ack.rejects
        .iter()
        .map(|sent| {
            let resource = sent.resource.clone();
            (
                resource,
                sent.revision,
                sent.serving_revision,
                sent.reason.as_str(),
            )
        })
        .collect()
}
