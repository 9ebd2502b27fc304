//! Users of a tenant at the admin API, and what operators see of grants and keys.

use proto::admin::v1::{
    self, oauth_service_client::OauthServiceClient, tenant_service_client::TenantServiceClient,
};
use tonic::{Code, Request, Status};
use uuid::Uuid;

use super::world::{DEVICE, World, text};

/// design.md §11: a user comes in with a token of our own client for the admin API, as far as their role
/// in that tenant reaches, and no longer than the token counts.
#[tokio::test]
async fn a_user_comes_in_as_far_as_their_role_reaches() {
    let mut world = World::start().await;
    world.sql("UPDATE users SET admin_role = 'viewer'").await;
    let token = signed_in(&mut world).await;
    assert!(tenant(&world, &token, "acme").await.is_ok());
    assert_eq!(code(tenant(&world, &token, "beta").await), Code::NotFound);
    assert_eq!(code(rotate(&world, &token).await), Code::PermissionDenied);
    world.sql("UPDATE users SET admin_role = 'admin'").await;
    assert!(rotate(&world, &token).await.is_ok());
    let actor: String = sqlx::query_scalar(
        "SELECT actor FROM audit_records WHERE action = 'signingKeys.rotate' AND actor LIKE '%/users/%'",
    )
    .fetch_one(&mut world.sql)
    .await
    .unwrap();
    assert_eq!(actor, format!("tenants/acme/users/{}", world.alice));

    for (statement, back) in [
        (
            "UPDATE users SET admin_role = 'none'",
            "UPDATE users SET admin_role = 'admin'",
        ),
        (
            "UPDATE users SET disabled = true",
            "UPDATE users SET disabled = false",
        ),
        (
            "UPDATE grants SET revoked_at = now()",
            "UPDATE grants SET revoked_at = NULL",
        ),
        (
            "UPDATE signing_keys SET revoked = true",
            "UPDATE signing_keys SET revoked = false",
        ),
    ] {
        world.sql(statement).await;
        let refused = tenant(&world, &token, "acme").await;
        assert_eq!(code(refused), Code::Unauthenticated, "{statement}");
        world.sql(back).await;
        assert!(tenant(&world, &token, "acme").await.is_ok(), "{back}");
    }
    let (tokens, _) = world.tokens("app").await;
    let other = tenant(&world, text(&tokens, "access_token"), "acme").await;
    assert_eq!(
        code(other),
        Code::Unauthenticated,
        "a token for MCP is none for us"
    );
}

/// A43: a key may be replaced at once; what the old one signed stays good.
#[tokio::test]
async fn an_operator_sees_grants_and_replaces_keys() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("app").await;
    world.tokens("other").await;
    let mut oauth = OauthServiceClient::new(world.admin.channel.clone());
    let list = v1::ListGrantsRequest {
        parent: "tenants/acme".to_owned(),
        client: "tenants/acme/clients/app".to_owned(),
        page_size: 1,
        ..v1::ListGrantsRequest::default()
    };
    let found = oauth.list_grants(world.admin.call(list)).await.unwrap();
    let found = found.into_inner().grants;
    let name = format!("tenants/acme/grants/{grant}");
    assert_eq!((found.len(), &found[0].name), (1, &name));
    assert_eq!(found[0].user, "tenants/acme/users/alice");
    assert!(found[0].last_used_time.is_some());
    let get = v1::GetGrantRequest { name };
    let got = oauth.get_grant(world.admin.call(get)).await.unwrap();
    assert_eq!(got.into_inner().grant.unwrap(), found[0]);
    let get = v1::GetGrantRequest {
        name: format!("tenants/beta/grants/{grant}"),
    };
    let foreign = oauth.get_grant(world.admin.call(get)).await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);

    let rotate = v1::RotateSigningKeyRequest {
        parent: "tenants/acme".to_owned(),
        now: true,
    };
    let key = oauth.rotate_signing_key(world.admin.call(rotate)).await;
    let key = key.unwrap().into_inner().signing_key.unwrap();
    assert_eq!(key.state(), v1::SigningKeyState::Active);
    let (new, _) = world.tokens("app").await;
    let new = text(&new, "access_token");
    let kid = token::access::kid_of(new).unwrap();
    assert!(key.name.ends_with(&*kid), "{}", key.name);
    world.read(new).await;
    world.read(text(&tokens, "access_token")).await;
    let list = v1::ListSigningKeysRequest {
        parent: "tenants/acme".to_owned(),
    };
    let keys = oauth.list_signing_keys(world.admin.call(list)).await;
    let states = keys.unwrap().into_inner().signing_keys;
    let states: Vec<_> = states.iter().map(v1::SigningKey::state).collect();
    assert_eq!(
        states,
        [v1::SigningKeyState::Active, v1::SigningKeyState::Retiring]
    );
}

/// Alice at the command line, whose page she has answered.
async fn signed_in(world: &mut World) -> String {
    let form = [
        ("client_id", "aldgate-cli"),
        ("scope", "aldgate:admin"),
        ("resource", "urn:aldgate:admin"),
    ];
    let asked = world.post("/device_authorization", &form).await;
    let device = text(&asked.body, "device_code").to_owned();
    let grant: Uuid = world.grant("aldgate-cli", &["aldgate:admin"]).await;
    let statement = "UPDATE grants SET resources = '{urn:aldgate:admin}' WHERE grant_id = $1";
    for statement in [
        statement,
        "UPDATE device_codes SET state = 'approved', grant_id = $1",
    ] {
        sqlx::query(statement)
            .bind(grant)
            .execute(&mut world.sql)
            .await
            .unwrap();
    }
    let form = [
        ("grant_type", DEVICE),
        ("client_id", "aldgate-cli"),
        ("device_code", device.as_str()),
    ];
    let answer = world.post("/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    text(&answer.body, "access_token").to_owned()
}

async fn tenant(world: &World, token: &str, slug: &str) -> Result<(), Status> {
    let get = v1::GetTenantRequest {
        name: format!("tenants/{slug}"),
    };
    let mut tenants = TenantServiceClient::new(world.admin.channel.clone());
    tenants.get_tenant(with(token, get)).await.map(drop)
}

async fn rotate(world: &World, token: &str) -> Result<(), Status> {
    let rotate = v1::RotateSigningKeyRequest {
        parent: "tenants/acme".to_owned(),
        now: false,
    };
    let mut oauth = OauthServiceClient::new(world.admin.channel.clone());
    oauth
        .rotate_signing_key(with(token, rotate))
        .await
        .map(drop)
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn code(result: Result<(), Status>) -> Code {
    result.map_or_else(|status| status.code(), |()| Code::Ok)
}
