//! What is left of clients and users that were deleted: nothing that anybody could use.

use proto::admin::v1::{
    self, client_service_client::ClientServiceClient, user_service_client::UserServiceClient,
};
use serde_json::Value;

use super::world::{INVALID_GRANT, World, error, text};

/// S4-38: everything that was issued to a client goes with it, and nothing of the others.
#[tokio::test]
async fn a_deleted_client_leaves_nothing_behind() {
    let mut world = World::start().await;
    let (gone, _) = world.tokens("app").await;
    let (pending, _) = world.code("app").await;
    let (kept, _) = world.tokens("other").await;
    assert_eq!(
        (active(&world, &gone).await, active(&world, &kept).await),
        (true, true)
    );

    let mut clients = ClientServiceClient::new(world.admin.channel.clone());
    let request = v1::DeleteClientRequest {
        name: "tenants/acme/clients/app".to_owned(),
        ..v1::DeleteClientRequest::default()
    };
    let deleted = clients.delete_client(world.admin.call(request)).await;
    assert!(deleted.unwrap().into_inner().revocation > 0);

    assert_eq!(
        (active(&world, &gone).await, active(&world, &kept).await),
        (false, true)
    );
    let unknown = (401, "invalid_client");
    let refreshed = world.refresh("app", text(&gone, "refresh_token"), &[]);
    assert_eq!(error(&refreshed.await), unknown);
    assert_eq!(error(&world.exchange("app", &pending, &[]).await), unknown);
    // In another's hands they are nothing either.
    let refreshed = world.refresh("other", text(&gone, "refresh_token"), &[]);
    assert_eq!(error(&refreshed.await), INVALID_GRANT);
    assert_eq!(
        error(&world.exchange("other", &pending, &[]).await),
        INVALID_GRANT
    );
    let refreshed = world.refresh("other", text(&kept, "refresh_token"), &[]);
    assert_eq!(refreshed.await.status, 200);
    assert_eq!(world.revocations("client").await, 1);
    assert_eq!(left(&mut world).await, (1, 1, 0, 0));
}

/// S4-38: the same for a user, and who comes later under the same name inherits nothing.
#[tokio::test]
async fn a_deleted_user_leaves_nothing_behind() {
    let mut world = World::start().await;
    let (gone, _) = world.tokens("app").await;
    let (pending, _) = world.code("app").await;
    for statement in [
        "INSERT INTO identity_providers (tenant_id, identity_provider_id, slug, issuer, client_id)
         SELECT tenant_id, gen_random_uuid(), 'corp', 'https://idp.test', 'c' FROM tenants",
        "INSERT INTO identities (tenant_id, identity_provider_id, issuer, subject, user_id)
         SELECT u.tenant_id, identity_provider_id, issuer, 'alice', user_id
         FROM users u JOIN identity_providers USING (tenant_id)
         JOIN tenants t USING (tenant_id) WHERE t.slug = 'acme'",
        "INSERT INTO browser_sessions (tenant_id, session_sha256, user_id, auth_time, expires_at)
         SELECT u.tenant_id, 'x', user_id, now(), now() + interval '1 day'
         FROM users u JOIN tenants t USING (tenant_id) WHERE t.slug = 'acme'",
    ] {
        world.sql(statement).await;
    }
    assert!(active(&world, &gone).await);
    assert_eq!(left(&mut world).await, (2, 2, 1, 1));

    let mut users = UserServiceClient::new(world.admin.channel.clone());
    let request = v1::DeleteUserRequest {
        name: "tenants/acme/users/alice".to_owned(),
        ..v1::DeleteUserRequest::default()
    };
    let deleted = users.delete_user(world.admin.call(request)).await;
    assert!(deleted.unwrap().into_inner().revocation > 0);
    assert_eq!(left(&mut world).await, (0, 0, 0, 0));
    assert_eq!(world.revocations("user").await, 1);

    let again = v1::CreateUserRequest {
        parent: "tenants/acme".to_owned(),
        user_id: "alice".to_owned(),
        user: Some(v1::User {
            login: "alice@acme.test".to_owned(),
            ..v1::User::default()
        }),
        ..v1::CreateUserRequest::default()
    };
    users.create_user(world.admin.call(again)).await.unwrap();
    assert!(!active(&world, &gone).await);
    let refreshed = world.refresh("app", text(&gone, "refresh_token"), &[]);
    assert_eq!(error(&refreshed.await), INVALID_GRANT);
    assert_eq!(
        error(&world.exchange("app", &pending, &[]).await),
        INVALID_GRANT
    );
}

async fn active(world: &World, tokens: &Value) -> bool {
    let form = [("token", text(tokens, "access_token"))];
    let told = world.post_as_svc("/introspect", &form).await;
    told.body["active"].as_bool().unwrap()
}

/// How many grants, codes, sessions and identities there are.
async fn left(world: &mut World) -> (i64, i64, i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM grants),
                (SELECT count(*) FROM authorization_codes),
                (SELECT count(*) FROM browser_sessions),
                (SELECT count(*) FROM identities)",
    )
    .fetch_one(&mut world.sql)
    .await
    .unwrap()
}
