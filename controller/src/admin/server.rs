//! MCP servers: registered with their credentials, changed and removed by a tenant.

use egress::Endpoint;
use proto::{
    access::v1::Authenticators,
    admin::v1::{self, server_service_server::ServerService},
    id::ServerUid,
    name::{ServerName, Slug, TenantName},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::{
    auth::{detach, present},
    registration::{changed, read_new, url},
};
use super::{
    Actor, Admin, authenticator, called, check_etag, credential, digest, etag,
    field::{self, Checks},
    key, last,
    mask::Mask,
    page::{BYTES, List},
    timestamp,
};
use crate::{
    error::Error,
    store::{
        OneTenant, Tx,
        audit::Entry,
        server::{Auth, EgressMode, Server},
        tenant::Tenant,
    },
};

/// What is presented to it.
mod auth;

/// What a tenant says of a server, checked.
mod registration;

#[tonic::async_trait]
impl ServerService for Admin {
    async fn create_server(
        &self,
        request: Request<v1::CreateServerRequest>,
    ) -> Result<Response<v1::CreateServerResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_server(
        &self,
        request: Request<v1::GetServerRequest>,
    ) -> Result<Response<v1::GetServerResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: ServerName = field::name("name", &request.name)?;
        let mut tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        let found = tx.server(&name.server).await.map_err(Error::from)?;
        let server = found.ok_or_else(|| Error::NotFound(name.to_string()))?;
        Ok(Response::new(v1::GetServerResponse {
            server: Some(view(tx.tenant(), &server)),
        }))
    }

    async fn list_servers(
        &self,
        request: Request<v1::ListServersRequest>,
    ) -> Result<Response<v1::ListServersResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_server(
        &self,
        request: Request<v1::UpdateServerRequest>,
    ) -> Result<Response<v1::UpdateServerResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(update(self, &actor, request).await?))
    }

    async fn delete_server(
        &self,
        request: Request<v1::DeleteServerRequest>,
    ) -> Result<Response<v1::DeleteServerResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(delete(self, &actor, request).await?))
    }

    async fn set_server_credential(
        &self,
        request: Request<v1::SetServerCredentialRequest>,
    ) -> Result<Response<v1::SetServerCredentialResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            auth::set_credential(self, &actor, request).await?,
        ))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateServerRequest,
) -> Result<v1::CreateServerResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let mut given = field::required("server", request.server)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("server_id", &request.server_id);
    let authenticators = given.authenticators.take();
    let authenticators = authenticator::Given::read(&mut checks, AUTHENTICATORS, authenticators);
    let registration = read_new(&mut checks, given);
    let credential = match request.credential {
        Some(input) => credential::read(&mut checks, input),
        None => Some(credential::Given::None),
    };
    let (Some(slug), Some((endpoint, registration)), Some(credential), []) =
        (slug, registration, credential, checks.found())
    else {
        return Err(checks.into_error());
    };
    // The tenant first: whoever may not see it learns nothing of what its names resolve to.
    drop(actor.enter(&admin.0.store, &parent.tenant, &parent).await?);
    url::vet(admin, &endpoint.origin).await?;
    if let Some(authenticators) = &authenticators {
        authenticators.vet(admin).await?;
    }

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    url::refuse_own(&mut tx, &endpoint.origin).await?;
    if authenticators.is_some() {
        // The tenant before its servers, as everywhere: what nodes hold of it may change.
        tx.lock_tenant().await?;
    }
    let mut server = Server {
        authenticators: authenticator::settle(admin, &mut tx, authenticators, None).await?,
        egress: registration.egress,
        lease_generation: 0,
        uid: ServerUid::from_uuid(Uuid::new_v4()),
        slug: slug.to_string(),
        auth: Auth::none(),
        revision: 0,
        created_at: tx.time(),
        updated_at: tx.time(),
        display_name: registration.display_name,
        description: registration.description,
        url: endpoint.to_string(),
        origin: endpoint.origin.to_string(),
        timeout: registration.timeout,
        tool_list: registration.tool_list,
    };
    let sealed = present(admin, &mut tx, &mut server, &endpoint.origin, credential).await?;
    tx.insert_server(&server)
        .await
        .map_err(|error| Error::on_insert(error, "server_id"))?;
    if let Some(sealed) = &sealed {
        tx.put_credential(sealed).await?;
    }
    let primary = if request.omit_primary_key {
        None
    } else {
        Some(key::add_primary(&mut tx, &server).await?)
    };
    let tenant = tx.tenant().clone();
    let entry = entry(&tenant, &server, None, Some(&server));
    let committed = tx.commit_change(&entry).await?;
    let secret = primary.as_ref().map(|(_, secret)| secret.expose());
    Ok(v1::CreateServerResponse {
        server: Some(view(&tenant, &server.after(committed))),
        revision: committed.revision,
        primary_key_secret: secret.unwrap_or_default().to_owned(),
        primary_key: primary.map(|(key, _)| key::view(&tenant, &key.after(committed))),
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListServersRequest,
) -> Result<v1::ListServersResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "servers.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let servers = tx.servers(&page.after, page.limit(), BYTES).await?;
    let servers = servers.iter().map(|server| view(tx.tenant(), server));
    let mut servers: Vec<_> = servers.collect();
    let next_page_token = pages.cut(list, &page, &mut servers, |server| last(&server.name));
    Ok(v1::ListServersResponse {
        servers,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateServerRequest,
) -> Result<v1::UpdateServerResponse, Error> {
    let mut given = field::required("server", request.server)?;
    let name: ServerName = field::name("server.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &registration::CHANGEABLE)?;
    let authenticators = given.authenticators.take();
    let places = Places::read(&given, &mask, authenticators)?;
    if !places.is_empty() {
        // The tenant first: whoever may not see it learns nothing of what names resolve to.
        drop(actor.enter(&admin.0.store, &name.tenant, &name).await?);
        places.vet(admin).await?;
    }

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    if let Some(endpoint) = &places.endpoint {
        url::refuse_own(&mut tx, &endpoint.origin).await?;
    }
    if mask.names("authenticators") {
        // The tenant before its servers, as everywhere: what nodes hold of it may change.
        tx.lock_tenant().await?;
    }
    let before = tx.lock_server(&name.server).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&given.etag, before.revision)?;
    let mut after = changed(&before, given, &mask)?;
    if let Some(endpoint) = places.endpoint {
        let moved = Endpoint::parse(&before.url).map(|old| old.origin).ok()
            != Some(endpoint.origin.clone());
        after.url = endpoint.to_string();
        after.origin = endpoint.origin.to_string();
        if moved {
            detach(&mut tx, &mut after).await?;
        }
    }
    if after.egress != before.egress {
        // What a lease holds depends on it.
        after.lease_generation += 1;
    }
    tx.update_server(&after).await?;
    if mask.names("authenticators") {
        let stored = before.authenticators.as_ref();
        after.authenticators =
            authenticator::settle(admin, &mut tx, places.authenticators, stored).await?;
        tx.set_server_authenticators(&after).await?;
    }
    let (server, revision) = commit(tx, Some(&before), after).await?;
    Ok(v1::UpdateServerResponse {
        server: Some(server),
        revision,
    })
}

/// What an update names of places elsewhere, to be looked at before anything is locked.
struct Places {
    endpoint: Option<Endpoint>,
    authenticators: Option<authenticator::Given>,
}

impl Places {
    fn read(
        given: &v1::Server,
        mask: &Mask,
        authenticators: Option<Authenticators>,
    ) -> Result<Self, Error> {
        let mut checks = Checks::new();
        let endpoint = if mask.names("url") {
            checks.parse("server.url", &given.url)
        } else {
            None
        };
        let authenticators = authenticators.filter(|_| mask.names("authenticators"));
        let authenticators =
            authenticator::Given::read(&mut checks, AUTHENTICATORS, authenticators);
        if !checks.found().is_empty() {
            return Err(checks.into_error());
        }
        Ok(Self {
            endpoint,
            authenticators,
        })
    }

    fn is_empty(&self) -> bool {
        self.endpoint.is_none() && self.authenticators.is_none()
    }

    async fn vet(&self, admin: &Admin) -> Result<(), Error> {
        if let Some(endpoint) = &self.endpoint {
            url::vet(admin, &endpoint.origin).await?;
        }
        match &self.authenticators {
            Some(authenticators) => authenticators.vet(admin).await,
            None => Ok(()),
        }
    }
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteServerRequest,
) -> Result<v1::DeleteServerResponse, Error> {
    let name: ServerName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    tx.lock_tenant().await?;
    let server = tx.lock_server(&name.server).await?;
    let server = server.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, server.revision)?;
    tx.delete_server(&server).await?;
    let secrets = authenticator::secrets(server.authenticators.as_ref());
    tx.delete_jwt_secrets(&secrets).await?;
    let entry = entry(tx.tenant(), &server, Some(&server), None);
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::DeleteServerResponse {
        revision: committed.revision,
    })
}

