//! Identity providers: registered, changed, removed. Our secret at a provider is sealed and never told
//! again.

use proto::{
    admin::v1::{self, identity_provider_service_server::IdentityProviderService},
    id::{IdentityProviderUid, UserUid},
    name::{IdentityProviderName, Slug, TenantName},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;
use zeroize::Zeroizing;

use self::given::{check, endpoint, vet};
use super::{
    Actor, Admin,
    again::again,
    called, check_etag, digest, etag,
    field::{self, Checks},
    last,
    mask::Mask,
    page::List,
    timestamp,
};
use crate::{
    error::Error,
    oauth::{idp, issuer::Issuer, rights},
    store::{
        OneTenant, StoreError, Tx,
        audit::Entry,
        identity_provider::{GroupRoles, IdentityProvider},
        tenant::Tenant,
    },
    vault::Place,
};

/// What requests hold.
mod given;

#[tonic::async_trait]
impl IdentityProviderService for Admin {
    async fn create_identity_provider(
        &self,
        request: Request<v1::CreateIdentityProviderRequest>,
    ) -> Result<Response<v1::CreateIdentityProviderResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_identity_provider(
        &self,
        request: Request<v1::GetIdentityProviderRequest>,
    ) -> Result<Response<v1::GetIdentityProviderResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: IdentityProviderName = field::name("name", &request.name)?;
        let mut tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        let found = tx.identity_provider(&name.identity_provider).await;
        let provider = found.map_err(Error::from)?;
        let provider = provider.ok_or_else(|| Error::NotFound(name.to_string()))?;
        Ok(Response::new(v1::GetIdentityProviderResponse {
            identity_provider: Some(view(tx.tenant(), &provider)),
        }))
    }

    async fn list_identity_providers(
        &self,
        request: Request<v1::ListIdentityProvidersRequest>,
    ) -> Result<Response<v1::ListIdentityProvidersResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_identity_provider(
        &self,
        request: Request<v1::UpdateIdentityProviderRequest>,
    ) -> Result<Response<v1::UpdateIdentityProviderResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(update(self, &actor, request).await?))
    }

    async fn delete_identity_provider(
        &self,
        request: Request<v1::DeleteIdentityProviderRequest>,
    ) -> Result<Response<v1::DeleteIdentityProviderResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| delete(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateIdentityProviderRequest,
) -> Result<v1::CreateIdentityProviderResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let mut given = field::required("identity_provider", request.identity_provider)?;
    let secret = Zeroizing::new(std::mem::take(&mut given.client_secret));
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("identity_provider_id", &request.identity_provider_id);
    let endpoint = endpoint(&mut checks, &given.issuer);
    check(&mut checks, &given, &secret, &Mask::all(&CHANGEABLE));
    let (Some(slug), Some(endpoint), []) = (slug, endpoint, checks.found()) else {
        return Err(checks.into_error());
    };
    // The tenant first: whoever may not see it learns nothing of what names resolve to.
    drop(actor.enter(&admin.0.store, &parent.tenant, &parent).await?);
    vet(admin, &endpoint.origin).await?;

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let mut provider = IdentityProvider {
        uid: IdentityProviderUid::from_uuid(Uuid::now_v7()),
        slug: slug.to_string(),
        display_name: given.display_name,
        issuer: given.issuer,
        client_id: given.client_id,
        secret_sealed: None,
        scopes: given.scopes,
        groups_claim: given.groups_claim,
        group_roles: stored(given.group_roles),
        login_claim: given.login_claim,
        create_users: given.create_users,
        email_domains: lower(given.email_domains),
        disabled: given.disabled,
        etag: 1,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    provider.secret_sealed = seal(admin, &mut tx, provider.uid, &secret).await?;
    let inserted = tx.insert_identity_provider(&provider).await;
    inserted.map_err(|error| Error::on_insert(error, "identity_provider_id"))?;
    let entry = entry(tx.tenant(), None, Some(&provider));
    let shown = view(tx.tenant(), &provider);
    tx.commit_recorded(&entry).await?;
    Ok(v1::CreateIdentityProviderResponse {
        identity_provider: Some(shown),
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListIdentityProvidersRequest,
) -> Result<v1::ListIdentityProvidersResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "identityProviders.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let found = tx.identity_providers(&page.after, page.limit()).await?;
    let found = found.iter().map(|provider| view(tx.tenant(), provider));
    let mut identity_providers: Vec<_> = found.collect();
    let next_page_token = pages.cut(list, &page, &mut identity_providers, |provider| {
        last(&provider.name)
    });
    Ok(v1::ListIdentityProvidersResponse {
        identity_providers,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateIdentityProviderRequest,
) -> Result<v1::UpdateIdentityProviderResponse, Error> {
    let mut given = field::required("identity_provider", request.identity_provider)?;
    let name: IdentityProviderName = field::name("identity_provider.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &CHANGEABLE)?;
    let secret = Zeroizing::new(std::mem::take(&mut given.client_secret));
    let mut checks = Checks::new();
    check(&mut checks, &given, &secret, &mask);
    if !checks.found().is_empty() {
        return Err(checks.into_error());
    }
    let (mut tx, before) = lock(admin, actor, &name).await?;
    check_etag(&given.etag, before.etag)?;
    let mut after = changed(&before, given, &mask);
    if mask.names("client_secret") {
        after.secret_sealed = seal(admin, &mut tx, after.uid, &secret).await?;
    }
    after.etag += 1;
    after.updated_at = tx.time();
    tx.update_identity_provider(&after).await?;
    for user in regrant(&mut tx, &before, &after).await? {
        rights::cut(&mut tx, user);
    }
    let entry = entry(tx.tenant(), Some(&before), Some(&after));
    let shown = view(tx.tenant(), &after);
    tx.commit_recorded(&entry).await?;
    Ok(v1::UpdateIdentityProviderResponse {
        identity_provider: Some(shown),
    })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteIdentityProviderRequest,
) -> Result<v1::DeleteIdentityProviderResponse, Error> {
    let name: IdentityProviderName = field::name("name", &request.name)?;
    let (mut tx, provider) = lock(admin, actor, &name).await?;
    check_etag(&request.etag, provider.etag)?;
    // What the provider's groups gave goes with it.
    let users = tx.users_of_provider(provider.uid).await?;
    tx.come_first().await?;
    tx.lock_users(&users).await?;
    for user in users {
        rights::cut(&mut tx, user);
    }
    tx.delete_identity_provider(provider.uid).await?;
    let entry = entry(tx.tenant(), Some(&provider), None);
    tx.commit_recorded(&entry).await?;
    Ok(v1::DeleteIdentityProviderResponse {})
}

async fn lock(
    admin: &Admin,
    actor: &Actor,
    name: &IdentityProviderName,
) -> Result<(Tx<OneTenant>, IdentityProvider), Error> {
    let mut tx = actor.enter(&admin.0.store, &name.tenant, name).await?;
    let found = tx.lock_identity_provider(&name.identity_provider).await?;
    let provider = found.ok_or_else(|| Error::NotFound(name.to_string()))?;
    Ok((tx, provider))
}

/// Brings what the provider's groups gave up to its new values; those who lost something. What groups
/// another claim lists, nobody knows before the next sign-in.
async fn regrant(
    tx: &mut Tx<OneTenant>,
    before: &IdentityProvider,
    after: &IdentityProvider,
) -> Result<Vec<UserUid>, StoreError> {
    let nobody_knows =
        after.groups_claim != before.groups_claim || after.disabled && !before.disabled;
    if !nobody_knows && after.group_roles == before.group_roles {
        return Ok(Vec::new());
    }
    let users = tx.users_of_provider(after.uid).await?;
    tx.come_first().await?;
    tx.lock_users(&users).await?;
    if nobody_knows {
        tx.clear_identities(after.uid).await
    } else {
        tx.regrant_identities(after.uid, &after.group_roles).await
    }
}

/// The provider with the new values that the mask names, but for the secret.
fn changed(
    before: &IdentityProvider,
    given: v1::IdentityProvider,
    mask: &Mask,
) -> IdentityProvider {
    let mut after = before.clone();
    if mask.names("display_name") {
        after.display_name = given.display_name;
    }
    if mask.names("client_id") {
        after.client_id = given.client_id;
    }
    if mask.names("scopes") {
        after.scopes = given.scopes;
    }
    if mask.names("groups_claim") {
        after.groups_claim = given.groups_claim;
    }
    if mask.names("group_roles") {
        after.group_roles = stored(given.group_roles);
    }
    if mask.names("login_claim") {
        after.login_claim = given.login_claim;
    }
    if mask.names("create_users") {
        after.create_users = given.create_users;
    }
    if mask.names("email_domains") {
        after.email_domains = lower(given.email_domains);
    }
    if mask.names("disabled") {
        after.disabled = given.disabled;
    }
    after
}

async fn seal(
    admin: &Admin,
    tx: &mut Tx<OneTenant>,
    provider: IdentityProviderUid,
    secret: &str,
) -> Result<Option<Vec<u8>>, Error> {
    if secret.is_empty() {
        return Ok(None);
    }
    let keys = tx.tenant_keys().await?;
    let place = Place::provider_secret(tx.tenant().uid, provider);
    Ok(Some(admin.0.vault.seal(
        &keys,
        &place,
        secret.as_bytes(),
    )?))
}

/// The record of a change; of the secret it tells that it changed.
fn entry(
    tenant: &Tenant,
    before: Option<&IdentityProvider>,
    after: Option<&IdentityProvider>,
) -> Entry {
    let digest = |provider: &IdentityProvider| {
        let unseen = provider.secret_sealed.as_deref().unwrap_or_default();
        digest::with(PROVIDER, &view(tenant, provider), unseen)
    };
    let slug = after.or(before).map_or("", |provider| &provider.slug);
    Entry {
        resource: format!("{}/identityProviders/{slug}", tenant.name()),
        before: before.map(digest),
        after: after.map(digest),
    }
}

fn view(tenant: &Tenant, provider: &IdentityProvider) -> v1::IdentityProvider {
    let group_roles = provider.group_roles.iter().map(|given| v1::GroupRoles {
        group: given.group.clone(),
        roles: given.roles.clone(),
    });
    v1::IdentityProvider {
        name: format!("{}/identityProviders/{}", tenant.name(), provider.slug),
        uid: provider.uid.to_string(),
        display_name: provider.display_name.clone(),
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        client_secret: String::new(),
        scopes: provider.scopes.clone(),
        groups_claim: provider.groups_claim.clone(),
        group_roles: group_roles.collect(),
        login_claim: provider.login_claim.clone(),
        create_users: provider.create_users,
        email_domains: provider.email_domains.clone(),
        disabled: provider.disabled,
        redirect_uri: idp::redirect_uri(&Issuer::canonical(tenant), &provider.slug),
        create_time: Some(timestamp(provider.created_at)),
        update_time: Some(timestamp(provider.updated_at)),
        etag: etag(provider.etag),
    }
}

fn stored(given: Vec<v1::GroupRoles>) -> Vec<GroupRoles> {
    let stored = given.into_iter().map(|given| GroupRoles {
        group: given.group,
        roles: given.roles,
    });
    stored.collect()
}

fn lower(domains: Vec<String>) -> Vec<String> {
    let lower = domains
        .into_iter()
        .map(|domain| domain.to_ascii_lowercase());
    lower.collect()
}

const CHANGEABLE: [&str; 10] = [
    "display_name",
    "client_id",
    "client_secret",
    "scopes",
    "groups_claim",
    "group_roles",
    "login_claim",
    "create_users",
    "email_domains",
    "disabled",
];
const PROVIDER: &str = "aldgate.admin.v1.IdentityProvider";
