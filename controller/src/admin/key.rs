//! API keys: made, narrowed, disabled and removed by a tenant. A key's secret is shown once.

use std::collections::BTreeSet;

use proto::{
    admin::v1::{self, key_service_server::KeyService},
    id::{KeyUid, ServerUid},
    name::{KeyName, ServerName, Slug, TenantName},
};
use time::Duration;
use token::ApiKey;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Actor, Admin, called, check_etag, digest, etag,
    field::{self, Checks, DISPLAY_NAME},
    last,
    mask::Mask,
    page::List,
    timestamp,
};
use crate::{
    error::{Error, Violation},
    store::{OneTenant, Tx, audit::Entry, key::Key, tenant::Tenant},
};

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
        _request: Request<v1::RotateKeyRequest>,
    ) -> Result<Response<v1::RotateKeyResponse>, Status> {
        Err(Status::unimplemented("keys cannot be rotated yet"))
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
    let entry = entry(tx.tenant(), &key, Some(&key), None);
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::DeleteKeyResponse {
        revision: committed.revision,
    })
}

/// Which servers a key is to open from now on.
enum Reach {
    Same,
    All,
    These(BTreeSet<Slug>),
}

impl Reach {
    /// What the mask and the values ask for. Naming servers narrows a key that opened all of them.
    fn asked(
        checks: &mut Checks,
        mask: &Mask,
        given: &v1::Key,
        servers: BTreeSet<Slug>,
    ) -> Option<Self> {
        match (mask.names("all_servers"), mask.names("servers")) {
            (false, false) => Some(Self::Same),
            (true, false) if given.all_servers => Some(Self::All),
            (true, false) => {
                checks.refuse("key.all_servers", "name the servers it opens instead");
                None
            }
            (all_named, true) => {
                let all = all_named && given.all_servers;
                check_reach(checks, all, &given.servers);
                Some(if all { Self::All } else { Self::These(servers) })
            }
        }
    }
}

/// All servers or some of them: no key is made that opens nothing. A name at fault is told already,
/// so it counts as named.
fn check_reach(checks: &mut Checks, all: bool, named: &[String]) {
    if all && !named.is_empty() {
        checks.refuse("key.servers", "must be empty when `all_servers` is set");
    } else if !all && named.is_empty() {
        checks.refuse(
            "key.servers",
            "name at least one server, or set `all_servers`",
        );
    }
}

/// The servers named, which must be of the key's own tenant.
fn servers(checks: &mut Checks, tenant: &Slug, given: &[String]) -> BTreeSet<Slug> {
    if given.len() > MAX_SERVERS {
        checks.refuse("key.servers", format!("must be at most {MAX_SERVERS}"));
        return BTreeSet::new();
    }
    let mut servers = BTreeSet::new();
    for (at, text) in given.iter().enumerate() {
        let field = format!("key.servers[{at}]");
        let Some(name) = checks.parse::<ServerName>(&field, text) else {
            continue;
        };
        if name.tenant == *tenant {
            servers.insert(name.server);
        } else {
            checks.refuse(field, "must be a server of the key's own tenant");
        }
    }
    servers
}

/// The uids of these servers, which stay until the transaction ends.
async fn hold(tx: &mut Tx<OneTenant>, servers: &BTreeSet<Slug>) -> Result<Vec<ServerUid>, Error> {
    let wanted: Vec<Slug> = servers.iter().cloned().collect();
    let found = tx.hold_servers(&wanted).await?;
    let missing: Vec<Violation> = wanted
        .iter()
        .filter(|slug| found.iter().all(|(_, held)| held != slug.as_str()))
        .map(|slug| Violation::new("key.servers", format!("there is no server `{slug}`")))
        .collect();
    if missing.is_empty() {
        Ok(found.into_iter().map(|(uid, _)| uid).collect())
    } else {
        Err(Error::Invalid(missing))
    }
}

/// How long a key lives: `Some(None)` is for ever.
#[expect(clippy::option_option, reason = "not said, for ever, and so long")]
fn lifespan(lifespan: v1::KeyLifespan) -> Option<Option<Duration>> {
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

fn entry(tenant: &Tenant, key: &Key, before: Option<&Key>, after: Option<&Key>) -> Entry {
    let digest = |key: &Key| digest::of("aldgate.admin.v1.Key", &view(tenant, key));
    Entry {
        resource: format!("{}/keys/{}", tenant.name(), key.slug),
        before: before.map(digest),
        after: after.map(digest),
    }
}

fn view(tenant: &Tenant, key: &Key) -> v1::Key {
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
        ..v1::Key::default()
    }
}

const CHANGEABLE: [&str; 4] = ["display_name", "all_servers", "servers", "disabled"];
const MAX_SERVERS: usize = 250;
