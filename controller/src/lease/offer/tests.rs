use std::time::{Duration, UNIX_EPOCH};

use proto::id::ServerUid;
use seal::Kek;
use uuid::Uuid;

use super::*;
use crate::sync::rows::CredentialRow;

#[test]
fn a_bearer_credential_is_ready_to_attach() {
    let stored = Stored::new(AuthScheme::Bearer);
    let lease = stored.lease().unwrap();
    assert_eq!(lease.header_name, "authorization");
    assert_eq!(lease.header_value, "Bearer CANARY-lease");
    assert_eq!(lease.origin, "https://up.test:443");
    assert_eq!(lease.generation, 3);
    assert_eq!(lease.not_after.unwrap().seconds, 900);
    assert_eq!(lease.server_uid, stored.access.server.to_string());
    assert_eq!(lease.tenant_uid, tenant().to_string());
}

#[test]
fn an_api_key_goes_into_its_own_header_as_it_is() {
    let lease = Stored::new(AuthScheme::ApiKey).lease().unwrap();
    assert_eq!(lease.header_name, "x-api-key");
    assert_eq!(lease.header_value, "CANARY-lease");
}

#[test]
fn a_credential_of_another_origin_is_refused() {
    for url in [
        "https://evil.test/mcp",
        "http://up.test/mcp",
        "https://up.test:8443/mcp",
        "not a url",
        "",
    ] {
        let mut stored = Stored::new(AuthScheme::Bearer);
        stored.access.url = url.to_owned();
        assert_eq!(stored.lease().unwrap_err(), Reason::OriginMismatch, "{url}");
    }
    // The row itself cannot be pointed elsewhere either: the seal binds its origin.
    let mut stored = Stored::new(AuthScheme::Bearer);
    stored.access.url = "https://evil.test/mcp".to_owned();
    stored.row().origin = "https://evil.test:443".to_owned();
    assert_eq!(stored.lease().unwrap_err(), Reason::Unreadable);
}

#[test]
fn damage_is_unreadable() {
    let damage: [fn(&mut Stored); 6] = [
        |stored| stored.row().sealed[60] ^= 1,
        |stored| stored.row().sealed.clear(),
        |stored| stored.row().generation = 2,
        |stored| stored.access.credential = None,
        |stored| stored.keys.clear(),
        |stored| stored.access.scheme = Scheme::Unspecified,
    ];
    for damage in damage {
        let mut stored = Stored::new(AuthScheme::Bearer);
        damage(&mut stored);
        assert_eq!(stored.lease().unwrap_err(), Reason::Unreadable);
    }
}

#[test]
fn a_header_that_is_none_is_refused() {
    let mut stored = Stored::new(AuthScheme::ApiKey);
    stored.access.header = "x api key".to_owned();
    assert_eq!(stored.lease().unwrap_err(), Reason::InvalidField);
}

#[test]
fn a_refusal_names_the_server_the_generation_and_the_reason() {
    let mut stored = Stored::new(AuthScheme::Bearer);
    stored.keys.clear();
    let Offer::Refusal(refusal) = stored.offer() else {
        panic!("a lease without a key");
    };
    assert_eq!(refusal.server_uid, stored.access.server.to_string());
    assert_eq!(refusal.generation, 3);
    assert_eq!(refusal.reason, "CREDENTIAL_UNREADABLE");
}

#[test]
fn no_debug_form_of_an_offer_shows_the_value() {
    let shown = format!("{:?}", Stored::new(AuthScheme::Bearer).offer());
    assert!(
        shown.contains("authorization") && !shown.contains("CANARY"),
        "{shown}"
    );
}

struct Stored {
    vault: Vault,
    keys: Vec<TenantKeyRow>,
    access: ServerAccess,
}

impl Stored {
    fn new(scheme: AuthScheme) -> Self {
        let vault = Vault::new(Kek::of(&[7; 32]), Uuid::from_u128(9));
        let key = vault.create_tenant_key(tenant());
        let row = SealedCredential {
            tenant: tenant(),
            server: ServerUid::from_uuid(Uuid::from_u128(2)),
            generation: 3,
            origin: "https://up.test:443".to_owned(),
            scheme,
            sealed: Vec::new(),
        };
        let keys = std::slice::from_ref(&key);
        let row = vault
            .seal_credential(keys, row, b"CANARY-lease")
            .unwrap()
            .row;
        let access = ServerAccess {
            server: row.server,
            url: "https://up.test/mcp".to_owned(),
            scheme: match scheme {
                AuthScheme::None => Scheme::None,
                AuthScheme::Bearer => Scheme::Bearer,
                AuthScheme::ApiKey => Scheme::ApiKey,
            },
            header: "X-Api-Key".to_owned(),
            generation: 3,
            detached: false,
            credential: Some(CredentialRow {
                generation: 3,
                origin: row.origin,
                sealed: row.sealed,
            }),
        };
        let keys = vec![TenantKeyRow {
            tenant_id: key.tenant.uuid(),
            key_id: key.key_id,
            version: 1,
            kek_id: key.kek_id,
            wrapped: key.wrapped,
        }];
        Self {
            vault,
            keys,
            access,
        }
    }

    fn row(&mut self) -> &mut CredentialRow {
        self.access.credential.as_mut().unwrap()
    }

    fn lease(&self) -> Result<Lease, Reason> {
        lease(&self.vault, tenant(), &self.keys, &self.access, end())
    }

    fn offer(&self) -> Offer {
        offer(&self.vault, tenant(), &self.keys, &self.access, end())
    }
}

fn tenant() -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(1))
}

fn end() -> SystemTime {
    UNIX_EPOCH + Duration::from_mins(15)
}
