//! Static tokens: pasted by an operator or made here, changed and removed. A token's value is shown
//! once, in the answer to its creation; the values of its headers never.

use proto::{
    admin::v1::{self, static_token_service_server::StaticTokenService},
    id::StaticTokenUid,
    name::{ServerName, Slug, StaticTokenName, TenantName},
};
use token::fixed::TokenType;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::{headers::GivenHeaders, value::Value};
use super::{
    Actor, Admin,
    authenticator::check_roles,
    called, check_etag, digest, etag,
    field::{self, Checks, DISPLAY_NAME},
    key::lifespan,
    last,
    mask::Mask,
    page::List,
    timestamp,
};
use crate::{
    error::{Error, Violation},
    store::{
        OneTenant, StoreError, Tx,
        audit::Entry,
        server::Server,
        static_token::{Headers, StaticToken, Verifier},
        tenant::Tenant,
    },
};

/// The headers that calls carry.
mod headers;

/// What clients present.
mod value;

#[tonic::async_trait]
impl StaticTokenService for Admin {
    async fn create_static_token(
        &self,
        request: Request<v1::CreateStaticTokenRequest>,
    ) -> Result<Response<v1::CreateStaticTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn get_static_token(
        &self,
        request: Request<v1::GetStaticTokenRequest>,
    ) -> Result<Response<v1::GetStaticTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        let name: StaticTokenName = field::name("name", &request.name)?;
        let mut tx = actor.enter(&self.0.store, &name.tenant, &name).await?;
        let found = tx.static_token(&name.static_token).await;
        let token = found.map_err(Error::from)?;
        let token = token.ok_or_else(|| Error::NotFound(name.to_string()))?;
        Ok(Response::new(v1::GetStaticTokenResponse {
            static_token: Some(view(tx.tenant(), &token)),
        }))
    }

    async fn list_static_tokens(
        &self,
        request: Request<v1::ListStaticTokensRequest>,
    ) -> Result<Response<v1::ListStaticTokensResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn update_static_token(
        &self,
        request: Request<v1::UpdateStaticTokenRequest>,
    ) -> Result<Response<v1::UpdateStaticTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(update(self, &actor, request).await?))
    }

    async fn delete_static_token(
        &self,
        request: Request<v1::DeleteStaticTokenRequest>,
    ) -> Result<Response<v1::DeleteStaticTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(delete(self, &actor, request).await?))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateStaticTokenRequest,
) -> Result<v1::CreateStaticTokenResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let lifespan = lifespan(request.lifespan());
    let mut given = field::required("static_token", request.static_token)?;
    let input = field::required("input", request.input)?;
    let mut checks = Checks::new();
    let slug: Option<Slug> = checks.parse("static_token_id", &request.static_token_id);
    let headers = GivenHeaders::read(&mut checks, std::mem::take(&mut given.headers));
    check_open_fields(&mut checks, &given, &Mask::all(&CHANGEABLE));
    let server = server_of(&mut checks, &parent.tenant, &given.server);
    let kind = kind(&mut checks, given.r#type);
    let value =
        kind.and_then(|kind| Value::read(&mut checks, kind, input, &request.static_token_id));
    if lifespan.is_none() {
        checks.refuse("lifespan", "is required: 7, 15 or 30 days, or permanent");
    }
    let (Some(slug), Some(server), Some(kind), Some(value), Some(lifespan), []) =
        (slug, server, kind, value, lifespan, checks.found())
    else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let server = tx.lock_server(&server).await?;
    let server = server
        .ok_or_else(|| Error::invalid("static_token.server", "there is no server of this name"))?;
    let mut token = StaticToken {
        uid: StaticTokenUid::from_uuid(Uuid::now_v7()),
        slug: slug.to_string(),
        server: server.uid,
        server_slug: server.slug.clone(),
        server_origin: server.origin.clone(),
        display_name: given.display_name,
        kind: Some(kind),
        subject: given.subject,
        roles: given.roles,
        passthrough: given.passthrough,
        disabled: given.disabled,
        headers: Headers::default(),
        expires_at: lifespan.map(|lifespan| tx.time() + lifespan),
        revision: 0,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    let keys = tx.tenant_keys().await?;
    let pepper = admin.0.vault.tenant_key(tx.tenant().uid, &keys)?;
    let verifier = Verifier {
        pepper_id: pepper.version().to_string(),
        hash: value.verifier(&pepper.pepper(), kind),
    };
    tx.insert_static_token(&token, &verifier)
        .await
        .map_err(on_insert)?;
    if !headers.is_empty() {
        headers::put(admin, &mut tx, &mut token, headers).await?;
    }
    lease_anew(&mut tx, server, None, Some(&token)).await?;
    let (static_token, revision) = commit(tx, None, token).await?;
    Ok(v1::CreateStaticTokenResponse {
        static_token: Some(static_token),
        header_value: value.header(kind),
        header_name: header_name(kind).to_owned(),
        revision,
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListStaticTokensRequest,
) -> Result<v1::ListStaticTokensResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "staticTokens.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let tokens = tx.static_tokens(&page.after, page.limit()).await?;
    let tokens = tokens.iter().map(|token| view(tx.tenant(), token));
    let mut static_tokens: Vec<_> = tokens.collect();
    let next_page_token = pages.cut(list, &page, &mut static_tokens, |token| last(&token.name));
    Ok(v1::ListStaticTokensResponse {
        static_tokens,
        next_page_token,
    })
}

async fn update(
    admin: &Admin,
    actor: &Actor,
    request: v1::UpdateStaticTokenRequest,
) -> Result<v1::UpdateStaticTokenResponse, Error> {
    let mut given = field::required("static_token", request.static_token)?;
    let name: StaticTokenName = field::name("static_token.name", &given.name)?;
    let mask = Mask::read(request.update_mask, &CHANGEABLE)?;
    let mut checks = Checks::new();
    check_open_fields(&mut checks, &given, &mask);
    let headers = std::mem::take(&mut given.headers);
    let headers = mask
        .names("headers")
        .then(|| GivenHeaders::read(&mut checks, headers));
    if !checks.found().is_empty() {
        return Err(checks.into_error());
    }

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let found = tx.lock_static_token(&name.static_token).await?;
    let (before, server) = found.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&given.etag, before.revision)?;
    let mut after = before.clone();
    if mask.names("display_name") {
        after.display_name = given.display_name;
    }
    if mask.names("subject") {
        after.subject = given.subject;
    }
    if mask.names("roles") {
        after.roles = given.roles;
    }
    if mask.names("passthrough") {
        after.passthrough = given.passthrough;
    }
    if mask.names("disabled") {
        after.disabled = given.disabled;
    }
    tx.update_static_token(&after).await?;
    if let Some(headers) = headers {
        headers::put(admin, &mut tx, &mut after, headers).await?;
    }
    lease_anew(&mut tx, server, Some(&before), Some(&after)).await?;
    let (static_token, revision) = commit(tx, Some(&before), after).await?;
    Ok(v1::UpdateStaticTokenResponse {
        static_token: Some(static_token),
        revision,
    })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteStaticTokenRequest,
) -> Result<v1::DeleteStaticTokenResponse, Error> {
    let name: StaticTokenName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let found = tx.lock_static_token(&name.static_token).await?;
    let (token, server) = found.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, token.revision)?;
    tx.delete_static_token(&token).await?;
    lease_anew(&mut tx, server, Some(&token), None).await?;
    let entry = entry(tx.tenant(), &token, Some(&token), None);
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::DeleteStaticTokenResponse {
        revision: committed.revision,
    })
}

