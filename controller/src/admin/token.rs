//! Admin tokens: what people and CI present to this API. A token's secret is shown once. Gateways
//! know nothing of them, so they are recorded but make no revision.

use proto::{
    admin::v1::{self, token_service_server::TokenService},
    id::TokenUid,
    name::TenantName,
};
use token::AdminToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Actor, Admin, called, digest,
    field::{self, Checks, DISPLAY_NAME},
    last,
    page::List,
    timestamp,
};
use crate::{
    error::Error,
    store::{
        Platform, Reach, Tx,
        audit::Entry,
        token::{Role, Token},
    },
};

#[tonic::async_trait]
impl TokenService for Admin {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(create(self, &actor, request).await?))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn delete_token(
        &self,
        request: Request<v1::DeleteTokenRequest>,
    ) -> Result<Response<v1::DeleteTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(delete(self, &actor, request).await?))
    }
}

async fn create(
    admin: &Admin,
    actor: &Actor,
    request: v1::CreateTokenRequest,
) -> Result<v1::CreateTokenResponse, Error> {
    let given = field::required("token", request.token)?;
    let mut checks = Checks::new();
    checks.line("token.display_name", &given.display_name, DISPLAY_NAME);
    let role = match given.role() {
        v1::TokenRole::Admin => Some(Role::Admin),
        v1::TokenRole::Viewer => Some(Role::Viewer),
        v1::TokenRole::Unspecified => {
            checks.refuse(
                "token.role",
                "is required: TOKEN_ROLE_ADMIN or TOKEN_ROLE_VIEWER",
            );
            None
        }
    };
    let tenant = if given.tenant.is_empty() {
        None
    } else {
        checks.parse::<TenantName>("token.tenant", &given.tenant)
    };
    let (Some(role), []) = (role, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let reach = reach(&mut tx, tenant.as_ref()).await?;
    let token = Token {
        uid: TokenUid::from_uuid(Uuid::now_v7()),
        display_name: given.display_name,
        tenant: tenant.map(|name| name.tenant.to_string()),
        reach,
        role,
        created_at: tx.time(),
    };
    let secret = AdminToken::generate();
    tx.insert_token(&token, &secret.sha256()).await?;
    tx.commit_recorded_of(confined_to(&token), &entry(&token, None, Some(&token)))
        .await?;
    Ok(v1::CreateTokenResponse {
        token: Some(view(&token)),
        secret: secret.expose().to_owned(),
    })
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListTokensRequest,
) -> Result<v1::ListTokensResponse, Error> {
    let list = List {
        of: "tokens.list",
        parent: "",
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let tokens = tx.tokens(page.after.parse().ok(), page.limit()).await?;
    let mut tokens: Vec<_> = tokens.iter().map(view).collect();
    let next_page_token = pages.cut(list, &page, &mut tokens, |token| last(&token.name));
    Ok(v1::ListTokensResponse {
        tokens,
        next_page_token,
    })
}

async fn delete(
    admin: &Admin,
    actor: &Actor,
    request: v1::DeleteTokenRequest,
) -> Result<v1::DeleteTokenResponse, Error> {
    let uid = request.name.strip_prefix("tokens/");
    let uid: Option<TokenUid> = uid.and_then(|uid| uid.parse().ok());
    let uid = uid.ok_or_else(|| Error::invalid("name", "must have the form `tokens/{token}`"))?;
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let token = tx.lock_token(uid).await?;
    let token = token.ok_or(Error::NotFound(request.name))?;
    tx.delete_token(uid).await?;
    tx.commit_recorded_of(confined_to(&token), &entry(&token, Some(&token), None))
        .await?;
    Ok(v1::DeleteTokenResponse {})
}

async fn reach(tx: &mut Tx<Platform>, tenant: Option<&TenantName>) -> Result<Reach, Error> {
    let Some(name) = tenant else {
        return Ok(Reach::Platform);
    };
    let uid = tx.tenant_uid(name.tenant.as_str()).await?;
    let uid = uid.ok_or_else(|| Error::NotFound(name.to_string()))?;
    Ok(Reach::Tenant(uid))
}

fn confined_to(token: &Token) -> Option<proto::id::TenantUid> {
    match token.reach {
        Reach::Platform => None,
        Reach::Tenant(tenant) => Some(tenant),
    }
}

fn entry(token: &Token, before: Option<&Token>, after: Option<&Token>) -> Entry {
    let digest = |token: &Token| digest::of("aldgate.admin.v1.Token", &view(token));
    Entry {
        resource: format!("tokens/{}", token.uid),
        before: before.map(digest),
        after: after.map(digest),
    }
}

fn view(token: &Token) -> v1::Token {
    let role = match token.role {
        Role::Admin => v1::TokenRole::Admin,
        Role::Viewer => v1::TokenRole::Viewer,
    };
    let tenant = token.tenant.as_ref();
    v1::Token {
        name: format!("tokens/{}", token.uid),
        display_name: token.display_name.clone(),
        tenant: tenant.map_or_else(String::new, |slug| format!("tenants/{slug}")),
        role: role.into(),
        create_time: Some(timestamp(token.created_at)),
    }
}
