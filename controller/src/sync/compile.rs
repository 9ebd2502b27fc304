//! Rows to stream resources. Pure, and deliberately without judgement: whatever a row holds is passed
//! on, so that nodes can refuse that one resource and say so. Nothing here can fail.

use prost::{Message, bytes::Bytes};
use proto::{
    access::v1::OauthSettings,
    id::{KeyUid, ServerUid, StaticTokenUid, TenantUid},
    name::StreamName,
    sync::v1,
};
use serde_json::Value;
use uuid::Uuid;

use crate::store::document::{self, Misunderstood};

use super::{
    rows::{
        CredentialRow, DefaultsRow, KeyRow, PolicyRow, ServerRow, SigningKeyRow, StaticTokenRow,
        TenantRow, TokenHeadersRow,
    },
    state::{Entry, Sealed, ServerAccess, TenantSealed, kind},
};

/// Tools that were given by hand.
mod tool;

/// A tenant with its wrapped keys, its sealed secrets, and the public keys of its tokens.
pub fn tenant(row: TenantRow, sealed: TenantSealed, signing: Vec<SigningKeyRow>) -> Entry {
    let uid = TenantUid::from_uuid(row.tenant_id);
    let name = StreamName::Tenant(uid);
    let limits = row.limits.map(document::from_json).transpose();
    let oauth = row.oauth.map(document::from_json).transpose();
    let oauth = oauth.map(|oauth| oauth.unwrap_or_else(OauthSettings::default));
    let config = limits.and_then(|limits| Ok((limits, oauth?)));
    let config = config.map(|(limits, oauth)| v1::TenantConfig {
        uid: uid.to_string(),
        slug: row.slug.clone(),
        canonical_origin: row.canonical_origin.unwrap_or_default(),
        alias_origins: row.alias_origins,
        allowed_origins: row
            .allowed_origins
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect(),
        authenticators: document::authenticators(row.authenticators),
        limits,
        signing_keys: signing
            .into_iter()
            .map(|key| v1::SigningKey {
                kid: key.kid,
                x: key.x.into(),
                y: key.y.into(),
            })
            .collect(),
        display_name: row.display_name,
        branding: oauth.branding,
        scopes: oauth.scopes,
        revocation_grace: oauth.revocation_grace,
    });
    Entry {
        name,
        slug: row.slug,
        upsert: understood(name, row.revision, config),
        sealed: Sealed::Tenant(sealed),
    }
}

/// A tenant's policy.
pub fn policy(row: PolicyRow) -> Entry {
    let tenant = TenantUid::from_uuid(row.tenant_id);
    let name = StreamName::Policy(tenant);
    let config = document::from_json(row.body).map(|policy| v1::PolicyConfig {
        tenant_uid: tenant.to_string(),
        policy: Some(policy),
    });
    Entry {
        name,
        slug: "policy".to_owned(),
        upsert: understood(name, row.revision, config),
        sealed: Sealed::Nothing,
    }
}

/// What holds for tenants that say nothing else.
pub fn defaults(row: DefaultsRow) -> Entry {
    let name = StreamName::Defaults;
    let config = document::from_json(row.limits).map(|limits| v1::DefaultsConfig {
        limits: Some(limits),
    });
    Entry {
        name,
        slug: "defaults".to_owned(),
        upsert: understood(name, row.revision, config),
        sealed: Sealed::Nothing,
    }
}

/// A server with its sealed credential, and the headers that calls with its static tokens carry.
pub fn server(row: ServerRow, token_headers: Vec<TokenHeadersRow>) -> Entry {
    let (tenant, server) = (
        TenantUid::from_uuid(row.tenant_id),
        ServerUid::from_uuid(row.server_id),
    );
    let name = StreamName::Server(tenant, server);
    let scheme = auth_scheme(&row.auth_scheme);
    let egress = egress_mode(&row.egress_mode);
    let presents = egress == v1::EgressMode::Shared && scheme != v1::AuthScheme::None;
    // A server whose calls carry nothing waits for no lease, whatever it once had.
    let is_leased = presents
        || token_headers
            .iter()
            .any(|row| has_switched_on(&row.headers));
    let generation = if is_leased {
        row.lease_generation.cast_unsigned()
    } else {
        0
    };
    let detached = presents && row.auth_detached;
    let config = v1::ServerConfig {
        uid: server.to_string(),
        tenant_uid: tenant.to_string(),
        slug: row.slug.clone(),
        url: row.url.clone(),
        first_byte_timeout: row.timeout_ms.map(milliseconds),
        auth_scheme: scheme.into(),
        lease_generation: generation,
        credential_detached: detached,
        authenticators: document::authenticators(row.authenticators),
        egress_mode: egress.into(),
        tools: row.tool_list.as_deref().map(tool::read).unwrap_or_default(),
    };
    let credential = row
        .credential_generation
        .zip(row.credential_origin)
        .zip(row.credential_sealed)
        .map(|((generation, origin), sealed)| CredentialRow {
            generation,
            origin,
            sealed,
        });
    Entry {
        name,
        slug: row.slug,
        upsert: upsert(name, row.revision, &config),
        sealed: Sealed::Access(ServerAccess {
            server,
            url: row.url,
            scheme,
            header: row.auth_header,
            presents,
            generation,
            auth_generation: row.auth_generation.cast_unsigned(),
            detached,
            credential,
            token_headers,
        }),
    }
}

