//! MCP servers: registered with their credentials, changed and removed by a tenant.

use egress::{Endpoint, Origin};
use proto::{
    admin::v1::{self, server_service_server::ServerService},
    id::ServerUid,
    name::{ServerName, Slug, TenantName},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::registration::{changed, read_new, url};
use super::{
    Actor, Admin, called, check_etag, credential, digest, etag,
    field::{self, Checks},
    last,
    mask::Mask,
    page::{BYTES, List},
    timestamp,
};
use crate::{
    error::Error,
    store::{
        OneTenant, Tx,
        audit::Entry,
        server::{Auth, Server},
        tenant::Tenant,
    },
    vault::{AuthScheme, SealedCredential},
};

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
        Ok(Response::new(set_credential(self, &actor, request).await?))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateServerRequest,
) -> Result<v1::CreateServerResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let given = field::required("server", request.server)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("server_id", &request.server_id);
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

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    url::refuse_own(&mut tx, &endpoint.origin).await?;
    let mut server = Server {
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
    let (server, revision) = commit(tx, None, server).await?;
    Ok(v1::CreateServerResponse {
        server: Some(server),
        revision,
        ..v1::CreateServerResponse::default()
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
    let given = field::required("server", request.server)?;
    let name: ServerName = field::name("server.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &registration::CHANGEABLE)?;
    let endpoint = if mask.names("url") {
        let endpoint = url::read(&given.url)?;
        drop(actor.enter(&admin.0.store, &name.tenant, &name).await?);
        url::vet(admin, &endpoint.origin).await?;
        Some(endpoint)
    } else {
        None
    };

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    if let Some(endpoint) = &endpoint {
        url::refuse_own(&mut tx, &endpoint.origin).await?;
    }
    let before = tx.lock_server(&name.server).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&given.etag, before.revision)?;
    let mut after = changed(&before, given, &mask)?;
    if let Some(endpoint) = endpoint {
        let moved = Endpoint::parse(&before.url).map(|old| old.origin).ok()
            != Some(endpoint.origin.clone());
        after.url = endpoint.to_string();
        after.origin = endpoint.origin.to_string();
        if moved {
            detach(&mut tx, &mut after).await?;
        }
    }
    tx.update_server(&after).await?;
    let (server, revision) = commit(tx, Some(&before), after).await?;
    Ok(v1::UpdateServerResponse {
        server: Some(server),
        revision,
    })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteServerRequest,
) -> Result<v1::DeleteServerResponse, Error> {
    let name: ServerName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let server = tx.lock_server(&name.server).await?;
    let server = server.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, server.revision)?;
    tx.delete_server(&server).await?;
    let entry = entry(tx.tenant(), &server, Some(&server), None);
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::DeleteServerResponse {
        revision: committed.revision,
    })
}

async fn set_credential(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetServerCredentialRequest,
) -> Result<v1::SetServerCredentialResponse, Error> {
    let name: ServerName = field::name("name", &request.name)?;
    let input = field::required("credential", request.credential)?;
    let mut checks = Checks::new();
    let given = credential::read(&mut checks, input);
    let (Some(given), []) = (given, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let before = tx.lock_server(&name.server).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, before.revision)?;
    let mut after = before.clone();
    let origin = url::read(&before.url)?.origin;
    match present(admin, &mut tx, &mut after, &origin, given).await? {
        Some(sealed) => tx.put_credential(&sealed).await?,
        None => tx.remove_credential(after.uid).await?,
    }
    tx.update_server(&after).await?;
    let (server, revision) = commit(tx, Some(&before), after).await?;
    Ok(v1::SetServerCredentialResponse {
        server: Some(server),
        revision,
    })
}

/// Gives the server what it is presented from now on, as its next generation, and returns the
/// sealed value to store.
async fn present(
    admin: &Admin,
    tx: &mut Tx<OneTenant>,
    server: &mut Server,
    origin: &Origin,
    given: credential::Given,
) -> Result<Option<SealedCredential>, Error> {
    let (scheme, header, value) = match given {
        credential::Given::None if server.auth == Auth::none() => return Ok(None),
        credential::Given::None => {
            server.auth = Auth {
                generation: server.auth.generation + 1,
                updated_at: Some(tx.time()),
                ..Auth::none()
            };
            return Ok(None);
        }
        credential::Given::Some {
            scheme,
            header,
            value,
        } => (scheme, header, value),
    };
    let row = SealedCredential {
        tenant: tx.tenant().uid,
        server: server.uid,
        generation: server.auth.generation + 1,
        origin: origin.to_string(),
        scheme,
        sealed: Vec::new(),
    };
    let keys = tx.tenant_keys().await?;
    let new = admin
        .0
        .vault
        .seal_credential(&keys, row, value.as_bytes())?;
    server.auth = Auth {
        scheme: Some(scheme),
        header,
        generation: new.row.generation,
        detached: false,
        fingerprint: new.fingerprint,
        updated_at: Some(tx.time()),
    };
    Ok(Some(new.row))
}

/// After a change of origin nothing may be sent there that was meant for the origin before.
async fn detach(tx: &mut Tx<OneTenant>, server: &mut Server) -> Result<(), Error> {
    if server.auth.scheme == Some(AuthScheme::None) || server.auth.detached {
        return Ok(());
    }
    tx.remove_credential(server.uid).await?;
    server.auth.generation += 1;
    server.auth.detached = true;
    server.auth.fingerprint = String::new();
    server.auth.updated_at = Some(tx.time());
    Ok(())
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
        ..v1::Server::default()
    }
}
