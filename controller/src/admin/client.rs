//! Clients of a tenant's authorization server: registered, changed, blocked, removed. A secret is shown
//! once.

use proto::{
    admin::v1::{self, client_service_server::ClientService},
    id::ClientUid,
    name::{ClientName, Slug, TenantName},
    sync::v1::RevocationKind,
};
use token::ClientSecret;
use tonic::{Request, Response, Status};
use uuid::Uuid;

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
    oauth::{
        client::{OURS, is_well_known},
        register::new_client_id,
        rules::REVOCATION_LIFE,
    },
    store::{
        OneTenant, Tx,
        audit::Entry,
        client::{Client, Registration, Trust},
        revocation::{GrantsOf, Revoked, Until},
        tenant::Tenant,
    },
};

/// What requests hold.
mod given;

#[tonic::async_trait]
impl ClientService for Admin {
    async fn create_client(
        &self,
        request: Request<v1::CreateClientRequest>,
    ) -> Result<Response<v1::CreateClientResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_client(
        &self,
        request: Request<v1::GetClientRequest>,
    ) -> Result<Response<v1::GetClientResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: ClientName = field::name("name", &request.name)?;
        let mut tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        let found = tx.client(&name.client).await.map_err(Error::from)?;
        let client = found.ok_or_else(|| Error::NotFound(name.to_string()))?;
        Ok(Response::new(v1::GetClientResponse {
            client: Some(view(tx.tenant(), &client)),
        }))
    }

    async fn list_clients(
        &self,
        request: Request<v1::ListClientsRequest>,
    ) -> Result<Response<v1::ListClientsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_client(
        &self,
        request: Request<v1::UpdateClientRequest>,
    ) -> Result<Response<v1::UpdateClientResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| update(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }

    async fn delete_client(
        &self,
        request: Request<v1::DeleteClientRequest>,
    ) -> Result<Response<v1::DeleteClientResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| delete(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }

    async fn rotate_client_secret(
        &self,
        request: Request<v1::RotateClientSecretRequest>,
    ) -> Result<Response<v1::RotateClientSecretResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(rotate(self, &actor, &request).await?))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateClientRequest,
) -> Result<v1::CreateClientResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let given = field::required("client", request.client)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("client_id", &request.client_id);
    if request.client_id == OURS {
        checks.refuse(
            "client_id",
            "is the name of this product's own command line",
        );
    }
    let given = given::read(&mut checks, given);
    let (Some(slug), []) = (slug, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let client = Client {
        uid: ClientUid::from_uuid(Uuid::now_v7()),
        slug: slug.to_string(),
        client_id: new_client_id(),
        registration: Registration::Manual,
        display_name: given.display_name,
        metadata: given.metadata,
        roles: given.roles,
        trust: given.trust,
        granted_at: None,
        last_used_at: None,
        etag: 1,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    let has_secret = client.metadata.token_endpoint_auth_method.has_secret();
    let secret = has_secret.then(ClientSecret::generate);
    let sha256 = secret.as_ref().map(ClientSecret::sha256);
    tx.insert_client(&client, sha256.as_ref())
        .await
        .map_err(|error| Error::on_insert(error, "client_id"))?;
    let client = commit(tx, None, &client, &[]).await?;
    let secret = secret.as_ref().map_or("", ClientSecret::expose);
    Ok(v1::CreateClientResponse {
        client: Some(client),
        client_secret: secret.to_owned(),
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListClientsRequest,
) -> Result<v1::ListClientsResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "clients.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let clients = tx.clients(&page.after, page.limit()).await?;
    let clients = clients.iter().map(|client| view(tx.tenant(), client));
    let mut clients: Vec<_> = clients.collect();
    let next_page_token = pages.cut(list, &page, &mut clients, |client| last(&client.name));
    Ok(v1::ListClientsResponse {
        clients,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateClientRequest,
) -> Result<v1::UpdateClientResponse, Error> {
    let given = field::required("client", request.client)?;
    let name: ClientName = field::name("client.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &CHANGEABLE)?;
    let (mut tx, before) = lock(admin, actor, &name).await?;
    check_etag(&given.etag, before.etag)?;
    let mut after = changed(tx.tenant(), &before, given, &mask)?;
    after.etag += 1;
    after.updated_at = tx.time();
    tx.update_client(&after).await?;
    let blocked = after.trust == Trust::Blocked && before.trust != Trust::Blocked;
    if blocked {
        tx.end_grants(GrantsOf::Client(after.uid), ENDED).await?;
    }
    if blocked || before.roles != after.roles {
        // From now on: the database gives it nothing while it is blocked, and it may be forgiven.
        cut(&mut tx, &after, Until::Now);
    }
    let client = commit(tx, Some(&before), &after, &[]).await?;
    Ok(v1::UpdateClientResponse {
        client: Some(client),
    })
}

/// The client with its new values. Of one that no operator registered, trust alone is ours to change.
fn changed(
    tenant: &Tenant,
    before: &Client,
    given: v1::Client,
    mask: &Mask,
) -> Result<Client, Error> {
    let mut checks = Checks::new();
    let mut after = before.clone();
    if before.registration != Registration::Manual || before.client_id == OURS {
        for field in CHANGEABLE.iter().filter(|field| **field != "trust") {
            if mask.names(field) {
                let text =
                    format!("`{field}` is the client's own to say; only `trust` can be changed");
                checks.refuse("update_mask", text);
            }
        }
        after.trust = given::trust(&mut checks, given.trust);
        if after.trust == Trust::Trusted {
            checks.refuse(
                "client.trust",
                "only clients registered by an operator can be trusted",
            );
        }
    } else {
        let mut whole = view(tenant, before);
        if mask.names("display_name") {
            whole.display_name = given.display_name;
        }
        if mask.names("redirect_uris") {
            whole.redirect_uris = given.redirect_uris;
        }
        if mask.names("grant_types") {
            whole.grant_types = given.grant_types;
        }
        if mask.names("jwks") {
            whole.jwks = given.jwks;
        }
        if mask.names("jwks_uri") {
            whole.jwks_uri = given.jwks_uri;
        }
        if mask.names("roles") {
            whole.roles = given.roles;
        }
        if mask.names("trust") {
            whole.trust = given.trust;
        }
        let given = given::read(&mut checks, whole);
        after.display_name = given.display_name;
        after.metadata = given.metadata;
        let further = before.metadata.further_auth_methods.clone();
        after.metadata.further_auth_methods = further;
        after.roles = given.roles;
        after.trust = given.trust;
    }
    match checks.found() {
        [] => Ok(after),
        _ => Err(checks.into_error()),
    }
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteClientRequest,
) -> Result<v1::DeleteClientResponse, Error> {
    let name: ClientName = field::name("name", &request.name)?;
    let (mut tx, client) = lock(admin, actor, &name).await?;
    check_etag(&request.etag, client.etag)?;
    // They go with it; in their order.
    tx.end_grants(GrantsOf::Client(client.uid), ENDED).await?;
    tx.delete_client(client.uid).await?;
    // Ids that we made are nobody's from now on; others may come back and be let in anew.
    let may_return = client.registration == Registration::Document || client.client_id == OURS;
    let until = if may_return { Until::Now } else { Until::Ever };
    cut(&mut tx, &client, until);
    let shown = view(tx.tenant(), &client);
    let entry = Entry {
        before: Some(digest::of(CLIENT, &shown)),
        resource: shown.name,
        after: None,
    };
    let revocation = tx.commit_recorded(&entry).await?;
    Ok(v1::DeleteClientResponse {
        revocation: revocation.unwrap_or_default(),
    })
}

async fn rotate(
    admin: &Admin,
    actor: &Actor,
    request: &v1::RotateClientSecretRequest,
) -> Result<v1::RotateClientSecretResponse, Error> {
    let name: ClientName = field::name("name", &request.name)?;
    let (mut tx, before) = lock(admin, actor, &name).await?;
    if !before.metadata.token_endpoint_auth_method.has_secret() {
        return Err(Error::invalid("name", "names a client that has no secret"));
    }
    let secret = ClientSecret::generate();
    let mut after = before.clone();
    after.etag += 1;
    after.updated_at = tx.time();
    tx.update_client(&after).await?;
    tx.put_client_secret(after.uid, &secret.sha256()).await?;
    let client = commit(tx, Some(&before), &after, &secret.sha256()).await?;
    Ok(v1::RotateClientSecretResponse {
        client: Some(client),
        client_secret: secret.expose().to_owned(),
    })
}

/// The tokens that the client has do not count any more.
fn cut(tx: &mut Tx<OneTenant>, client: &Client, until: Until) {
    tx.revoke(Revoked {
        kind: RevocationKind::Client,
        id: client.client_id.clone(),
        until,
        life: REVOCATION_LIFE,
    });
}

async fn lock(
    admin: &Admin,
    actor: &Actor,
    name: &ClientName,
) -> Result<(Tx<OneTenant>, Client), Error> {
    let mut tx = actor.enter(&admin.0.store, &name.tenant, name).await?;
    let client = tx.lock_client(&name.client).await?;
    let client = client.ok_or_else(|| Error::NotFound(name.to_string()))?;
    Ok((tx, client))
}

/// `unseen` is what changed that the public form leaves out.
async fn commit(
    tx: Tx<OneTenant>,
    before: Option<&Client>,
    after: &Client,
    unseen: &[u8],
) -> Result<v1::Client, Error> {
    let shown = view(tx.tenant(), after);
    let digest = match unseen {
        [] => digest::of(CLIENT, &shown),
        unseen => digest::with(CLIENT, &shown, unseen),
    };
    let entry = Entry {
        resource: shown.name.clone(),
        before: before.map(|before| digest::of(CLIENT, &view(tx.tenant(), before))),
        after: Some(digest),
    };
    tx.commit_recorded(&entry).await?;
    Ok(shown)
}

fn view(tenant: &Tenant, client: &Client) -> v1::Client {
    let metadata = client.metadata.clone();
    let registration = match client.registration {
        Registration::Manual => v1::ClientRegistration::Manual,
        Registration::Dynamic => v1::ClientRegistration::Dynamic,
        Registration::Document => v1::ClientRegistration::Document,
    };
    let trust = match client.trust {
        Trust::Ask => v1::ClientTrust::Ask,
        Trust::Trusted => v1::ClientTrust::Trusted,
        Trust::Blocked => v1::ClientTrust::Blocked,
    };
    v1::Client {
        name: format!("{}/clients/{}", tenant.name(), client.slug),
        uid: client.uid.to_string(),
        client_id: client.client_id.clone(),
        display_name: client.display_name.clone(),
        registration: registration.into(),
        redirect_uris: metadata.redirect_uris,
        grant_types: metadata.grant_types,
        token_endpoint_auth_method: metadata.token_endpoint_auth_method.as_str().to_owned(),
        jwks: metadata
            .jwks
            .map(|jwks| jwks.to_string())
            .unwrap_or_default(),
        jwks_uri: metadata.jwks_uri.unwrap_or_default(),
        roles: client.roles.clone(),
        trust: trust.into(),
        verified: is_well_known(&client.client_id),
        create_time: Some(timestamp(client.created_at)),
        update_time: Some(timestamp(client.updated_at)),
        last_used_time: client.last_used_at.map(timestamp),
        etag: etag(client.etag),
    }
}

const CLIENT: &str = "aldgate.admin.v1.Client";
/// Why grants end with their client.
const ENDED: &str = "client";
const CHANGEABLE: [&str; 7] = [
    "display_name",
    "redirect_uris",
    "grant_types",
    "jwks",
    "jwks_uri",
    "roles",
    "trust",
];
