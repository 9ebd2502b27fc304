//! What must not open a record, and that all of it fails alike.

use proptest::prelude::*;

use super::*;

#[test]
fn what_was_sealed_opens_in_its_own_context() {
    let key = key();
    let sealed = seal(&key, &context(), b"secret");
    assert_eq!(sealed.len(), b"secret".len() + 116);
    assert_eq!(
        open(only(&key), &context(), &sealed).unwrap().as_slice(),
        b"secret"
    );
}

#[test]
fn the_empty_secret_survives_too() {
    let key = key();
    let sealed = seal(&key, &context(), b"");
    assert!(open(only(&key), &context(), &sealed).unwrap().is_empty());
}

/// CR-01, CR-02, CR-05, CL-06: one change per field of the context.
#[test]
fn no_other_context_opens_it() {
    let key = key();
    let good = context();
    let sealed = seal(&key, &good, b"secret");
    assert!(open(only(&key), &good, &sealed).is_ok());
    let other = Uuid::from_u128(99);
    for bad in [
        Context {
            deployment: other,
            ..good
        },
        Context {
            tenant: other,
            ..good
        },
        Context {
            table: "keys",
            ..good
        },
        Context {
            record: other,
            ..good
        },
        Context {
            field: "other",
            ..good
        },
        Context {
            generation: 2,
            ..good
        },
        Context {
            server: other,
            ..good
        },
        Context {
            origin: "https://evil.example:443",
            ..good
        },
        Context {
            subject: "user",
            ..good
        },
        Context {
            kind: "api_key",
            ..good
        },
    ] {
        assert_eq!(
            open(only(&key), &bad, &sealed).err(),
            Some(OpenError),
            "{bad:?}"
        );
    }
}

#[test]
fn neighbouring_fields_cannot_trade_bytes() {
    let key = key();
    let good = Context {
        subject: "ab",
        kind: "c",
        ..context()
    };
    let sealed = seal(&key, &good, b"secret");
    assert!(open(only(&key), &good, &sealed).is_ok());
    let shifted = Context {
        subject: "a",
        kind: "bc",
        ..good
    };
    assert_eq!(open(only(&key), &shifted, &sealed).err(), Some(OpenError));
}

#[test]
fn no_other_key_opens_it() {
    let key = key();
    let sealed = seal(&key, &context(), b"secret");
    let same_name = TenantKey::generate(key.id(), key.version());
    let next = TenantKey::generate(key.id(), key.version() + 1);
    for other in [&same_name, &next] {
        assert_eq!(
            open(|_, _| Some(other), &context(), &sealed).err(),
            Some(OpenError)
        );
    }
    assert_eq!(
        open(|_, _| None, &context(), &sealed).err(),
        Some(OpenError)
    );
}

#[test]
fn two_writes_of_one_secret_have_nothing_in_common() {
    let key = key();
    let (one, other) = (
        seal(&key, &context(), b"secret"),
        seal(&key, &context(), b"secret"),
    );
    assert_ne!(one[24..56], other[24..56], "salt");
    assert_ne!(one[56..88], other[56..88], "commitment");
    assert_ne!(one[88..], other[88..], "nonce and ciphertext");
}

/// CR-04: versions and suites to come, and plain text, fail closed.
#[test]
fn unknown_formats_fail_closed() {
    let key = key();
    let sealed = seal(&key, &context(), b"secret");
    for (at, value) in [(0, b'm'), (1, b'H'), (2, 0), (2, 2), (3, 0), (3, 2)] {
        let mut bad = sealed.clone();
        bad[at] = value;
        assert_eq!(open(only(&key), &context(), &bad).err(), Some(OpenError));
    }
    let plain = b"a token that somebody stored in plain".repeat(4);
    assert_eq!(open(only(&key), &context(), &plain).err(), Some(OpenError));
}

/// CR-03: every byte of one record, not a sample.
#[test]
fn each_flipped_byte_and_each_cut_fails_alike() {
    let key = key();
    let sealed = seal(&key, &context(), b"secret");
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        for bad in [&flipped[..], &sealed[..at]] {
            assert_eq!(
                open(|_, _| Some(&key), &context(), bad).err(),
                Some(OpenError),
                "{at}"
            );
        }
    }
    let longer = [&sealed[..], b"\0"].concat();
    assert_eq!(open(only(&key), &context(), &longer).err(), Some(OpenError));
}

proptest! {
    #[test]
    fn any_secret_in_any_context_comes_back(
        plain in prop::collection::vec(any::<u8>(), 0..300),
        ids in any::<[u128; 4]>(),
        texts in prop::array::uniform5(".{0,40}"),
        generation in any::<u64>(),
    ) {
        let key = key();
        let context = any_context(&ids, &texts, generation);
        let sealed = seal(&key, &context, &plain);
        let opened = open(only(&key), &context, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), &plain[..]);
    }

    #[test]
    fn two_different_contexts_never_open_each_other(
        ids in prop::array::uniform2(prop::array::uniform4(0_u128..2)),
        texts in prop::array::uniform2(prop::array::uniform5("[ab]{0,2}")),
        generations in any::<[bool; 2]>(),
    ) {
        let key = key();
        let one = any_context(&ids[0], &texts[0], generations[0].into());
        let other = any_context(&ids[1], &texts[1], generations[1].into());
        let sealed = seal(&key, &one, b"secret");
        prop_assert_eq!(open(only(&key), &other, &sealed).is_ok(), one == other);
    }

    #[test]
    fn any_flip_in_any_record_fails_alike(
        plain in prop::collection::vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let key = key();
        let mut sealed = seal(&key, &context(), &plain);
        let at = at.index(sealed.len());
        sealed[at] ^= flip;
        prop_assert_eq!(open(|_, _| Some(&key), &context(), &sealed).err(), Some(OpenError));
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let key = key();
        let dressed = [&PREFIX[..], &bytes].concat();
        for bytes in [&bytes, &dressed] {
            prop_assert_eq!(open(|_, _| Some(&key), &context(), bytes).err(), Some(OpenError));
        }
    }
}

fn key() -> TenantKey {
    TenantKey::of(Uuid::from_u128(10), 3, Zeroizing::new([9; KEY]))
}

fn only<'k>(key: &'k TenantKey) -> impl Fn(Uuid, u32) -> Option<&'k TenantKey> {
    move |id, version| (key.id() == id && key.version() == version).then_some(key)
}

fn context() -> Context<'static> {
    Context {
        deployment: Uuid::from_u128(1),
        tenant: Uuid::from_u128(2),
        table: "credentials",
        record: Uuid::from_u128(3),
        field: "value",
        generation: 1,
        server: Uuid::from_u128(4),
        origin: "https://api.example.com:443",
        subject: "shared",
        kind: "bearer",
    }
}

fn any_context<'a>(ids: &[u128; 4], texts: &'a [String; 5], generation: u64) -> Context<'a> {
    Context {
        deployment: Uuid::from_u128(ids[0]),
        tenant: Uuid::from_u128(ids[1]),
        table: &texts[0],
        record: Uuid::from_u128(ids[2]),
        field: &texts[1],
        generation,
        server: Uuid::from_u128(ids[3]),
        origin: &texts[2],
        subject: &texts[3],
        kind: &texts[4],
    }
}