/// Commits a server's new values and shows them as they are stored.
async fn commit(
    tx: Tx<OneTenant>,
    before: Option<&Server>,
    after: Server,
) -> Result<(v1::Server, u64), Error> {
    let tenant = tx.tenant().clone();
    let entry = entry(&tenant, &after, before, Some(&after));
    let committed = tx.commit_change(&entry).await?;
    Ok((view(&tenant, &after.after(committed)), committed.revision))
}

fn entry(
    tenant: &Tenant,
    server: &Server,
    before: Option<&Server>,
    after: Option<&Server>,
) -> Entry {
    let digest = |server: &Server| digest::of("aldgate.admin.v1.Server", &view(tenant, server));
    Entry {
        resource: format!("{}/servers/{}", tenant.name(), server.slug),
        before: before.map(digest),
        after: after.map(digest),
    }
}

fn view(tenant: &Tenant, server: &Server) -> v1::Server {
    v1::Server {
        name: format!("{}/servers/{}", tenant.name(), server.slug),
        uid: server.uid.to_string(),
        display_name: server.display_name.clone(),
        description: server.description.clone(),
        url: server.url.clone(),
        timeout: server.timeout.and_then(|timeout| timeout.try_into().ok()),
        tool_list_json: server.tool_list.clone().unwrap_or_default(),
        credential: Some(credential::view(&server.auth)),
        create_time: Some(timestamp(server.created_at)),
        update_time: Some(timestamp(server.updated_at)),
        etag: etag(server.revision),
        revision: server.revision,
        mcp_url: format!("{}/mcp/{}", tenant.canonical_origin(), server.slug),
        authenticators: server.authenticators.clone(),
        egress_mode: match server.egress {
            EgressMode::Shared => v1::EgressMode::Shared,
            EgressMode::Passthrough => v1::EgressMode::Passthrough,
            EgressMode::None => v1::EgressMode::None,
        }
        .into(),
    }
}

const AUTHENTICATORS: &str = "server.authenticators";
