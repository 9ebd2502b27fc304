//! Users: created, changed, given passwords, removed. What a user's tokens say of them is cut off when
//! it is no longer so; a generated password is shown once.

use proto::{
    admin::v1::{self, user_service_server::UserService},
    id::UserUid,
    name::{Slug, TenantName, UserName},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::given::{Password, check};
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
    error::{Error, Violation},
    oauth::{password::Busy, rights},
    store::{
        OneTenant, StoreError, Tx,
        audit::Entry,
        revocation::GrantsOf,
        tenant::Tenant,
        user::{AdminRole, KnownAs, User},
    },
};

/// What requests hold.
mod given;

#[tonic::async_trait]
impl UserService for Admin {
    async fn create_user(
        &self,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_user(
        &self,
        request: Request<v1::GetUserRequest>,
    ) -> Result<Response<v1::GetUserResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: UserName = field::name("name", &request.name)?;
        let mut tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        let user = tx.user(&name.user).await.map_err(Error::from)?;
        let user = user.ok_or_else(|| Error::NotFound(name.to_string()))?;
        let user = shown(&mut tx, &user).await.map_err(Error::from)?;
        Ok(Response::new(v1::GetUserResponse { user: Some(user) }))
    }

    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_user(
        &self,
        request: Request<v1::UpdateUserRequest>,
    ) -> Result<Response<v1::UpdateUserResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| update(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }

    async fn delete_user(
        &self,
        request: Request<v1::DeleteUserRequest>,
    ) -> Result<Response<v1::DeleteUserResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| delete(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }

    async fn set_password(
        &self,
        request: Request<v1::SetPasswordRequest>,
    ) -> Result<Response<v1::SetPasswordResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(set_password(self, &actor, request).await?))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateUserRequest,
) -> Result<v1::CreateUserResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let given = field::required("user", request.user)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("user_id", &request.user_id);
    let admin_role = check(&mut checks, &given, &Mask::all(&CHANGEABLE));
    let password = request
        .password
        .map(|input| Password::read(&mut checks, input));
    let (Some(slug), []) = (slug, checks.found()) else {
        return Err(checks.into_error());
    };
    // The tenant first: whoever may not see it makes nobody hash.
    drop(actor.enter(&admin.0.store, &parent.tenant, &parent).await?);
    let hash = hash(admin, password.as_ref()).await?;

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let user = User {
        uid: UserUid::from_uuid(Uuid::now_v7()),
        slug: slug.to_string(),
        login: given.login,
        display_name: given.display_name,
        roles: given.roles,
        groups: given.groups,
        admin_role,
        disabled: given.disabled,
        has_password: hash.is_some(),
        last_login_at: None,
        etag: 1,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    tx.insert_user(&user).await.map_err(on_write)?;
    if hash.is_some() {
        tx.put_password(user.uid, hash.as_deref()).await?;
    }
    let shown = view(tx.tenant(), &user, &[]);
    let entry = creation(tx.tenant(), &user);
    tx.commit_recorded(&entry).await?;
    Ok(v1::CreateUserResponse {
        user: Some(shown),
        password: password.map(Password::shown).unwrap_or_default(),
    })
}

