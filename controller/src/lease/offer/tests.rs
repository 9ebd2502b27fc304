use std::time::{Duration, UNIX_EPOCH};

use prost::Message as _;
use proto::{
    id::{ServerUid, StaticTokenUid},
    node::v1::{TokenHeader, TokenHeaders},
};
use seal::Kek;
use uuid::Uuid;

use super::*;
use crate::{
    sync::rows::{CredentialRow, TokenHeadersRow},
    vault::Place,
};

#[test]
fn a_bearer_credential_is_ready_to_attach() {
    let stored = Stored::new(AuthScheme::Bearer);
    let lease = stored.lease().unwrap();
    assert_eq!(lease.header_name, "authorization");
    assert_eq!(lease.header_value, "Bearer CANARY-lease");
    assert_eq!(lease.origin, "https://up.test:443");
    assert_eq!(lease.generation, 5);
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
    assert_eq!(refusal.generation, 5);
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

/// S0-14, S0-15: switched-on headers go along, each token's apart; the others stay.
#[test]
fn the_headers_of_static_tokens_go_along() {
    let mut stored = Stored::new(AuthScheme::Bearer);
    stored.add_headers(7, "https://up.test:443");
    let lease = stored.lease().unwrap();
    assert_eq!(lease.header_value, "Bearer CANARY-lease");
    assert_eq!(lease.token_headers.len(), 1);
    let token = &lease.token_headers[0];
    assert_eq!(token.token_uid, Uuid::from_u128(7).to_string());
    let headers: Vec<_> = token
        .headers
        .iter()
        .map(|header| (header.name.as_str(), &header.value[..]))
        .collect();
    assert_eq!(headers, [("X-On", b"CANARY-on".as_slice())]);
    assert!(!format!("{lease:?}").contains("CANARY"));
}

/// without the stored credential the headers of tokens go all the same.
#[test]
fn a_server_that_is_sent_no_credential_is_sent_headers() {
    let mut stored = Stored::new(AuthScheme::Bearer);
    stored.access.presents = false;
    stored.add_headers(7, "https://up.test:443");
    let lease = stored.lease().unwrap();
    assert_eq!(
        (lease.header_name.as_str(), lease.header_value.len()),
        ("", 0)
    );
    assert_eq!(lease.origin, "https://up.test:443");
    assert_eq!(lease.token_headers.len(), 1);
}

/// CL-06: headers that were set for another origin, or moved to another token's row, stay; the
/// credential and the other tokens' headers go.
#[test]
fn headers_that_do_not_belong_are_left_out() {
    let mut stored = Stored::new(AuthScheme::Bearer);
    for token in [7, 8] {
        stored.add_headers(token, "https://up.test:443");
    }
    assert_eq!(stored.lease().unwrap().token_headers.len(), 2);
    let rows = &mut stored.access.token_headers;
    rows[0].headers_sealed = rows[1].headers_sealed.clone();
    let left = stored.lease().unwrap().token_headers;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].token_uid, Uuid::from_u128(8).to_string());

    let mut stored = Stored::new(AuthScheme::Bearer);
    stored.add_headers(7, "https://old.test:443");
    assert_eq!(stored.lease().unwrap().token_headers, []);
    // The row itself cannot be pointed elsewhere either.
    stored.access.token_headers[0].headers_origin = "https://up.test:443".to_owned();
    assert_eq!(stored.lease().unwrap().token_headers, []);
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
            presents: true,
            generation: 5,
            auth_generation: 3,
            detached: false,
            token_headers: Vec::new(),
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

    /// Headers of a token, one switched on and one off, set for this origin.
    fn add_headers(&mut self, token: u128, origin: &str) {
        let header = |name: &str, value: &'static str| TokenHeader {
            name: name.to_owned(),
            value: Bytes::from_static(value.as_bytes()),
        };
        let token = Uuid::from_u128(token);
        let values = TokenHeaders {
            token_uid: token.to_string(),
            headers: vec![header("X-On", "CANARY-on"), header("X-Off", "CANARY-off")],
        };
        let uid = StaticTokenUid::from_uuid(token);
        let place = Place::headers(tenant(), uid, 2, self.access.server, origin);
        let keys = wrapped(&self.keys);
        let sealed = self.vault.seal(&keys, &place, &values.encode_to_vec());
        self.access.token_headers.push(TokenHeadersRow {
            tenant_id: tenant().uuid(),
            server_id: self.access.server.uuid(),
            static_token_id: token,
            headers: serde_json::json!([
                {"name": "X-On", "passthrough": true},
                {"name": "X-Off", "passthrough": false},
            ]),
            headers_origin: origin.to_owned(),
            headers_generation: 2,
            headers_sealed: Some(sealed.unwrap()),
        });
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