/// What calls to the server carry has changed if the headers that this token adds have: then the
/// server goes to the nodes again, in the same change, and they wait for its new lease.
async fn lease_anew(
    tx: &mut Tx<OneTenant>,
    mut server: Server,
    before: Option<&StaticToken>,
    after: Option<&StaticToken>,
) -> Result<(), Error> {
    let carried = |token: Option<&StaticToken>| {
        let token = token.filter(|token| token.carries_headers());
        token.map(|token| token.headers.clone())
    };
    if carried(before) != carried(after) {
        server.lease_generation += 1;
        tx.update_server(&server).await?;
    }
    Ok(())
}

/// The fields that are stored as they are given.
fn check_open_fields(checks: &mut Checks, given: &v1::StaticToken, mask: &Mask) {
    if mask.names("display_name") {
        let field = "static_token.display_name";
        checks.line(field, &given.display_name, DISPLAY_NAME);
    }
    let subject = &given.subject;
    if mask.names("subject") && !subject.is_empty() && !token::is_subject(subject) {
        checks.refuse(
            "static_token.subject",
            "must have at most 256 bytes without control characters, and be none of `anonymous`, \
             `keys/…`, `tokens/…` and `clients/…`",
        );
    }
    if mask.names("roles") {
        check_roles(checks, "static_token.roles", &given.roles);
    }
}

