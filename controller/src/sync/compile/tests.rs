use insta::assert_debug_snapshot;
use serde_json::json;

use super::*;

#[test]
fn a_tenant_is_compiled() {
    let entry = tenant(tenant_row(), TenantSealed::default(), Vec::new());
    assert_eq!(entry.slug, "acme");
    assert_eq!(
        entry.upsert.name,
        "tenants/00000000-0000-0000-0000-000000000001"
    );
    assert_eq!(entry.upsert.kind(), v1::Kind::Tenant);
    assert_eq!(entry.upsert.revision, 3);
    assert_debug_snapshot!(body::<v1::TenantConfig>(&entry), @r#"
    TenantConfig {
        uid: "00000000-0000-0000-0000-000000000001",
        slug: "acme",
        canonical_origin: "https://acme.test",
        alias_origins: [
            "https://b.test",
            "https://a.test",
        ],
        allowed_origins: [
            "https://app.test",
        ],
        authenticators: None,
        limits: None,
        signing_keys: [],
        display_name: "Acme",
        branding: None,
        scopes: [],
        revocation_grace: None,
    }
"#);
}

#[test]
fn a_server_is_compiled() {
    let entry = server(server_row(), vec![]);
    assert_eq!(entry.upsert.tenant, "00000000-0000-0000-0000-000000000001");
    assert_eq!(entry.upsert.kind(), v1::Kind::Server);
    assert_debug_snapshot!(body::<v1::ServerConfig>(&entry), @r#"
    ServerConfig {
        uid: "00000000-0000-0000-0000-000000000002",
        tenant_uid: "00000000-0000-0000-0000-000000000001",
        slug: "files",
        url: "https://up.test/mcp",
        first_byte_timeout: Some(
            Duration {
                seconds: 90,
                nanos: 500000000,
            },
        ),
        auth_scheme: ApiKey,
        lease_generation: 9,
        credential_detached: false,
        authenticators: None,
        egress_mode: Shared,
        tools: [],
    }
"#);
}

#[test]
fn a_key_is_compiled() {
    let entry = key(key_row());
    assert_eq!(entry.upsert.kind(), v1::Kind::Key);
    assert_debug_snapshot!(body::<v1::KeyConfig>(&entry), @r#"
    KeyConfig {
        uid: "00000000-0000-0000-0000-000000000003",
        tenant_uid: "00000000-0000-0000-0000-000000000001",
        slug: "ci",
        sha256: b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        all_servers: false,
        server_uids: [
            "00000000-0000-0000-0000-000000000002",
        ],
        disabled: true,
        expire_time: Some(
            Timestamp {
                seconds: 1800000000,
                nanos: 500000000,
            },
        ),
        scopes: [
            "files:read",
            "",
        ],
        previous_sha256: b"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
        previous_expire_time: Some(
            Timestamp {
                seconds: 1700000000,
                nanos: 0,
            },
        ),
    }
"#);
}

#[test]
fn a_server_without_credential_waits_for_no_lease() {
    let entry = server(
        ServerRow {
            auth_scheme: "none".to_owned(),
            credential_generation: None,
            credential_origin: None,
            credential_sealed: None,
            ..server_row()
        },
        vec![],
    );
    let config: v1::ServerConfig = body(&entry);
    assert_eq!(config.auth_scheme(), v1::AuthScheme::None);
    assert_eq!(config.lease_generation, 0);
}

/// Which lease a server waits for: X-5, S0-15.
#[test]
fn a_server_waits_for_a_lease_if_calls_can_carry_anything() {
    let config = |change: fn(&mut ServerRow), headers: &[&str]| {
        let mut row = server_row();
        change(&mut row);
        let headers = headers.iter().map(|text| header_row(text)).collect();
        let config: v1::ServerConfig = body(&server(row, headers));
        (config.lease_generation, config.credential_detached)
    };
    let on = r#"[{"name":"x","passthrough":true}]"#;
    let off = r#"[{"name":"x","passthrough":false}]"#;
    assert_eq!(config(|_| {}, &[]), (9, false));
    assert_eq!(
        config(|row| row.egress_mode = "none".to_owned(), &[]),
        (0, false)
    );
    assert_eq!(
        config(|row| row.egress_mode = "passthrough".to_owned(), &[off]),
        (0, false)
    );
    assert_eq!(
        config(|row| row.egress_mode = "none".to_owned(), &[off, on]),
        (9, false)
    );
    assert_eq!(
        config(|row| row.auth_scheme = "none".to_owned(), &[on]),
        (9, false)
    );
    assert_eq!(config(|row| row.auth_detached = true, &[]), (9, true));
    // A credential that is never sent cannot be missed.
    let idle = |row: &mut ServerRow| {
        row.auth_detached = true;
        row.egress_mode = "none".to_owned();
    };
    assert_eq!(config(idle, &[]), (0, false));
}

#[test]
fn a_static_token_is_compiled() {
    let entry = static_token(token_row());
    assert_eq!(entry.upsert.kind(), v1::Kind::StaticToken);
    let config: v1::StaticTokenConfig = body(&entry);
    assert_eq!(config.r#type(), v1::StaticTokenType::XApiKey);
    assert_eq!(config.subject, "tokens/desk");
    assert_eq!(config.roles, ["dev"]);
    assert_eq!(
        (config.pepper_id.as_str(), config.verifier.len()),
        ("1", 32)
    );
    assert!(config.has_headers && !config.passthrough);
    let named = static_token(StaticTokenRow {
        subject: "alice".to_owned(),
        headers: serde_json::json!([{"name": "x", "passthrough": false}]),
        r#type: "cookie".to_owned(),
        ..token_row()
    });
    let config: v1::StaticTokenConfig = body(&named);
    assert_eq!(
        (config.subject.as_str(), config.has_headers),
        ("alice", false)
    );
    assert_eq!(config.r#type(), v1::StaticTokenType::Unspecified);
}

/// S4-20: what cannot be read is refused by nodes and never means other authenticators.
#[test]
fn authenticators_that_are_not_understood_do_not_read_as_none() {
    let unknown = serde_json::json!({"list": [{"telepathy": {}}]});
    let entry = server(
        ServerRow {
            authenticators: Some(unknown),
            ..server_row()
        },
        vec![],
    );
    let found = body::<v1::ServerConfig>(&entry).authenticators.unwrap();
    assert!(found.list.is_empty() && !found.provider.is_empty());
    let empty = Some(serde_json::json!({}));
    let entry = tenant(
        TenantRow {
            authenticators: empty,
            ..tenant_row()
        },
        TenantSealed::default(),
        Vec::new(),
    );
    let found = body::<v1::TenantConfig>(&entry).authenticators.unwrap();
    assert_eq!(found, proto::access::v1::Authenticators::default());
}

/// Nodes refuse the one resource; nothing is dropped or repaired on the way to them.
#[test]
fn malformed_rows_travel_as_they_are() {
    let entry = server(
        ServerRow {
            url: "not a url".to_owned(),
            auth_scheme: "kerberos".to_owned(),
            timeout_ms: Some(-1_500),
            lease_generation: -1,
            egress_mode: "tunnel".to_owned(),
            ..server_row()
        },
        vec![],
    );
    let config: v1::ServerConfig = body(&entry);
    assert_eq!(config.url, "not a url");
    assert_eq!(config.auth_scheme(), v1::AuthScheme::Unspecified);
    assert_eq!(config.egress_mode(), v1::EgressMode::Unspecified);
    let timeout = config.first_byte_timeout.unwrap();
    assert_eq!((timeout.seconds, timeout.nanos), (-1, -500_000_000));

    let entry = tenant(
        TenantRow {
            canonical_origin: None,
            allowed_origins: vec![None],
            ..tenant_row()
        },
        TenantSealed::default(),
        Vec::new(),
    );
    let config: v1::TenantConfig = body(&entry);
    assert_eq!(config.canonical_origin, "");
    assert_eq!(config.allowed_origins, [""]);
}

/// OA-07: nodes verify with every key that tokens may be signed with, and know how pages look.
#[test]
fn a_tenant_goes_with_its_public_keys_and_what_its_pages_show() {
    let key = SigningKeyRow {
        tenant_id: Uuid::from_u128(1),
        kid: "k1".to_owned(),
        x: vec![1; 32],
        y: vec![2; 32],
    };
    let row = TenantRow {
        oauth: Some(json!({"branding": {"colour": "#112233"}, "revocationGrace": "10s"})),
        ..tenant_row()
    };
    let entry = tenant(row, TenantSealed::default(), vec![key]);
    let config: v1::TenantConfig = body(&entry);
    assert_eq!(config.signing_keys[0].kid, "k1");
    assert_eq!(config.signing_keys[0].y.as_ref(), [2; 32]);
    assert_eq!(config.display_name, "Acme");
    assert_eq!(config.branding.unwrap().colour, "#112233");
    assert_eq!(config.revocation_grace.unwrap().seconds, 10);
    let damaged = TenantRow {
        oauth: Some(json!({"telepathy": true})),
        ..tenant_row()
    };
    let entry = tenant(damaged, TenantSealed::default(), Vec::new());
    assert_eq!(entry.upsert.body, MISUNDERSTOOD);
}

#[test]
fn times_beyond_time_become_times_that_no_node_accepts() {
    let expiry = |at| {
        let entry = key(KeyRow {
            expires_at: Some(at),
            ..key_row()
        });
        let time = body::<v1::KeyConfig>(&entry).expire_time.unwrap();
        (time.seconds, time.nanos)
    };
    assert_eq!(expiry(1.25), (1, 250_000_000));
    assert_eq!(expiry(-0.25), (-1, 750_000_000));
    assert_eq!(expiry(f64::INFINITY), (i64::MAX, 0));
    assert_eq!(expiry(f64::NEG_INFINITY), (i64::MIN, 0));
    assert_eq!(expiry(f64::NAN), (0, 0));
}

#[test]
fn a_resource_that_fits_no_frame_travels_without_its_body() {
    let entry = server(
        ServerRow {
            url: "x".repeat(MAX_BODY_BYTES),
            ..server_row()
        },
        vec![],
    );
    assert!(entry.upsert.body.is_empty());
    assert_eq!(entry.upsert.revision, 4);
}

fn tenant_row() -> TenantRow {
    TenantRow {
        tenant_id: Uuid::from_u128(1),
        slug: "acme".to_owned(),
        display_name: "Acme".to_owned(),
        revision: 3,
        oauth: None,
        limits: None,
        allowed_origins: vec![Some("https://app.test".to_owned())],
        canonical_origin: Some("https://acme.test".to_owned()),
        alias_origins: vec!["https://b.test".to_owned(), "https://a.test".to_owned()],
        authenticators: None,
    }
}

fn server_row() -> ServerRow {
    ServerRow {
        tenant_id: Uuid::from_u128(1),
        server_id: Uuid::from_u128(2),
        slug: "files".to_owned(),
        url: "https://up.test/mcp".to_owned(),
        timeout_ms: Some(90_500),
        auth_scheme: "api_key".to_owned(),
        auth_header: "X-Api-Key".to_owned(),
        auth_generation: 7,
        auth_detached: false,
        authenticators: None,
        egress_mode: "shared".to_owned(),
        lease_generation: 9,
        tool_list: None,
        revision: 4,
        credential_generation: Some(7),
        credential_origin: Some("https://up.test:443".to_owned()),
        credential_sealed: Some(vec![1, 2, 3]),
    }
}

fn token_row() -> StaticTokenRow {
    StaticTokenRow {
        tenant_id: Uuid::from_u128(1),
        static_token_id: Uuid::from_u128(4),
        slug: "desk".to_owned(),
        server_id: Uuid::from_u128(2),
        r#type: "x_api_key".to_owned(),
        pepper_id: "1".to_owned(),
        verifier: vec![1; 32],
        subject: String::new(),
        roles: vec![Some("dev".to_owned()), None],
        passthrough: false,
        disabled: false,
        headers: serde_json::json!([{"name": "x", "passthrough": true}]),
        expires_at: None,
        revision: 6,
    }
}

fn header_row(headers: &str) -> TokenHeadersRow {
    TokenHeadersRow {
        tenant_id: Uuid::from_u128(1),
        server_id: Uuid::from_u128(2),
        static_token_id: Uuid::from_u128(4),
        headers: serde_json::from_str(headers).unwrap(),
        headers_origin: "https://up.test:443".to_owned(),
        headers_generation: 1,
        headers_sealed: None,
    }
}

fn key_row() -> KeyRow {
    KeyRow {
        tenant_id: Uuid::from_u128(1),
        key_id: Uuid::from_u128(3),
        slug: "ci".to_owned(),
        sha256: vec![0; 32],
        all_servers: false,
        disabled: true,
        expires_at: Some(1_800_000_000.5),
        scopes: vec![Some("files:read".to_owned()), None],
        previous_sha256: Some(vec![1; 32]),
        previous_expires_at: Some(1_700_000_000.0),
        revision: 5,
        server_ids: vec![Uuid::from_u128(2)],
    }
}

fn body<M: Message + Default>(entry: &Entry) -> M {
    M::decode(entry.upsert.body.clone()).unwrap()
}