/// The record of a user's creation, whoever makes it.
pub(crate) fn creation(tenant: &Tenant, user: &User) -> Entry {
    let shown = view(tenant, user, &[]);
    Entry {
        after: Some(digest::of(USER, &shown)),
        resource: shown.name,
        before: None,
    }
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListUsersRequest,
) -> Result<v1::ListUsersResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "users.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let found = tx.users(&page.after, page.limit()).await?;
    let uids: Vec<_> = found.iter().map(|user| user.uid).collect();
    let identities = tx.identities_of(&uids).await?;
    let view = |user| view(tx.tenant(), user, &identities);
    let mut users: Vec<_> = found.iter().map(view).collect();
    let next_page_token = pages.cut(list, &page, &mut users, |user| last(&user.name));
    Ok(v1::ListUsersResponse {
        users,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateUserRequest,
) -> Result<v1::UpdateUserResponse, Error> {
    let given = field::required("user", request.user)?;
    let name: UserName = field::name("user.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &CHANGEABLE)?;
    let mut checks = Checks::new();
    let admin_role = check(&mut checks, &given, &mask);
    if !checks.found().is_empty() {
        return Err(checks.into_error());
    }

    let (mut tx, before) = lock(admin, actor, &name).await?;
    check_etag(&given.etag, before.etag)?;
    let mut after = before.clone();
    if mask.names("login") {
        after.login = given.login;
    }
    if mask.names("display_name") {
        after.display_name = given.display_name;
    }
    if mask.names("roles") {
        after.roles = given.roles;
    }
    if mask.names("groups") {
        after.groups = given.groups;
    }
    if mask.names("admin_role") {
        after.admin_role = admin_role;
    }
    if mask.names("disabled") {
        after.disabled = given.disabled;
    }
    touch(&tx, &mut after);
    tx.update_user(&after).await.map_err(on_write)?;
    if says(&before) != says(&after) {
        rights::cut(&mut tx, after.uid);
    }
    if after.disabled && !before.disabled {
        tx.end_browser_sessions(after.uid).await?;
    }
    let user = commit(tx, &before, &after, &[]).await?;
    Ok(v1::UpdateUserResponse { user: Some(user) })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteUserRequest,
) -> Result<v1::DeleteUserResponse, Error> {
    let name: UserName = field::name("name", &request.name)?;
    let (mut tx, user) = lock(admin, actor, &name).await?;
    check_etag(&request.etag, user.etag)?;
    let shown = shown(&mut tx, &user).await?;
    // They go along; in their order.
    tx.end_grants(GrantsOf::User(user.uid), "user").await?;
    tx.delete_user(user.uid).await?;
    rights::end(&mut tx, user.uid);
    let entry = Entry {
        resource: shown.name.clone(),
        before: Some(digest::of(USER, &shown)),
        after: None,
    };
    let revocation = tx.commit_recorded(&entry).await?;
    Ok(v1::DeleteUserResponse {
        revocation: revocation.unwrap_or_default(),
    })
}

async fn set_password(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetPasswordRequest,
) -> Result<v1::SetPasswordResponse, Error> {
    let name: UserName = field::name("name", &request.name)?;
    let mut checks = Checks::new();
    let password = request
        .password
        .map(|input| Password::read(&mut checks, input));
    if !checks.found().is_empty() {
        return Err(checks.into_error());
    }
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    if tx.user(&name.user).await?.is_none() {
        return Err(Error::NotFound(name.to_string()));
    }
    drop(tx);
    let hash = hash(admin, password.as_ref()).await?;

    let (mut tx, before) = lock(admin, actor, &name).await?;
    let mut after = before.clone();
    after.has_password = hash.is_some();
    touch(&tx, &mut after);
    tx.update_user(&after).await?;
    tx.put_password(after.uid, hash.as_deref()).await?;
    tx.end_browser_sessions(after.uid).await?;
    let unseen = hash.unwrap_or_default();
    let user = commit(tx, &before, &after, unseen.as_bytes()).await?;
    Ok(v1::SetPasswordResponse {
        user: Some(user),
        password: password.map(Password::shown).unwrap_or_default(),
    })
}

/// The hash of a new password.
async fn hash(admin: &Admin, password: Option<&Password>) -> Result<Option<String>, Error> {
    let Some(password) = password else {
        return Ok(None);
    };
    let hash = admin.0.passwords.hash(password.text().clone()).await;
    hash.map(Some).map_err(|Busy| Error::Deadline)
}

async fn lock(
    admin: &Admin,
    actor: &Actor,
    name: &UserName,
) -> Result<(Tx<OneTenant>, User), Error> {
    let mut tx = actor.enter(&admin.0.store, &name.tenant, name).await?;
    let user = tx.lock_user(&name.user).await?;
    let user = user.ok_or_else(|| Error::NotFound(name.to_string()))?;
    Ok((tx, user))
}

fn touch(tx: &Tx<OneTenant>, user: &mut User) {
    user.etag += 1;
    user.updated_at = tx.time();
}

/// `unseen` is what changed that the public form leaves out.
async fn commit(
    mut tx: Tx<OneTenant>,
    before: &User,
    after: &User,
    unseen: &[u8],
) -> Result<v1::User, Error> {
    let old = shown(&mut tx, before).await?;
    let new = shown(&mut tx, after).await?;
    let digest = if unseen.is_empty() {
        digest::of(USER, &new)
    } else {
        digest::with(USER, &new, unseen)
    };
    let entry = Entry {
        resource: new.name.clone(),
        before: Some(digest::of(USER, &old)),
        after: Some(digest),
    };
    tx.commit_recorded(&entry).await?;
    Ok(new)
}

/// What a user's tokens say of them, or what lets them have any.
fn says(user: &User) -> (&str, &[String], &[String], AdminRole, bool) {
    let User {
        login,
        roles,
        groups,
        admin_role,
        disabled,
        ..
    } = user;
    (login, roles, groups, *admin_role, *disabled)
}

async fn shown(tx: &mut Tx<OneTenant>, user: &User) -> Result<v1::User, StoreError> {
    let identities = tx.identities_of(&[user.uid]).await?;
    Ok(view(tx.tenant(), user, &identities))
}

/// A user as the API shows them; `identities` may hold those of others.
fn view(tenant: &Tenant, user: &User, identities: &[(UserUid, KnownAs)]) -> v1::User {
    let name = tenant.name();
    let own = identities.iter().filter(|(uid, _)| *uid == user.uid);
    let identities = own.map(|(_, known)| v1::Identity {
        identity_provider: format!("{name}/identityProviders/{}", known.provider),
        issuer: known.issuer.clone(),
        subject: known.subject.clone(),
    });
    let identities = identities.collect();
    let admin_role = match user.admin_role {
        AdminRole::None => v1::AdminRole::Unspecified,
        AdminRole::Viewer => v1::AdminRole::Viewer,
        AdminRole::Admin => v1::AdminRole::Admin,
    };
    v1::User {
        name: format!("{name}/users/{}", user.slug),
        uid: user.uid.to_string(),
        login: user.login.clone(),
        display_name: user.display_name.clone(),
        roles: user.roles.clone(),
        groups: user.groups.clone(),
        admin_role: admin_role.into(),
        disabled: user.disabled,
        has_password: user.has_password,
        identities,
        last_login_time: user.last_login_at.map(timestamp),
        create_time: Some(timestamp(user.created_at)),
        update_time: Some(timestamp(user.updated_at)),
        etag: etag(user.etag),
    }
}

/// Two users of one tenant share neither name nor login.
fn on_write(error: StoreError) -> Error {
    match error {
        StoreError::Duplicate { constraint } if constraint == "users_login_key" => {
            Error::AlreadyExists(Violation::new(
                "user.login",
                "another user signs in with this",
            ))
        }
        other => Error::on_insert(other, "user_id"),
    }
}

const CHANGEABLE: [&str; 6] = [
    "login",
    "display_name",
    "roles",
    "groups",
    "admin_role",
    "disabled",
];
const USER: &str = "aldgate.admin.v1.User";
