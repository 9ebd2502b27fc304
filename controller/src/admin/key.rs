//! API keys: made, narrowed, rotated, disabled and removed by a tenant. A key's secret is shown once.

use proto::{
    admin::v1::{self, key_service_server::KeyService},
    id::KeyUid,
    name::{KeyName, Slug, TenantName},
    sync::v1::RevocationKind,
};
use time::Duration;
use token::ApiKey;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::reach::{Reach, check_reach, hold, servers};
use super::{
    Actor, Admin, called, check_etag, digest, etag,
    field::{self, Checks, DISPLAY_NAME},
    last,
    mask::Mask,
    page::List,
    timestamp,
};
use crate::{
    error::Error,
    store::{
        OneTenant, Tx,
        audit::Entry,
        key::Key,
        revocation::{self, Revoked, Until},
        server::Server,
        tenant::Tenant,
    },
};

/// Which servers a key opens.
mod reach;

#[tonic::async_trait]
impl KeyService for Admin {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreateKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_key(
        &self,
        request: Request<v1::GetKeyRequest>,
    ) -> Result<Response<v1::GetKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: KeyName = field::name("name", &request.name)?;
        let mut tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        let found = tx.key(&name.key).await.map_err(Error::from)?;
        let key = found.ok_or_else(|| Error::NotFound(name.to_string()))?;
        Ok(Response::new(v1::GetKeyResponse {
            key: Some(view(tx.tenant(), &key)),
        }))
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_key(
        &self,
        request: Request<v1::UpdateKeyRequest>,
    ) -> Result<Response<v1::UpdateKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(update(self, &actor, request).await?))
    }

    async fn rotate_key(
        &self,
        request: Request<v1::RotateKeyRequest>,
    ) -> Result<Response<v1::RotateKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(rotate(self, &actor, request).await?))
    }

    async fn delete_key(
        &self,
        request: Request<v1::DeleteKeyRequest>,
    ) -> Result<Response<v1::DeleteKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(delete(self, &actor, request).await?))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateKeyRequest,
) -> Result<v1::CreateKeyResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let lifespan = lifespan(request.lifespan());
    let given = field::required("key", request.key)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("key_id", &request.key_id);
    checks.line("key.display_name", &given.display_name, DISPLAY_NAME);
    let servers = servers(&mut checks, &parent.tenant, &given.servers);
    check_reach(&mut checks, given.all_servers, &given.servers);
    check_scopes(&mut checks, &given.scopes);
    if lifespan.is_none() {
        checks.refuse("lifespan", "is required: 7, 15 or 30 days, or permanent");
    }
    let (Some(slug), Some(lifespan), []) = (slug, lifespan, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let opened = hold(&mut tx, &servers).await?;
    let key = Key {
        uid: KeyUid::from_uuid(Uuid::now_v7()),
        slug: slug.to_string(),
        display_name: given.display_name,
        all_servers: given.all_servers,
        servers: servers.iter().map(Slug::to_string).collect(),
        disabled: given.disabled,
        expires_at: lifespan.map(|lifespan| tx.time() + lifespan),
        scopes: given.scopes,
        primary: false,
        previous_expires_at: None,
        revision: 0,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    let secret = ApiKey::generate();
    tx.insert_key(&key, &secret.sha256(), &opened)
        .await
        .map_err(|error| Error::on_insert(error, "key_id"))?;
    let (key, revision) = commit(tx, None, key).await?;
    Ok(v1::CreateKeyResponse {
        key: Some(key),
        secret: secret.expose().to_owned(),
        revision,
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListKeysRequest,
) -> Result<v1::ListKeysResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "keys.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let keys = tx.keys(&page.after, page.limit()).await?;
    let mut keys: Vec<_> = keys.iter().map(|key| view(tx.tenant(), key)).collect();
    let next_page_token = pages.cut(list, &page, &mut keys, |key| last(&key.name));
    Ok(v1::ListKeysResponse {
        keys,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateKeyRequest,
) -> Result<v1::UpdateKeyResponse, Error> {
    let given = field::required("key", request.key)?;
    let name: KeyName = field::name("key.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &CHANGEABLE)?;
    let mut checks = Checks::new();
    let servers = servers(&mut checks, &name.tenant, &given.servers);
    if mask.names("display_name") {
        checks.line("key.display_name", &given.display_name, DISPLAY_NAME);
    }
    if mask.names("scopes") {
        check_scopes(&mut checks, &given.scopes);
    }
    let reach = Reach::asked(&mut checks, &mask, &given, servers);
    let (Some(reach), []) = (reach, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    // Servers before keys, as everywhere, so that no two changes wait for each other.
    let opened = match &reach {
        Reach::Same => None,
        Reach::All => Some(Vec::new()),
        Reach::These(servers) => Some(hold(&mut tx, servers).await?),
    };
    let before = tx.lock_key(&name.key).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&given.etag, before.revision)?;
    let mut after = before.clone();
    if mask.names("display_name") {
        after.display_name = given.display_name;
    }
    if mask.names("disabled") {
        after.disabled = given.disabled;
    }
    if mask.names("scopes") {
        after.scopes = given.scopes;
    }
    match reach {
        Reach::Same => {}
        Reach::All => (after.all_servers, after.servers) = (true, Vec::new()),
        Reach::These(servers) => {
            after.all_servers = false;
            after.servers = servers.iter().map(Slug::to_string).collect();
        }
    }
    tx.update_key(&after, opened.as_deref()).await?;
    let (key, revision) = commit(tx, Some(&before), after).await?;
    Ok(v1::UpdateKeyResponse {
        key: Some(key),
        revision,
    })
}

async fn rotate(
    admin: &Admin,
    actor: &Actor,
    request: v1::RotateKeyRequest,
) -> Result<v1::RotateKeyResponse, Error> {
    let name: KeyName = field::name("name", &request.name)?;
    let overlap = overlap(request.overlap)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let before = tx.lock_key(&name.key).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, before.revision)?;
    let mut after = before.clone();
    after.previous_expires_at = overlap.map(|overlap| tx.time() + overlap);
    let secret = ApiKey::generate();
    tx.rotate_key(&after, &secret.sha256()).await?;
    let tenant = tx.tenant().clone();
    let mut entry = entry(&tenant, &after, Some(&before), None);
    // A rotation without an overlap changes nothing that is shown; its record tells it all the same.
    entry.after = Some(digest::with(KEY, &view(&tenant, &after), &secret.sha256()));
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::RotateKeyResponse {
        key: Some(view(&tenant, &after.after(committed))),
        secret: secret.expose().to_owned(),
        revision: committed.revision,
    })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteKeyRequest,
) -> Result<v1::DeleteKeyResponse, Error> {
    let name: KeyName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let key = tx.lock_key(&name.key).await?;
    let key = key.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, key.revision)?;
    tx.delete_key(&key).await?;
    tx.revoke(revocation(&key));
    let entry = entry(tx.tenant(), &key, Some(&key), None);
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::DeleteKeyResponse {
        revision: committed.revision,
    })
}

/// The end of a key for good, with the sessions made from it. Nodes hear of it ahead of config, and
/// also where config does not reach them.
pub(super) fn revocation(key: &Key) -> Revoked {
    Revoked {
        kind: RevocationKind::Key,
        id: key.uid.to_string(),
        until: Until::Ever,
        life: revocation::CONFIG_LIFE,
    }
}

/// Makes the key that comes with a new server: for that server alone, and without end. It is
/// committed together with the server.
pub(super) async fn add_primary(
    tx: &mut Tx<OneTenant>,
    server: &Server,
) -> Result<(Key, ApiKey), Error> {
    let uid = server.uid.to_string();
    let (digits, _) = uid.split_at(PRIMARY_DIGITS);
    let key = Key {
        uid: KeyUid::from_uuid(Uuid::now_v7()),
        slug: format!("primary-{digits}"),
        display_name: format!("Primary key of {}", server.slug),
        all_servers: false,
        servers: vec![server.slug.clone()],
        disabled: false,
        expires_at: None,
        scopes: Vec::new(),
        primary: true,
        previous_expires_at: None,
        revision: 0,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    let secret = ApiKey::generate();
    tx.insert_key(&key, &secret.sha256(), &[server.uid]).await?;
    Ok((key, secret))
}

/// `{server}:{action}`, as the gateway reads them.
fn check_scopes(checks: &mut Checks, given: &[String]) {
    if let Err(fault) = policy::Scopes::parse(given) {
        checks.refuse(format!("key.{}", fault.field), fault.problem);
    }
}

/// How long the secret before still works.
fn overlap(given: Option<prost_types::Duration>) -> Result<Option<Duration>, Error> {
    let Some(given) = given else {
        return Ok(None);
    };
    let overlap = std::time::Duration::try_from(given).ok();
    let overlap = overlap.and_then(|overlap| Duration::try_from(overlap).ok());
    let overlap = overlap.filter(|overlap| *overlap <= LONGEST_OVERLAP);
    let overlap = overlap.ok_or_else(|| Error::invalid("overlap", "must be at most 7 days"))?;
    Ok((!overlap.is_zero()).then_some(overlap))
}

/// How long a key or a static token lives: `Some(None)` is for ever.
#[expect(clippy::option_option, reason = "not said, for ever, and so long")]
pub(super) fn lifespan(lifespan: v1::KeyLifespan) -> Option<Option<Duration>> {
    match lifespan {
        v1::KeyLifespan::Unspecified => None,
        v1::KeyLifespan::SevenDays => Some(Some(Duration::days(7))),
        v1::KeyLifespan::FifteenDays => Some(Some(Duration::days(15))),
        v1::KeyLifespan::ThirtyDays => Some(Some(Duration::days(30))),
        v1::KeyLifespan::Permanent => Some(None),
    }
}

/// Commits a key's new values and shows them as they are stored.
async fn commit(
    tx: Tx<OneTenant>,
    before: Option<&Key>,
    after: Key,
) -> Result<(v1::Key, u64), Error> {
    let tenant = tx.tenant().clone();
    let entry = entry(&tenant, &after, before, Some(&after));
    let committed = tx.commit_change(&entry).await?;
    Ok((view(&tenant, &after.after(committed)), committed.revision))
}

pub(super) fn entry(
    tenant: &Tenant,
    key: &Key,
    before: Option<&Key>,
    after: Option<&Key>,
) -> Entry {
    let digest = |key: &Key| digest::of(KEY, &view(tenant, key));
    Entry {
        resource: format!("{}/keys/{}", tenant.name(), key.slug),
        before: before.map(digest),
        after: after.map(digest),
    }
}

pub(super) fn view(tenant: &Tenant, key: &Key) -> v1::Key {
    let name = tenant.name();
    let servers = key.servers.iter();
    v1::Key {
        name: format!("{name}/keys/{}", key.slug),
        uid: key.uid.to_string(),
        display_name: key.display_name.clone(),
        all_servers: key.all_servers,
        servers: servers
            .map(|server| format!("{name}/servers/{server}"))
            .collect(),
        disabled: key.disabled,
        expire_time: key.expires_at.map(timestamp),
        create_time: Some(timestamp(key.created_at)),
        update_time: Some(timestamp(key.updated_at)),
        etag: etag(key.revision),
        revision: key.revision,
        scopes: key.scopes.clone(),
        primary: key.primary,
        previous_expire_time: key.previous_expires_at.map(timestamp),
    }
}

const KEY: &str = "aldgate.admin.v1.Key";
const CHANGEABLE: [&str; 5] = [
    "display_name",
    "all_servers",
    "servers",
    "scopes",
    "disabled",
];
const LONGEST_OVERLAP: Duration = Duration::days(7);
const PRIMARY_DIGITS: usize = 8;
