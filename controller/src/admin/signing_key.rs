//! The keys that a tenant's tokens are signed with: listed, and replaced before their time.

use proto::{admin::v1, name::TenantName};
use time::OffsetDateTime;

use super::{Actor, Admin, field, timestamp};
use crate::{
    error::Error,
    oauth,
    store::{
        audit::Entry,
        signing_key::{SigningKey, State},
        tenant::Tenant,
    },
};

pub(super) async fn list(
    admin: &Admin,
    actor: &Actor,
    request: &v1::ListSigningKeysRequest,
) -> Result<v1::ListSigningKeysResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let keys = tx.signing_keys().await?;
    let (tenant, now) = (tx.tenant(), tx.time());
    Ok(v1::ListSigningKeysResponse {
        signing_keys: keys.iter().map(|key| view(tenant, key, now)).collect(),
    })
}

pub(super) async fn rotate(
    admin: &Admin,
    actor: &Actor,
    request: &v1::RotateSigningKeyRequest,
) -> Result<v1::RotateSigningKeyResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let tenant = tx.lock_tenant().await?;
    let tenant = tenant.ok_or_else(|| Error::NotFound(parent.to_string()))?;
    let now = tx.time();
    let key = oauth::key::rotate(&mut tx, &admin.0.vault, request.now).await?;
    let entry = Entry {
        resource: name(&tenant, &key),
        before: None,
        after: None,
    };
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::RotateSigningKeyResponse {
        signing_key: Some(view(&tenant, &key, now)),
        revision: committed.revision,
    })
}

fn name(tenant: &Tenant, key: &SigningKey) -> String {
    format!("{}/signingKeys/{}", tenant.name(), key.kid)
}

fn view(tenant: &Tenant, key: &SigningKey, now: OffsetDateTime) -> v1::SigningKey {
    let state = match key.state(now) {
        State::Announced => v1::SigningKeyState::Announced,
        State::Active => v1::SigningKeyState::Active,
        State::Retiring => v1::SigningKeyState::Retiring,
        State::Gone => v1::SigningKeyState::Gone,
    };
    v1::SigningKey {
        name: name(tenant, key),
        state: state.into(),
        revoked: key.revoked,
        create_time: Some(timestamp(key.created_at)),
        active_time: Some(timestamp(key.active_at)),
        retire_time: key.retire_at.map(timestamp),
        gone_time: key.gone_at.map(timestamp),
    }
}
