//! How a tenant's authorization server behaves and looks: read and replaced as a whole.

use proto::{
    access::v1::OauthSettings,
    admin::v1,
    name::{OauthSettingsName, TenantName},
};

use self::check::check;
use super::{
    Actor, Admin, check_etag, digest, etag,
    field::{self, Checks},
};
use crate::{
    error::Error,
    oauth::issuer::Issuer,
    store::{audit::Entry, tenant::Tenant},
};

/// What settings may say.
mod check;

/// Returns the settings.
pub(super) async fn get(
    admin: &Admin,
    actor: &Actor,
    request: &v1::GetOauthSettingsRequest,
) -> Result<v1::GetOauthSettingsResponse, Error> {
    let name: OauthSettingsName = field::name("name", &request.name)?;
    let tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let settings = tx.oauth_settings()?;
    let revision = tx.tenant().revision;
    Ok(v1::GetOauthSettingsResponse {
        oauth_settings: Some(view(tx.tenant(), settings, revision)),
    })
}

/// Replaces the settings; none means the defaults.
pub(super) async fn set(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetOauthSettingsRequest,
) -> Result<v1::SetOauthSettingsResponse, Error> {
    let given = field::required("oauth_settings", request.oauth_settings)?;
    let name: OauthSettingsName = field::name("oauth_settings.name", &given.name)?;
    let mut checks = Checks::new();
    if let Some(settings) = &given.settings {
        check(&mut checks, settings);
    }
    if !checks.found().is_empty() {
        return Err(checks.into_error());
    }

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let gone = || {
        let tenant = name.tenant.clone();
        Error::NotFound(TenantName { tenant }.to_string())
    };
    let tenant = tx.lock_tenant().await?.ok_or_else(gone)?;
    check_etag(&given.etag, tenant.revision)?;
    let before = tx.oauth_settings()?;
    tx.set_oauth_settings(given.settings.as_ref()).await?;
    let digest = |settings| digest::of(SETTINGS, &view(&tenant, settings, 0));
    let entry = Entry {
        resource: name.to_string(),
        before: Some(digest(before)),
        after: Some(digest(given.settings.clone())),
    };
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::SetOauthSettingsResponse {
        oauth_settings: Some(view(&tenant, given.settings, committed.revision)),
        revision: committed.revision,
    })
}

fn view(
    tenant: &Tenant,
    settings: Option<OauthSettings>,
    revision: u64,
) -> v1::TenantOauthSettings {
    v1::TenantOauthSettings {
        name: format!("{}/oauthSettings", tenant.name()),
        settings,
        issuer: Issuer::canonical(tenant).as_str().to_owned(),
        etag: etag(revision),
    }
}

const SETTINGS: &str = "aldgate.admin.v1.TenantOauthSettings";
