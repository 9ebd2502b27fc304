//! Resources and leases for tests, as a controller would send them. Tenant `n` answers on
//! `t{n}.test`; the slug of a tenant or key and the path of a server's endpoint tell the revision.

use std::time::{Duration, UNIX_EPOCH};

use prost::Message;
use proto::{
    access::v1 as access,
    digest::SetDigest,
    id::{KeyUid, ServerUid, StaticTokenUid, TenantUid},
    name::StreamName,
    node::v1::{self as node, WatchLeasesResponse, watch_leases_response},
    sync::v1::{
        AuthScheme, Cursor, DefaultsConfig, Digest, KeyConfig, Kind, PolicyConfig, ServerConfig,
        StaticTokenConfig, StaticTokenType, TenantConfig, Tombstone, Upsert,
    },
};
use uuid::Uuid;

use super::snapshot::{CredentialUse, ServerSlot, Snapshot};

pub(super) fn tenant_uid(tenant: u8) -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(0x1_0000 + u128::from(tenant)))
}

pub(super) fn server_uid(tenant: u8, server: u8) -> ServerUid {
    let number = 0x2_0000 + 0x100 * u128::from(tenant) + u128::from(server);
    ServerUid::from_uuid(Uuid::from_u128(number))
}

pub(super) fn key_uid(tenant: u8, key: u8) -> KeyUid {
    let number = 0x3_0000 + 0x100 * u128::from(tenant) + u128::from(key);
    KeyUid::from_uuid(Uuid::from_u128(number))
}

pub(super) fn token_uid(tenant: u8, token: u8) -> StaticTokenUid {
    let number = 0x4_0000 + 0x100 * u128::from(tenant) + u128::from(token);
    StaticTokenUid::from_uuid(Uuid::from_u128(number))
}

pub(super) fn tenant(tenant: u8, revision: u64) -> Upsert {
    let config = TenantConfig {
        uid: tenant_uid(tenant).to_string(),
        slug: format!("t{tenant}-r{revision}"),
        canonical_origin: format!("https://t{tenant}.test"),
        alias_origins: vec![format!("http://t{tenant}.test:8080")],
        allowed_origins: vec!["https://app.test".to_owned()],
        ..TenantConfig::default()
    };
    let name = StreamName::Tenant(tenant_uid(tenant));
    upsert(name, Kind::Tenant, revision, &config)
}

/// A server that wants the credential of this generation; 0 = none.
pub(super) fn server((tenant, server): (u8, u8), revision: u64, generation: u64) -> Upsert {
    let config = server_config((tenant, server), revision, generation);
    server_upsert((tenant, server), revision, &config)
}

pub(super) fn server_config(
    (tenant, server): (u8, u8),
    revision: u64,
    generation: u64,
) -> ServerConfig {
    let scheme = if generation == 0 {
        AuthScheme::None
    } else {
        AuthScheme::Bearer
    };
    ServerConfig {
        uid: server_uid(tenant, server).to_string(),
        tenant_uid: tenant_uid(tenant).to_string(),
        slug: format!("s{server}"),
        url: format!("https://up.test/r{revision}"),
        first_byte_timeout: None,
        auth_scheme: scheme.into(),
        lease_generation: generation,
        credential_detached: false,
        egress_mode: proto::sync::v1::EgressMode::Shared.into(),
        ..ServerConfig::default()
    }
}

pub(super) fn server_upsert(
    (tenant, server): (u8, u8),
    revision: u64,
    config: &ServerConfig,
) -> Upsert {
    let name = StreamName::Server(tenant_uid(tenant), server_uid(tenant, server));
    upsert(name, Kind::Server, revision, config)
}

pub(super) fn key((tenant, key): (u8, u8), revision: u64) -> Upsert {
    let config = KeyConfig {
        uid: key_uid(tenant, key).to_string(),
        tenant_uid: tenant_uid(tenant).to_string(),
        slug: format!("k-r{revision}"),
        sha256: vec![key; 32].into(),
        all_servers: true,
        ..KeyConfig::default()
    };
    let name = StreamName::Key(tenant_uid(tenant), key_uid(tenant, key));
    upsert(name, Kind::Key, revision, &config)
}

/// A static token for the tenant's first server, whose verifier is its number.
pub(super) fn token((tenant, token): (u8, u8), revision: u64) -> Upsert {
    let uid = token_uid(tenant, token);
    let config = StaticTokenConfig {
        uid: uid.to_string(),
        tenant_uid: tenant_uid(tenant).to_string(),
        slug: format!("tok-r{revision}"),
        server_uid: server_uid(tenant, 1).to_string(),
        r#type: StaticTokenType::Bearer.into(),
        verifier: vec![token; 32].into(),
        pepper_id: "1".to_owned(),
        ..StaticTokenConfig::default()
    };
    let name = StreamName::StaticToken(tenant_uid(tenant), uid);
    upsert(name, Kind::StaticToken, revision, &config)
}

pub(super) fn policy(tenant: u8, revision: u64) -> Upsert {
    let config = PolicyConfig {
        tenant_uid: tenant_uid(tenant).to_string(),
        policy: Some(access::Policy {
            default: "allow".to_owned(),
            ..access::Policy::default()
        }),
    };
    let name = StreamName::Policy(tenant_uid(tenant));
    upsert(name, Kind::Policy, revision, &config)
}

