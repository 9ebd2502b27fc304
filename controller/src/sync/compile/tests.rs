use insta::assert_debug_snapshot;

use super::*;

#[test]
fn a_tenant_is_compiled() {
    let entry = tenant(tenant_row(), vec![]);
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
    }
"#);
}

#[test]
fn a_server_is_compiled() {
    let entry = server(server_row());
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
        credential_generation: 7,
        credential_detached: false,
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
    }
"#);
}

#[test]
fn a_server_without_credential_waits_for_no_lease() {
    let entry = server(ServerRow {
        auth_scheme: "none".to_owned(),
        credential_generation: None,
        credential_origin: None,
        credential_sealed: None,
        ..server_row()
    });
    let config: v1::ServerConfig = body(&entry);
    assert_eq!(config.auth_scheme(), v1::AuthScheme::None);
    assert_eq!(config.lease_generation, 0);
}

/// Nodes refuse the one resource; nothing is dropped or repaired on the way to them.
#[test]
fn malformed_rows_travel_as_they_are() {
    let entry = server(ServerRow {
        url: "not a url".to_owned(),
        auth_scheme: "kerberos".to_owned(),
        timeout_ms: Some(-1_500),
        auth_generation: -1,
        ..server_row()
    });
    let config: v1::ServerConfig = body(&entry);
    assert_eq!(config.url, "not a url");
    assert_eq!(config.auth_scheme(), v1::AuthScheme::Unspecified);
    assert_eq!(config.lease_generation, u64::MAX);
    let timeout = config.first_byte_timeout.unwrap();
    assert_eq!((timeout.seconds, timeout.nanos), (-1, -500_000_000));

    let entry = tenant(
        TenantRow {
            canonical_origin: None,
            allowed_origins: vec![None],
            ..tenant_row()
        },
        vec![],
    );
    let config: v1::TenantConfig = body(&entry);
    assert_eq!(config.canonical_origin, "");
    assert_eq!(config.allowed_origins, [""]);
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
    let entry = server(ServerRow {
        url: "x".repeat(MAX_BODY_BYTES),
        ..server_row()
    });
    assert!(entry.upsert.body.is_empty());
    assert_eq!(entry.upsert.revision, 4);
}

fn tenant_row() -> TenantRow {
    TenantRow {
        tenant_id: Uuid::from_u128(1),
        slug: "acme".to_owned(),
        revision: 3,
        limits: None,
        allowed_origins: vec![Some("https://app.test".to_owned())],
        canonical_origin: Some("https://acme.test".to_owned()),
        alias_origins: vec!["https://b.test".to_owned(), "https://a.test".to_owned()],
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
        revision: 4,
        credential_generation: Some(7),
        credential_origin: Some("https://up.test:443".to_owned()),
        credential_sealed: Some(vec![1, 2, 3]),
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
        revision: 5,
        server_ids: vec![Uuid::from_u128(2)],
    }
}

fn body<M: Message + Default>(entry: &Entry) -> M {
    M::decode(entry.upsert.body.clone()).unwrap()
}
