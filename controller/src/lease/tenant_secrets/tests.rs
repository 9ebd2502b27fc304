use seal::Kek;
use uuid::Uuid;

use super::*;
use crate::sync::rows::TenantKeyRow;

#[test]
fn a_tenant_gets_last_weeks_keys_and_tomorrows() {
    let (vault, rows) = tenant_of_its_own();
    let keys = of(&vault, tenant(), &rows, 20_000).unwrap().session_keys;
    let kids: Vec<_> = keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(
        kids,
        [
            "1d19993", "1d19994", "1d19995", "1d19996", "1d19997", "1d19998", "1d19999", "1d20000",
            "1d20001"
        ]
    );
    assert!(keys.iter().all(|key| key.key.len() == 32));
    let today = &keys[7];
    let begins = 20_000 * 86_400;
    assert_eq!(today.not_before.unwrap().seconds, begins);
    assert_eq!(today.not_after.unwrap().seconds, begins + 8 * 86_400);
}

/// Controllers agree without talking: the keys are derived.
#[test]
fn a_days_key_is_the_same_whenever_it_is_asked_for() {
    let (vault, rows) = tenant_of_its_own();
    let today = of(&vault, tenant(), &rows, 20_000).unwrap().session_keys;
    let tomorrow = of(&vault, tenant(), &rows, 20_001).unwrap().session_keys;
    assert_eq!(today[1..], tomorrow[..8]);
}

#[test]
fn a_tenant_without_a_readable_key_gets_none() {
    let (vault, mut rows) = tenant_of_its_own();
    assert!(of(&vault, tenant(), &TenantSealed::default(), 20_000).is_err());
    rows.keys[0].wrapped[40] ^= 1;
    assert!(of(&vault, tenant(), &rows, 20_000).is_err());
}

#[test]
fn a_tenant_gets_the_pepper_that_its_verifiers_name() {
    let (vault, rows) = tenant_of_its_own();
    let peppers = of(&vault, tenant(), &rows, 20_000).unwrap().peppers;
    assert_eq!(peppers.len(), 1);
    let key = vault.tenant_key(tenant(), &wrapped(&rows.keys)).unwrap();
    assert_eq!(peppers[0].id, key.version().to_string());
    assert_eq!(peppers[0].key[..], key.pepper()[..]);
}

/// CR-05, CL-06: a secret that was moved to another row does not open, and the others go on.
#[test]
fn issuers_secrets_open_in_their_own_rows() {
    let (vault, mut sealed) = tenant_of_its_own();
    let keys = wrapped(&sealed.keys);
    let row = |number, value: &[u8]| {
        let secret_id = Uuid::from_u128(number);
        let place = Place::jwt_secret(tenant(), secret_id);
        JwtSecretRow {
            tenant_id: tenant().uuid(),
            secret_id,
            sealed: vault.seal(&keys, &place, value).unwrap(),
        }
    };
    sealed.jwt_secrets = vec![row(1, b"CANARY-one"), row(2, b"CANARY-two")];
    let secrets = of(&vault, tenant(), &sealed, 20_000).unwrap();
    let values: Vec<_> = secrets
        .jwt_secrets
        .iter()
        .map(|secret| &secret.value[..])
        .collect();
    assert_eq!(values, [b"CANARY-one", b"CANARY-two"]);
    assert!(!format!("{secrets:?}").contains("CANARY"));

    sealed.jwt_secrets[0].sealed = sealed.jwt_secrets[1].sealed.clone();
    let secrets = of(&vault, tenant(), &sealed, 20_000).unwrap().jwt_secrets;
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].uid, Uuid::from_u128(2).to_string());
}

#[test]
fn days_begin_at_midnight_utc() {
    let at = |secs| UNIX_EPOCH + Duration::from_secs(secs);
    assert_eq!(day(at(86_399)), 0);
    assert_eq!(day(at(86_400)), 1);
    assert_eq!(tomorrow(at(86_399)), at(86_400));
    assert_eq!(tomorrow(at(86_400)), at(2 * 86_400));
}

fn tenant() -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(1))
}

fn tenant_of_its_own() -> (Vault, TenantSealed) {
    let vault = Vault::new(Kek::of(&[7; 32]), Uuid::from_u128(9));
    let key = vault.create_tenant_key(tenant());
    let row = TenantKeyRow {
        tenant_id: key.tenant.uuid(),
        key_id: key.key_id,
        version: 1,
        kek_id: key.kek_id,
        wrapped: key.wrapped,
    };
    let sealed = TenantSealed {
        keys: vec![row],
        jwt_secrets: Vec::new(),
    };
    (vault, sealed)
}
