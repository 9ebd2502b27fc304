//! Tenants: registered, changed and removed by the operator of the installation.

use egress::{Endpoint, Origin};
use proto::{
    admin::v1::{self, tenant_service_server::TenantService},
    id::TenantUid,
    name::{Slug, TenantName},
    sync::v1::RevocationKind,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Admin,
    again::again,
    called, check_etag, digest, etag,
    field::{self, Checks, DISPLAY_NAME},
    last,
    mask::Mask,
    origin,
    page::List,
    timestamp,
};
use crate::{
    admin::{Actor, PublicScheme},
    error::{Error, Violation},
    oauth,
    store::{
        Scope, Tx,
        audit::Entry,
        revocation::{self, Revoked, Until},
        tenant::Tenant,
    },
};

#[tonic::async_trait]
impl TenantService for Admin {
    async fn create_tenant(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<Response<v1::CreateTenantResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_tenant(
        &self,
        request: Request<v1::GetTenantRequest>,
    ) -> Result<Response<v1::GetTenantResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: TenantName = field::name("name", &request.name)?;
        let tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        Ok(Response::new(v1::GetTenantResponse {
            tenant: Some(view(tx.tenant())),
        }))
    }

    async fn list_tenants(
        &self,
        request: Request<v1::ListTenantsRequest>,
    ) -> Result<Response<v1::ListTenantsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_tenant(
        &self,
        request: Request<v1::UpdateTenantRequest>,
    ) -> Result<Response<v1::UpdateTenantResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(update(self, &actor, request).await?))
    }

    async fn delete_tenant(
        &self,
        request: Request<v1::DeleteTenantRequest>,
    ) -> Result<Response<v1::DeleteTenantResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| delete(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateTenantRequest,
) -> Result<v1::CreateTenantResponse, Error> {
    let given = field::required("tenant", request.tenant)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("tenant_id", &request.tenant_id);
    checks.line("tenant.display_name", &given.display_name, DISPLAY_NAME);
    let origins = origins(
        &mut checks,
        admin.0.public_scheme,
        &given.host,
        &given.alias_hosts,
    );
    let allowed_origins = allowed_origins(&mut checks, &given.allowed_origins);
    let (Some(slug), []) = (slug, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter_platform(&admin.0.store).await?;
    refuse_servers(&mut tx, &origins).await?;
    let tenant = Tenant {
        uid: TenantUid::from_uuid(Uuid::now_v7()),
        slug: slug.to_string(),
        display_name: given.display_name,
        origins,
        allowed_origins,
        revision: 0,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    let key = admin.0.vault.create_tenant_key(tenant.uid);
    let now = tx.time();
    let signing = oauth::key::create(
        &admin.0.vault,
        std::slice::from_ref(&key),
        tenant.uid,
        now,
        now,
    )?;
    tx.insert_tenant(&tenant, &key)
        .await
        .map_err(Error::on_origins)?;
    tx.insert_signing_key(tenant.uid, &signing).await?;
    let committed = tx
        .commit_change(&entry(&tenant, None, Some(&tenant)))
        .await?;
    Ok(v1::CreateTenantResponse {
        tenant: Some(view(&tenant.after(committed))),
        revision: committed.revision,
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListTenantsRequest,
) -> Result<v1::ListTenantsResponse, Error> {
    let list = List {
        of: "tenants.list",
        parent: "",
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let tenants = tx.tenants(&page.after, page.limit()).await?;
    let mut tenants: Vec<_> = tenants.iter().map(view).collect();
    let next_page_token = pages.cut(list, &page, &mut tenants, |tenant| last(&tenant.name));
    Ok(v1::ListTenantsResponse {
        tenants,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateTenantRequest,
) -> Result<v1::UpdateTenantResponse, Error> {
    let given = field::required("tenant", request.tenant)?;
    let name: TenantName = field::name("tenant.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &CHANGEABLE)?;

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let moves = mask.names("host") || mask.names("alias_hosts");
    if moves {
        tx.lock_origins().await?;
    }
    let before = tx.lock_tenant().await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&given.etag, before.revision)?;
    let after = changed(&before, given, &mask, admin.0.public_scheme)?;
    if moves {
        refuse_servers(&mut tx, &after.origins).await?;
    }
    tx.update_tenant(&after).await.map_err(Error::on_origins)?;
    let committed = tx
        .commit_change(&entry(&after, Some(&before), Some(&after)))
        .await?;
    Ok(v1::UpdateTenantResponse {
        tenant: Some(view(&after.after(committed))),
        revision: committed.revision,
    })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteTenantRequest,
) -> Result<v1::DeleteTenantResponse, Error> {
    let name: TenantName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let tenant = tx.lock_tenant().await?;
    let tenant = tenant.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, tenant.revision)?;
    tx.delete_tenant(&tenant).await?;
    tx.revoke(Revoked {
        kind: RevocationKind::Tenant,
        id: tenant.uid.to_string(),
        until: Until::Ever,
        life: revocation::CONFIG_LIFE,
    });
    let committed = tx
        .commit_change(&entry(&tenant, Some(&tenant), None))
        .await?;
    Ok(v1::DeleteTenantResponse {
        revision: committed.revision,
    })
}

/// The tenant with the masked fields as given.
fn changed(
    before: &Tenant,
    given: v1::Tenant,
    mask: &Mask,
    scheme: PublicScheme,
) -> Result<Tenant, Error> {
    let mut checks = Checks::new();
    let mut after = before.clone();
    if mask.names("display_name") {
        checks.line("tenant.display_name", &given.display_name, DISPLAY_NAME);
        after.display_name = given.display_name;
    }
    if mask.names("host") || mask.names("alias_hosts") {
        let (host, aliases) = before
            .origins
            .split_first()
            .map_or(("", &[][..]), |(host, rest)| (host.as_str(), rest));
        let host = if mask.names("host") {
            &given.host
        } else {
            host
        };
        let aliases = if mask.names("alias_hosts") {
            &given.alias_hosts
        } else {
            aliases
        };
        after.origins = origins(&mut checks, scheme, host, aliases);
    }
    if mask.names("allowed_origins") {
        after.allowed_origins = allowed_origins(&mut checks, &given.allowed_origins);
    }
    if checks.found().is_empty() {
        Ok(after)
    } else {
        Err(checks.into_error())
    }
}

/// Refuses an origin where a server is, whichever tenant's: the gateway would call itself (HN-19).
async fn refuse_servers<S: Scope>(tx: &mut Tx<S>, origins: &[String]) -> Result<(), Error> {
    let places = origins.iter().map(|text| {
        let endpoint = Endpoint::parse(text).expect("it was read as an origin");
        let places = origin::same_place(&endpoint.origin);
        places.iter().map(Origin::to_string).collect::<Vec<_>>()
    });
    let places: Vec<_> = places.collect();
    let called = tx.called_among(&places.concat()).await?;
    let text = "is where a registered server is; give a host of this installation's own";
    let violations: Vec<_> = places
        .iter()
        .enumerate()
        .filter(|(_, places)| places.iter().any(|place| called.contains(place)))
        .map(|(position, _)| Violation::of_origin(position, text))
        .collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(violations))
    }
}

/// The canonical origin and the aliases, checked. An origin stands once.
fn origins(
    checks: &mut Checks,
    scheme: PublicScheme,
    host: &str,
    aliases: &[String],
) -> Vec<String> {
    if aliases.len() > MAX_ALIASES {
        checks.refuse(
            "tenant.alias_hosts",
            format!("must be at most {MAX_ALIASES}"),
        );
        return Vec::new();
    }
    let aliases = aliases.iter().enumerate();
    let fields = aliases.map(|(at, text)| (format!("tenant.alias_hosts[{at}]"), text.as_str()));
    let mut origins = Vec::new();
    for (field, text) in std::iter::once(("tenant.host".to_owned(), host)).chain(fields) {
        let Some(origin) = checks.keep(field.clone(), scheme.complete(text)) else {
            continue;
        };
        if origins.contains(&origin) {
            checks.refuse(field, "is given twice");
        }
        origins.push(origin);
    }
    origins
}

/// Web origins, each once.
fn allowed_origins(checks: &mut Checks, given: &[String]) -> Vec<String> {
    if given.len() > MAX_ALLOWED {
        checks.refuse(
            "tenant.allowed_origins",
            format!("must be at most {MAX_ALLOWED}"),
        );
        return Vec::new();
    }
    let mut origins = Vec::new();
    for (at, text) in given.iter().enumerate() {
        let field = format!("tenant.allowed_origins[{at}]");
        if let Some(origin) = checks.keep(field, origin::full(text))
            && !origins.contains(&origin)
        {
            origins.push(origin);
        }
    }
    origins
}

fn entry(tenant: &Tenant, before: Option<&Tenant>, after: Option<&Tenant>) -> Entry {
    let digest = |tenant: &Tenant| digest::of("aldgate.admin.v1.Tenant", &view(tenant));
    Entry {
        resource: tenant.name(),
        before: before.map(digest),
        after: after.map(digest),
    }
}

fn view(tenant: &Tenant) -> v1::Tenant {
    v1::Tenant {
        name: tenant.name(),
        uid: tenant.uid.to_string(),
        display_name: tenant.display_name.clone(),
        host: tenant.canonical_origin().to_owned(),
        alias_hosts: tenant.origins.iter().skip(1).cloned().collect(),
        allowed_origins: tenant.allowed_origins.clone(),
        create_time: Some(timestamp(tenant.created_at)),
        update_time: Some(timestamp(tenant.updated_at)),
        etag: etag(tenant.revision),
        revision: tenant.revision,
    }
}

const CHANGEABLE: [&str; 4] = ["display_name", "host", "alias_hosts", "allowed_origins"];
const MAX_ALIASES: usize = 16;
const MAX_ALLOWED: usize = 64;