/// The server named, which must be of the token's own tenant.
fn server_of(checks: &mut Checks, tenant: &Slug, given: &str) -> Option<Slug> {
    let field = "static_token.server";
    let name: ServerName = checks.parse(field, given)?;
    if name.tenant == *tenant {
        return Some(name.server);
    }
    checks.refuse(field, "must be a server of the token's own tenant");
    None
}

fn kind(checks: &mut Checks, given: i32) -> Option<TokenType> {
    let kind = TokenType::of_number(given);
    if kind.is_none() {
        checks.refuse(
            "static_token.type",
            "is required: STATIC_TOKEN_TYPE_BEARER, STATIC_TOKEN_TYPE_API_KEY, \
             STATIC_TOKEN_TYPE_X_API_KEY or STATIC_TOKEN_TYPE_BASIC",
        );
    }
    kind
}

/// As people write it.
fn header_name(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Bearer | TokenType::Basic => "Authorization",
        TokenType::ApiKey => "Api-Key",
        TokenType::XApiKey => "X-API-Key",
    }
}

/// Two tokens of one value and type at one server would be one.
fn on_insert(error: StoreError) -> Error {
    match error {
        StoreError::Duplicate { constraint } if constraint == "static_tokens_verifier_key" => {
            Error::AlreadyExists(Violation::new(
                "input",
                "another token of this server and type has this value",
            ))
        }
        other => Error::on_insert(other, "static_token_id"),
    }
}

/// Commits a token's new values and shows them as they are stored.
async fn commit(
    tx: Tx<OneTenant>,
    before: Option<&StaticToken>,
    after: StaticToken,
) -> Result<(v1::StaticToken, u64), Error> {
    let tenant = tx.tenant().clone();
    let entry = entry(&tenant, &after, before, Some(&after));
    let committed = tx.commit_change(&entry).await?;
    Ok((view(&tenant, &after.after(committed)), committed.revision))
}

fn entry(
    tenant: &Tenant,
    token: &StaticToken,
    before: Option<&StaticToken>,
    after: Option<&StaticToken>,
) -> Entry {
    let digest = |token: &StaticToken| {
        // New values of headers show in nothing else.
        let values = token.headers.generation.to_be_bytes();
        digest::with(
            "aldgate.admin.v1.StaticToken",
            &view(tenant, token),
            &values,
        )
    };
    Entry {
        resource: format!("{}/staticTokens/{}", tenant.name(), token.slug),
        before: before.map(digest),
        after: after.map(digest),
    }
}

fn view(tenant: &Tenant, token: &StaticToken) -> v1::StaticToken {
    let name = tenant.name();
    let names = token.headers.names.iter();
    v1::StaticToken {
        name: format!("{name}/staticTokens/{}", token.slug),
        uid: token.uid.to_string(),
        display_name: token.display_name.clone(),
        server: format!("{name}/servers/{}", token.server_slug),
        r#type: token.kind.map_or(0, |kind| i32::from(kind as u8)),
        subject: token.subject.clone(),
        roles: token.roles.clone(),
        passthrough: token.passthrough,
        headers: names
            .map(|header| v1::CustomHeader {
                name: header.name.clone(),
                value: String::new(),
                passthrough: header.passthrough,
            })
            .collect(),
        disabled: token.disabled,
        headers_detached: token.is_detached(),
        expire_time: token.expires_at.map(timestamp),
        create_time: Some(timestamp(token.created_at)),
        update_time: Some(timestamp(token.updated_at)),
        etag: etag(token.revision),
        revision: token.revision,
    }
}

const CHANGEABLE: [&str; 6] = [
    "display_name",
    "subject",
    "roles",
    "passthrough",
    "headers",
    "disabled",
];
