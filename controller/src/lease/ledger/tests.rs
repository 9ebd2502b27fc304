use std::time::UNIX_EPOCH;

use proto::sync::v1;
use uuid::Uuid;

use super::*;
use crate::sync::{
    Cursor,
    history::History,
    rows::{CredentialRow, JwtSecretRow, TenantKeyRow},
    state::TenantSealed,
};

const HALF: Duration = Duration::from_secs(450);

#[test]
fn a_new_node_is_due_everything_and_then_nothing() {
    let state = state(vec![tenant(1), server(1, 3), server(2, 1)]);
    let mut ledger = Ledger::default();
    assert_eq!(
        send(&mut ledger, &state, now()),
        [
            "secrets of 1",
            "record and lease 1 gen 3",
            "record and lease 2 gen 1"
        ]
    );
    assert_eq!(send(&mut ledger, &state, now()), [""; 0]);
}

#[test]
fn servers_without_a_usable_credential_have_no_lease() {
    let detached = with(server(2, 1), |access| access.detached = true);
    let state = state(vec![server(1, 0), detached]);
    assert_eq!(send(&mut Ledger::default(), &state, now()), [""; 0]);
}

#[test]
fn only_what_changed_is_sent() {
    let mut ledger = Ledger::default();
    send(
        &mut ledger,
        &state(vec![tenant(1), server(1, 3), server(2, 1)]),
        now(),
    );
    let mut renamed = server(2, 1);
    renamed.slug = "other".to_owned();
    let next = state(vec![tenant(1), server(1, 4), renamed, server(3, 1)]);
    assert_eq!(
        send(&mut ledger, &next, now()),
        ["record and lease 1 gen 4", "record and lease 3 gen 1"]
    );
}

#[test]
fn another_url_or_header_is_leased_anew_without_another_record() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &state(vec![server(1, 3)]), now());
    let moved = with(server(1, 3), |access| {
        access.url = "https://up.test/v2".to_owned();
    });
    assert_eq!(
        send(&mut ledger, &state(vec![moved]), now()),
        ["lease 1 gen 3"]
    );
}

#[test]
fn a_lease_ends_with_its_server_its_credential_or_its_origin() {
    let ends = [
        vec![],
        vec![server(1, 0)],
        vec![with(server(1, 3), |access| access.detached = true)],
    ];
    for end in ends {
        let mut ledger = Ledger::default();
        send(&mut ledger, &state(vec![server(1, 3)]), now());
        let end = state(end);
        assert_eq!(send(&mut ledger, &end, now()), ["withdraw 1"]);
        assert_eq!(send(&mut ledger, &end, now()), [""; 0]);
    }
}

#[test]
fn leases_are_renewed_when_half_their_time_is_over() {
    let mut ledger = Ledger::default();
    let state = state(vec![server(1, 3)]);
    send(&mut ledger, &state, now());
    assert_eq!(ledger.rest(now()), HALF);
    assert_eq!(send(&mut ledger, &state, now() + HALF / 2), [""; 0]);
    assert_eq!(send(&mut ledger, &state, now() + HALF), ["lease 1 gen 3"]);
    assert_eq!(ledger.rest(now() + HALF), HALF);
}

#[test]
fn secrets_are_sent_anew_each_day_and_when_they_change() {
    let mut ledger = Ledger::default();
    let before = state(vec![tenant(1)]);
    send(&mut ledger, &before, now());
    let midnight = tenant_secrets::tomorrow(now());
    assert_eq!(ledger.rest(midnight - HALF), HALF);
    assert_eq!(send(&mut ledger, &before, midnight), ["secrets of 1"]);
    assert_eq!(send(&mut ledger, &before, midnight), [""; 0]);
    let after = state(vec![tenant(2)]);
    assert_eq!(send(&mut ledger, &after, midnight), ["secrets of 1"]);
    let mut with_issuer = tenant(2);
    if let Sealed::Tenant(sealed) = &mut with_issuer.sealed {
        sealed.jwt_secrets.push(JwtSecretRow {
            tenant_id: uid().uuid(),
            secret_id: Uuid::from_u128(6),
            sealed: vec![1],
        });
    }
    let after = state(vec![with_issuer]);
    assert_eq!(send(&mut ledger, &after, midnight), ["secrets of 1"]);
}

/// Sends everything that is due, and says what that was.
fn send(ledger: &mut Ledger, state: &State, now: SystemTime) -> Vec<String> {
    let due = ledger.due(state, now);
    let mut sent = Vec::new();
    for due in due {
        sent.push(match due {
            Due::Withdrawal(server) => {
                ledger.withdrawn(server);
                format!("withdraw {}", server.uuid().as_u128())
            }
            Due::TenantSecrets(tenant, entry) => {
                ledger.told(tenant, entry, tenant_secrets::day(now));
                format!("secrets of {}", tenant.uuid().as_u128())
            }
            Due::Offer(server, entry, record) => {
                let Sealed::Access(access) = &entry.sealed else {
                    panic!("not a server");
                };
                let record = match record {
                    Record::Made => "",
                    Record::Missing => "record and ",
                };
                let text = format!(
                    "{record}lease {} gen {}",
                    server.uuid().as_u128(),
                    access.generation
                );
                ledger.offered(server, entry, now + HALF);
                text
            }
        });
    }
    sent
}

fn state(entries: Vec<Entry>) -> State {
    let cursor = Cursor {
        epoch: 1,
        revision: 1,
    };
    State::new(cursor, entries, History::new(1))
}

fn uid() -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(1))
}

/// The one tenant, with a key of this version.
fn tenant(version: i32) -> Entry {
    entry(
        StreamName::Tenant(uid()),
        Sealed::Tenant(TenantSealed {
            keys: vec![TenantKeyRow {
                tenant_id: uid().uuid(),
                key_id: Uuid::from_u128(5),
                version,
                kek_id: "kek_0".to_owned(),
                wrapped: vec![1],
            }],
            jwt_secrets: Vec::new(),
        }),
    )
}

fn server(which: u128, generation: u64) -> Entry {
    let server = ServerUid::from_uuid(Uuid::from_u128(which));
    let access = ServerAccess {
        server,
        url: "https://up.test/mcp".to_owned(),
        scheme: v1::AuthScheme::Bearer,
        header: String::new(),
        presents: true,
        generation,
        auth_generation: generation,
        detached: false,
        token_headers: Vec::new(),
        credential: Some(CredentialRow {
            generation: generation.cast_signed(),
            origin: "https://up.test:443".to_owned(),
            sealed: vec![1],
        }),
    };
    entry(StreamName::Server(uid(), server), Sealed::Access(access))
}

fn with(mut entry: Entry, change: impl FnOnce(&mut ServerAccess)) -> Entry {
    if let Sealed::Access(access) = &mut entry.sealed {
        change(access);
    }
    entry
}

fn entry(name: StreamName, sealed: Sealed) -> Entry {
    Entry {
        name,
        slug: String::new(),
        upsert: v1::Upsert {
            name: name.to_string(),
            revision: 1,
            ..v1::Upsert::default()
        },
        sealed,
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000)
}