/// An API key.
pub fn key(row: KeyRow) -> Entry {
    let (tenant, key) = (
        TenantUid::from_uuid(row.tenant_id),
        KeyUid::from_uuid(row.key_id),
    );
    let name = StreamName::Key(tenant, key);
    let config = v1::KeyConfig {
        uid: key.to_string(),
        tenant_uid: tenant.to_string(),
        slug: row.slug.clone(),
        sha256: row.sha256.into(),
        all_servers: row.all_servers,
        server_uids: row
            .server_ids
            .into_iter()
            .map(|id: Uuid| ServerUid::from_uuid(id).to_string())
            .collect(),
        disabled: row.disabled,
        expire_time: row.expires_at.map(timestamp),
        // A scope that is no text allows nothing rather than everything.
        scopes: row
            .scopes
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect(),
        previous_sha256: row.previous_sha256.unwrap_or_default().into(),
        previous_expire_time: row.previous_expires_at.map(timestamp),
    };
    Entry {
        name,
        slug: row.slug,
        upsert: upsert(name, row.revision, &config),
        sealed: Sealed::Nothing,
    }
}

/// A static token.
pub fn static_token(row: StaticTokenRow) -> Entry {
    let (tenant, token) = (
        TenantUid::from_uuid(row.tenant_id),
        StaticTokenUid::from_uuid(row.static_token_id),
    );
    let name = StreamName::StaticToken(tenant, token);
    let config = v1::StaticTokenConfig {
        uid: token.to_string(),
        tenant_uid: tenant.to_string(),
        slug: row.slug.clone(),
        server_uid: ServerUid::from_uuid(row.server_id).to_string(),
        r#type: token_type(&row.r#type).into(),
        verifier: row.verifier.into(),
        pepper_id: row.pepper_id,
        expire_time: row.expires_at.map(timestamp),
        subject: if row.subject.is_empty() {
            format!("tokens/{}", row.slug)
        } else {
            row.subject
        },
        roles: row.roles.into_iter().flatten().collect(),
        passthrough: row.passthrough,
        has_headers: has_switched_on(&row.headers),
        disabled: row.disabled,
    };
    Entry {
        name,
        slug: row.slug,
        upsert: upsert(name, row.revision, &config),
        sealed: Sealed::Nothing,
    }
}

/// Whether any of a token's headers goes to the server. A list that is none counts as one that does:
/// calls that may lack a header fail.
fn has_switched_on(headers: &Value) -> bool {
    let Some(headers) = headers.as_array() else {
        return true;
    };
    let is_off = |header: &Value| header.get("passthrough") == Some(&Value::Bool(false));
    !headers.iter().all(is_off)
}

fn egress_mode(text: &str) -> v1::EgressMode {
    match text {
        "shared" => v1::EgressMode::Shared,
        "passthrough" => v1::EgressMode::Passthrough,
        "none" => v1::EgressMode::None,
        _ => v1::EgressMode::Unspecified,
    }
}

fn token_type(text: &str) -> v1::StaticTokenType {
    match text {
        "bearer" => v1::StaticTokenType::Bearer,
        "api_key" => v1::StaticTokenType::ApiKey,
        "x_api_key" => v1::StaticTokenType::XApiKey,
        "basic" => v1::StaticTokenType::Basic,
        _ => v1::StaticTokenType::Unspecified,
    }
}

fn auth_scheme(text: &str) -> v1::AuthScheme {
    match text {
        "none" => v1::AuthScheme::None,
        "bearer" => v1::AuthScheme::Bearer,
        "api_key" => v1::AuthScheme::ApiKey,
        _ => v1::AuthScheme::Unspecified,
    }
}

/// A resource that was stored whole. Where it is not understood, nodes get one that is no resource
/// at all, and refuse it: what they would be told of it in part could let in more than was meant.
fn understood<M: Message>(
    name: StreamName,
    revision: i64,
    config: Result<M, Misunderstood>,
) -> v1::Upsert {
    match config {
        Ok(config) => upsert(name, revision, &config),
        Err(_) => v1::Upsert {
            body: Bytes::from_static(MISUNDERSTOOD),
            ..upsert(name, revision, &())
        },
    }
}

fn upsert(name: StreamName, revision: i64, config: &impl Message) -> v1::Upsert {
    let body = config.encode_to_vec();
    v1::Upsert {
        name: name.to_string(),
        kind: kind(name).into(),
        revision: revision.cast_unsigned(),
        tenant: name.tenant().to_string(),
        // One resource that no frame can carry must not end the stream of all others: without its
        // body, the nodes refuse it as they refuse any malformed one.
        body: if body.len() > MAX_BODY_BYTES {
            Bytes::new()
        } else {
            body.into()
        },
    }
}

/// No message: a field with the number 0.
const MISUNDERSTOOD: &[u8] = &[0];

/// The largest resource that is sent. Frames are at most 4 MiB.
pub const MAX_BODY_BYTES: usize = 1 << 20;

fn milliseconds(millis: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: millis / 1000,
        nanos: i32::try_from(millis % 1000 * 1_000_000).expect("below one second"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates: infinity becomes a time that no node accepts"
)]
fn timestamp(unix_seconds: f64) -> prost_types::Timestamp {
    // Postgres counts microseconds; a double holds them for the next two centuries.
    let micros = ((unix_seconds - unix_seconds.floor()) * 1e6).round() as i32;
    prost_types::Timestamp {
        seconds: unix_seconds.floor() as i64,
        nanos: micros.clamp(0, 999_999) * 1000,
    }
}

#[cfg(test)]
mod tests;
