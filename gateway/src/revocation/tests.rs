use std::time::UNIX_EPOCH;

use proto::sync::v1::Cursor;

use super::*;

const EPOCH: u64 = 7;
const GRACE: Duration = Duration::from_mins(10);

/// Design §10: the stream is fresh by a heartbeat whose head we have.
#[test]
fn a_heartbeat_confirms_what_we_have_and_nothing_beyond() {
    let revocations = Revocations::new();
    let now = Instant::now();
    assert_eq!(revocations.confirmed(now, GRACE), Confirmation::Stale);
    revocations.beat(&beat(EPOCH, 1), now);
    assert_eq!(revocations.confirmed(now, GRACE), Confirmation::Stale);
    revocations.hear(&batch(EPOCH, &[1], 1)).unwrap();
    revocations.beat(&beat(EPOCH + 1, 1), now);
    assert_eq!(revocations.confirmed(now, GRACE), Confirmation::Stale);
    revocations.beat(&beat(EPOCH, 1), now);
    assert_eq!(revocations.confirmed(now, GRACE), Confirmation::Fresh);
}

/// A database that went back: the stream must not keep a node fresh that skips what is numbered anew.
#[test]
fn a_heartbeat_that_names_fewer_than_before_confirms_nothing() {
    let revocations = Revocations::new();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let fresh = |seconds| revocations.confirmed(at(seconds), GRACE) == Confirmation::Fresh;
    revocations.hear(&batch(EPOCH, &[1, 2, 3], 3)).unwrap();
    revocations.beat(&beat(EPOCH, 3), at(0));
    assert!(fresh(10) && !fresh(11));
    // Redis was quicker by one; a moment later the controller has it, too.
    revocations.hear(&batch(EPOCH, &[4], 4)).unwrap();
    revocations.beat(&beat(EPOCH, 3), at(20));
    assert!(fresh(30));
    for seconds in [40, 41, 42] {
        revocations.beat(&beat(EPOCH, 3), at(seconds));
        assert!(!fresh(seconds));
    }
    revocations.beat(&beat(EPOCH, 4), at(50));
    assert!(fresh(50));
    // In a new epoch it begins anew, and what is held stays.
    revocations.beat(&beat(EPOCH + 1, 2), at(70));
    assert!(!fresh(70));
    revocations.hear(&batch(EPOCH + 1, &[1, 2], 2)).unwrap();
    revocations.beat(&beat(EPOCH + 1, 2), at(80));
    assert!(fresh(80));
    let four = Facts {
        user: Some("4"),
        ..Facts::default()
    };
    assert!(revocations.refuses(tenant(), &four));
}

#[test]
fn a_batch_is_in_force_at_once_and_rings() {
    let revocations = Revocations::new();
    let news = revocations.news();
    let before = revocations.generation();
    let facts = Facts {
        user: Some("1"),
        issued: Some(UNIX_EPOCH),
        ..Facts::default()
    };
    assert!(!revocations.refuses(tenant(), &facts));
    revocations.hear(&batch(EPOCH, &[1], 1)).unwrap();
    assert!(revocations.refuses(tenant(), &facts));
    assert!(news.has_changed().unwrap());
    assert_ne!(revocations.generation(), before);
    assert_eq!(
        (revocations.position(EPOCH), revocations.position(EPOCH + 1)),
        (1, 0)
    );
    let other = Facts {
        user: Some("2"),
        ..facts
    };
    assert!(!revocations.refuses(tenant(), &other));
}

/// What expired before we came counts as known.
#[test]
fn an_empty_batch_moves_the_position() {
    let revocations = Revocations::new();
    let empty = RevocationBatch {
        base: 10,
        ..batch(EPOCH, &[], 9)
    };
    revocations.hear(&empty).unwrap();
    assert_eq!(revocations.position(EPOCH), 9);
}

#[test]
fn a_batch_that_cannot_be_understood_moves_nothing() {
    let revocations = Revocations::new();
    let mut bad = batch(EPOCH, &[1, 2], 2);
    bad.revocations[1].kind = 99;
    assert_eq!(revocations.hear(&bad), Err(Unreadable { sequence: 2 }));
    assert_eq!(revocations.position(EPOCH), 0);
    revocations.hear(&batch(EPOCH, &[1, 2], 2)).unwrap();
    assert_eq!(revocations.position(EPOCH), 2);
}

/// Every kind refuses what it names, and only that.
#[test]
fn each_kind_refuses_its_own() {
    let id = Uuid::from_u128(5);
    let all = Facts {
        token: Some(id),
        grant: Some(GrantUid::from_uuid(id)),
        key: Some(KeyUid::from_uuid(id)),
        user: Some("u"),
        client: Some("c"),
        signing_key: Some("k"),
        issued: None,
    };
    let text = id.to_string();
    let tenant_text = tenant().to_string();
    for (kind, name, without) in [
        (RevocationKind::Token, &*text, Facts { token: None, ..all }),
        (RevocationKind::Grant, &*text, Facts { grant: None, ..all }),
        (RevocationKind::Key, &*text, Facts { key: None, ..all }),
        (RevocationKind::User, "u", Facts { user: None, ..all }),
        (
            RevocationKind::Client,
            "c",
            Facts {
                client: None,
                ..all
            },
        ),
        (
            RevocationKind::SigningKey,
            "k",
            Facts {
                signing_key: None,
                ..all
            },
        ),
    ] {
        let revocations = Revocations::new();
        let mut one = batch(EPOCH, &[1], 1);
        one.revocations[0].kind = kind.into();
        one.revocations[0].id = ShortHash::of(name).bytes().to_vec().into();
        revocations.hear(&one).unwrap();
        assert!(revocations.refuses(tenant(), &all), "{kind:?}");
        assert!(!revocations.refuses(tenant(), &without), "{kind:?}");
    }
    let revocations = Revocations::new();
    let mut one = batch(EPOCH, &[1], 1);
    one.revocations[0].kind = RevocationKind::Tenant.into();
    one.revocations[0].id = ShortHash::of(&tenant_text).bytes().to_vec().into();
    revocations.hear(&one).unwrap();
    assert!(revocations.refuses(tenant(), &Facts::default()));
    let other = TenantUid::from_uuid(Uuid::from_u128(2));
    assert!(!revocations.refuses(other, &all));
}

fn tenant() -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(1))
}

fn beat(epoch: u64, head: u64) -> Heartbeat {
    Heartbeat {
        head: Some(Cursor { epoch, revision: 1 }),
        revocation_head: head,
        digest: None,
    }
}

/// Users, named by their numbers.
fn batch(epoch: u64, sequences: &[u64], head: u64) -> RevocationBatch {
    let revocation = |&sequence: &u64| Revocation {
        sequence,
        tenant_uid: tenant().to_string(),
        kind: RevocationKind::User.into(),
        id: ShortHash::of(&sequence.to_string()).bytes().to_vec().into(),
        issued_until: None,
        expire_time: Some(SystemTime::now().into()),
    };
    RevocationBatch {
        epoch,
        base: 1,
        revocations: sequences.iter().map(revocation).collect(),
        head,
    }
}
