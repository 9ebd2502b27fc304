//! What tokens are signed with.

use proto::admin::v1::{
    self, revocation_service_client::RevocationServiceClient, revoke_request::Target,
};

use super::world::{World, text};

/// A43: a tenant has a key from its first revision on.
#[tokio::test]
async fn a_tenant_is_made_with_a_key() {
    let mut world = World::start().await;
    assert_eq!(world.jwks().await.len(), 1);
    let (tokens, _) = world.tokens("app").await;
    world.read(text(&tokens, "access_token")).await;
    let (keys, sealed): (i64, bool) =
        sqlx::query_as("SELECT count(*), bool_and(length(sealed) > 200) FROM signing_keys")
            .fetch_one(&mut world.sql)
            .await
            .unwrap();
    assert_eq!((keys, sealed), (2, true), "one each, sealed");
    // In the same transaction, and good from then on: nobody waits for the task that sees to keys.
    let at_once: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM signing_keys JOIN tenants USING (tenant_id)
         WHERE signing_keys.created_at = tenants.created_at AND active_at = tenants.created_at",
    )
    .fetch_one(&mut world.sql)
    .await
    .unwrap();
    assert_eq!(at_once, 2);
}

/// A43: whoever stole a key dates what they sign as they like, so that it is revoked is remembered for longer
/// than any token of it could say that it lives.
#[tokio::test]
async fn a_revoked_signing_key_is_remembered_until_config_says_that_it_is_gone() {
    let mut world = World::start().await;
    let key = world.jwks().await[0].kid().to_owned();
    let mut revocations = RevocationServiceClient::new(world.admin.channel.clone());
    let request = v1::RevokeRequest {
        parent: "tenants/acme".to_owned(),
        target: Some(Target::SigningKey(format!(
            "tenants/acme/signingKeys/{key}"
        ))),
        wait: None,
    };
    revocations.revoke(world.admin.call(request)).await.unwrap();
    let long: bool = sqlx::query_scalar(
        "SELECT expires_at > now() + interval '29 days' FROM revocations WHERE kind = 'signing_key'",
    )
    .fetch_one(&mut world.sql)
    .await
    .unwrap();
    assert!(long);
}

/// A43: a key that comes is published before it signs, one that goes as long as what it signed is good.
#[tokio::test]
async fn the_next_key_is_published_before_it_signs() {
    let mut world = World::start().await;
    let old = world.jwks().await[0].kid().to_owned();
    // The first look of a controller that starts sees to it.
    world
        .sql("UPDATE signing_keys SET active_at = active_at - interval '90 days'")
        .await;
    let second = world.stack.second().await;
    let start = std::time::Instant::now();
    while world.jwks().await.len() < 2 {
        assert!(start.elapsed().as_secs() < 60);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    drop(second);
    let (tokens, _) = world.tokens("app").await;
    let before = text(&tokens, "access_token");
    assert_eq!(
        *token::access::kid_of(before).unwrap(),
        *old,
        "it does not sign yet"
    );

    world.sql("UPDATE signing_keys SET retire_at = now(), gone_at = now() + interval '1 day' WHERE retire_at IS NOT NULL").await;
    world
        .sql("UPDATE signing_keys SET active_at = now() WHERE retire_at IS NULL")
        .await;
    let (tokens, _) = world.tokens("app").await;
    let after = text(&tokens, "access_token");
    assert_ne!(*token::access::kid_of(after).unwrap(), *old);
    world.read(after).await;
    world.read(before).await;

    world
        .sql("UPDATE signing_keys SET gone_at = now() WHERE retire_at IS NOT NULL")
        .await;
    assert_eq!(world.jwks().await.len(), 1);
}