/// Limits for all tenants; the number tells the revision.
pub(super) fn defaults(revision: u64) -> Upsert {
    let limit = access::RateLimit {
        dimension: access::RateDimension::Tenant.into(),
        tokens: revision.try_into().unwrap(),
        ..access::RateLimit::default()
    };
    let limits = vec![limit];
    let config = DefaultsConfig {
        limits: Some(access::RateLimits { limits }),
    };
    upsert(StreamName::Defaults, Kind::Defaults, revision, &config)
}

/// A resource of a kind that this program does not know.
pub(super) fn stranger(revision: u64) -> Upsert {
    Upsert {
        name: format!("tenants/{}/roles/admin", tenant_uid(1)),
        kind: 77,
        revision,
        tenant: tenant_uid(1).to_string(),
        body: vec![1, 2, 3].into(),
    }
}

fn upsert(name: StreamName, kind: Kind, revision: u64, config: &impl Message) -> Upsert {
    Upsert {
        name: name.to_string(),
        kind: kind.into(),
        revision,
        tenant: name.tenant().to_string(),
        body: config.encode_to_vec().into(),
    }
}

pub(super) fn tombstone(of: &Upsert, revision: u64) -> Tombstone {
    Tombstone {
        name: of.name.clone(),
        kind: of.kind,
        revision,
        tenant: of.tenant.clone(),
    }
}

pub(super) fn cursor(revision: u64) -> Cursor {
    Cursor { epoch: 9, revision }
}

pub(super) fn digest<'a>(at: u64, upserts: impl IntoIterator<Item = &'a Upsert>) -> Digest {
    let mut digest = SetDigest::default();
    for upsert in upserts {
        digest.add(&upsert.name, upsert.revision);
    }
    Digest {
        at: Some(cursor(at)),
        count: digest.count(),
        sum: digest.sum().to_vec().into(),
    }
}

pub(super) fn lease((tenant, server): (u8, u8), generation: u64) -> WatchLeasesResponse {
    said(watch_leases_response::Kind::Lease(node::Lease {
        server_uid: server_uid(tenant, server).to_string(),
        tenant_uid: tenant_uid(tenant).to_string(),
        generation,
        header_name: "authorization".to_owned(),
        header_value: format!("Bearer g{generation}").into(),
        origin: "https://up.test:443".to_owned(),
        not_after: Some((UNIX_EPOCH + Duration::from_mins(15)).into()),
        token_headers: Vec::new(),
    }))
}

/// A lease for a server that wants no credential but has static tokens with headers.
pub(super) fn headers_lease(id: (u8, u8), generation: u64) -> WatchLeasesResponse {
    let mut response = lease(id, generation);
    if let Some(watch_leases_response::Kind::Lease(lease)) = &mut response.kind {
        lease.header_name.clear();
        lease.header_value.clear();
        lease.token_headers = vec![node::TokenHeaders {
            token_uid: token_uid(id.0, 1).to_string(),
            headers: vec![node::TokenHeader {
                name: "x-team".to_owned(),
                value: "CANARY".into(),
            }],
        }];
    }
    response
}

pub(super) fn refusal((tenant, server): (u8, u8), generation: u64) -> WatchLeasesResponse {
    said(watch_leases_response::Kind::Refusal(node::Refusal {
        server_uid: server_uid(tenant, server).to_string(),
        generation,
        reason: "CREDENTIAL_UNREADABLE".to_owned(),
    }))
}

pub(super) fn withdrawal((tenant, server): (u8, u8)) -> WatchLeasesResponse {
    said(watch_leases_response::Kind::Withdrawal(node::Withdrawal {
        server_uid: server_uid(tenant, server).to_string(),
    }))
}

pub(super) fn session_keys(tenant: u8, kid: &str) -> WatchLeasesResponse {
    let key = node::SessionKey {
        kid: kid.to_owned(),
        key: vec![7; 32].into(),
        not_before: Some(UNIX_EPOCH.into()),
        not_after: Some((UNIX_EPOCH + Duration::from_hours(1)).into()),
    };
    said(watch_leases_response::Kind::TenantSecrets(
        node::TenantSecrets {
            tenant_uid: tenant_uid(tenant).to_string(),
            session_keys: vec![key],
            ..node::TenantSecrets::default()
        },
    ))
}

pub(super) fn caught_up() -> WatchLeasesResponse {
    said(watch_leases_response::Kind::CaughtUp(node::CaughtUp {}))
}

fn said(kind: watch_leases_response::Kind) -> WatchLeasesResponse {
    WatchLeasesResponse { kind: Some(kind) }
}

/// What stands under a server's slug, in short: `r7` without a credential, `r7+g2` with generation
/// 2, `r7+detached`, `quarantined`, or nothing.
pub(super) fn seen(snapshot: &Snapshot, (tenant, server): (u8, u8)) -> Option<String> {
    let tenant = snapshot.tenant_by_authority(&format!("t{tenant}.test"))?;
    Some(match tenant.server(&format!("s{server}"))? {
        ServerSlot::Quarantined(_) => "quarantined".to_owned(),
        ServerSlot::Serving(server) => {
            let version = server
                .endpoint
                .path_and_query
                .as_str()
                .trim_start_matches('/');
            match &server.credential {
                CredentialUse::None => version.to_owned(),
                CredentialUse::Attach(lease) => format!("{version}+g{}", lease.generation),
                CredentialUse::Detached => format!("{version}+detached"),
            }
        }
    })
}
