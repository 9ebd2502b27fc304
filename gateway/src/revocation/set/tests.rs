use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const KIND: RevocationKind = RevocationKind::Grant;

#[test]
fn exactly_what_was_revoked_is_held() {
    let set = Set::default();
    assert!(set.is_empty());
    set.add(vec![read(1, KIND, "g", None)]);
    assert!(holds(&set, 1, KIND, "g", None));
    assert!(holds(&set, 1, KIND, "g", Some(at(u64::MAX >> 40))));
    assert!(!holds(&set, 1, KIND, "h", None));
    assert!(!holds(&set, 2, KIND, "g", None));
    assert!(!holds(&set, 1, RevocationKind::Token, "g", None));
}

/// What was issued later than the revocation is good, to the microsecond; and what has no time of
/// issue is not concerned.
#[test]
fn what_is_revoked_up_to_a_time_leaves_what_was_issued_later() {
    let set = Set::default();
    set.add(vec![read(1, KIND, "g", Some(at(100)))]);
    assert!(holds(&set, 1, KIND, "g", Some(at(100))));
    assert!(!holds(
        &set,
        1,
        KIND,
        "g",
        Some(at(100) + Duration::from_micros(1))
    ));
    assert!(!holds(&set, 1, KIND, "g", None));
    // Both reach as far as the farther one, in either order.
    for untils in [[Some(at(90)), None], [None, Some(at(90))]] {
        let set = Set::default();
        for until in untils {
            set.add(vec![read(1, KIND, "g", until)]);
        }
        assert!(holds(&set, 1, KIND, "g", Some(at(95))));
        assert_eq!(set.len(), 1);
    }
}

#[test]
fn what_has_expired_is_forgotten_and_nothing_else() {
    let set = Set::default();
    let mut old = revocation(1, KIND, "old", None);
    old.expire_time = Some(at(50).into());
    set.add(vec![
        Revoked::read(&old).unwrap(),
        read(1, KIND, "new", None),
    ]);
    set.prune(at(50) + SKEW - Duration::from_secs(1));
    assert_eq!(set.len(), 2);
    set.prune(at(50) + SKEW);
    assert_eq!(set.len(), 1);
    assert!(!holds(&set, 1, KIND, "old", None));
    assert!(holds(&set, 1, KIND, "new", None));
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let good = revocation(1, KIND, "g", None);
    assert!(Revoked::read(&good).is_ok());
    let bad: [fn(&mut Revocation); 5] = [
        |one| one.kind = 0,
        |one| one.kind = 99,
        |one| one.id = vec![0; 15].into(),
        |one| one.tenant_uid = "acme".into(),
        |one| one.expire_time = None,
    ];
    for change in bad {
        let mut one = good.clone();
        change(&mut one);
        assert_eq!(Revoked::read(&one), Err(Unreadable { sequence: 1 }));
    }
}

proptest! {
    /// Over any feeds and in any order: the set is the union.
    #[test]
    fn order_and_repetition_make_no_difference(
        ids in prop::collection::vec((0_u8..20, prop::option::of(0_u64..5)), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let one = |(id, until): &(u8, Option<u64>)| {
            read(u128::from(id % 3), KIND, &id.to_string(), until.map(at))
        };
        let (all, pieces) = (Set::default(), Set::default());
        all.add(ids.iter().map(one).collect());
        let cut = cut.index(ids.len() + 1);
        pieces.add(ids[cut..].iter().map(one).collect());
        pieces.add(ids[..cut].iter().map(one).collect());
        pieces.add(ids[cut..].iter().map(one).collect());
        prop_assert_eq!(all.len(), pieces.len());
        for id in 0..20_u8 {
            for issued in [None, Some(at(0)), Some(at(3))] {
                let ask = |set| holds(set, u128::from(id % 3), KIND, &id.to_string(), issued);
                prop_assert_eq!(ask(&all), ask(&pieces));
            }
        }
    }
}

fn holds(
    set: &Set,
    tenant: u128,
    kind: RevocationKind,
    id: &str,
    issued: Option<SystemTime>,
) -> bool {
    let tenant = TenantUid::from_uuid(Uuid::from_u128(tenant));
    set.holds(tenant, kind, issued, || ShortHash::of(id))
}

fn read(tenant: u128, kind: RevocationKind, id: &str, until: Option<SystemTime>) -> Revoked {
    Revoked::read(&revocation(tenant, kind, id, until)).unwrap()
}

fn revocation(
    tenant: u128,
    kind: RevocationKind,
    id: &str,
    until: Option<SystemTime>,
) -> Revocation {
    Revocation {
        sequence: 1,
        tenant_uid: Uuid::from_u128(tenant).to_string(),
        kind: kind.into(),
        id: ShortHash::of(id).bytes().to_vec().into(),
        issued_until: until.map(Into::into),
        expire_time: Some(at(1_000_000).into()),
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
