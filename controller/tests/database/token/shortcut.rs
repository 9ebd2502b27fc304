//! The short way to further tokens: that it is taken, and that whatever has changed is seen on it.

use proto::{
    access::v1::OauthSettings,
    admin::v1::{
        self, oauth_service_client::OauthServiceClient,
        revocation_service_client::RevocationServiceClient, revoke_request::Target,
    },
};
use uuid::Uuid;

use super::world::{INVALID_GRANT, Way, World, error, text};
use crate::support::postgres::{CLOSE_THE_LONG_WAY, OPEN_THE_LONG_WAY};

/// The second refresh of a client is one statement, whoever's it is; so is one for a resource of the grant.
#[tokio::test]
async fn a_client_that_is_known_takes_the_short_way() {
    let mut world = World::on(Way::Short).await;
    let (first, _) = world.given().await;
    let (second, _) = world.given().await;
    let (tokens, _) = world.tokens("other").await;
    let strangers = text(&tokens, "refresh_token");
    world.sql(CLOSE_THE_LONG_WAY).await;
    assert_eq!(world.refresh("other", strangers, &[]).await.status, 503);
    for (refresh, more) in [
        (&first, &[][..]),
        (&second, &[("resource", "http://acme.test:8080/mcp")]),
    ] {
        let answer = world.refresh("app", refresh, more).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["scope"], "mcp mcp:read");
        let token = world.read(text(&answer.body, "access_token")).await;
        assert_eq!(token.roles.as_ref(), [Box::<str>::from("dev")]);
        assert_eq!(
            token.audiences.as_ref(),
            [Box::<str>::from("http://acme.test:8080/mcp")]
        );
        world.sql(OPEN_THE_LONG_WAY).await;
        let again = world.refresh("app", refresh, &[]).await;
        assert_eq!(again.body["refresh_token"], answer.body["refresh_token"]);
        world.sql(CLOSE_THE_LONG_WAY).await;
    }
}

/// A13, A15, A17, REV-3: whatever has changed since the client was last seen counts from the next token on.
#[tokio::test]
async fn what_has_changed_is_seen_on_the_short_way() {
    let mut world = World::on(Way::Short).await;
    for (change, back, refusal) in [
        (
            "UPDATE users SET disabled = true",
            "UPDATE users SET disabled = false",
            INVALID_GRANT,
        ),
        (
            "UPDATE grants SET revoked_at = now()",
            "UPDATE grants SET revoked_at = NULL",
            INVALID_GRANT,
        ),
        (
            "UPDATE grants SET idle_expires_at = now()",
            "UPDATE grants SET idle_expires_at = now() + interval '1 day'",
            INVALID_GRANT,
        ),
        (
            "UPDATE oauth_clients SET trust = 'blocked', etag = etag + 1",
            "UPDATE oauth_clients SET trust = 'ask', etag = etag + 1",
            (401, "invalid_client"),
        ),
        (
            "UPDATE oauth_clients SET updated_at = now(),
                    metadata = metadata || '{\"grant_types\": []}'",
            "UPDATE oauth_clients SET updated_at = now(),
                    metadata = metadata || '{\"grant_types\": [\"refresh_token\", \"authorization_code\"]}'",
            (400, "unauthorized_client"),
        ),
    ] {
        let (refresh, grant) = world.given().await;
        world.sql(change).await;
        let answer = world.refresh("app", &refresh, &[]).await;
        assert_eq!(error(&answer), refusal, "{change}");
        world.sql(back).await;
        let answer = world.refresh("app", &refresh, &[]).await;
        assert_eq!(answer.status, 200, "{back}: {answer:?}");
        assert_eq!(world.end_of(grant).await, "", "{change}");
        world.sql("DELETE FROM grants").await;
        world.become_known().await;
    }

    let (refresh, grant) = world.given().await;
    for (client, more, refusal) in [
        ("other", ("x", "y"), INVALID_GRANT),
        (
            "app",
            ("resource", "http://beta.test/mcp"),
            (400, "invalid_target"),
        ),
        ("app", ("scope", "aldgate:admin"), (400, "invalid_scope")),
        ("app", ("client_secret", "x"), (401, "invalid_client")),
    ] {
        let answer = world.refresh(client, &refresh, &[more]).await;
        assert_eq!(error(&answer), refusal, "{client} {more:?}");
    }
    world.sql("UPDATE users SET roles = '{porter}'").await;
    let answer = world.refresh("app", &refresh, &[]).await;
    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!(token.roles.as_ref(), [Box::<str>::from("porter")]);
    assert_eq!(world.end_of(grant).await, "");
}

/// A43, S4-33: so do the tenant's settings, and the key that signs.
#[tokio::test]
async fn settings_and_keys_that_changed_are_seen_on_the_short_way() {
    let mut world = World::on(Way::Short).await;
    let (refresh, _) = world.given().await;
    let first = world.refresh("app", &refresh, &[]).await;
    assert_eq!(first.body["expires_in"], 3600);
    let channel = &world.admin.channel;
    let settings = v1::SetOauthSettingsRequest {
        oauth_settings: Some(v1::TenantOauthSettings {
            name: "tenants/acme/oauthSettings".to_owned(),
            settings: Some(OauthSettings {
                access_token_lifetime: Some(prost_types::Duration {
                    seconds: 600,
                    nanos: 0,
                }),
                ..OauthSettings::default()
            }),
            ..v1::TenantOauthSettings::default()
        }),
    };
    let mut oauth = OauthServiceClient::new(channel.clone());
    let settings = oauth.set_oauth_settings(world.admin.call(settings)).await;
    settings.unwrap();
    let refresh = text(&first.body, "refresh_token");
    let second = world.refresh("app", refresh, &[]).await;
    assert_eq!(second.body["expires_in"], 600);

    let old = world.jwks().await[0].kid().to_owned();
    let mut revocations = RevocationServiceClient::new(channel.clone());
    let revoked = v1::RevokeRequest {
        parent: "tenants/acme".to_owned(),
        target: Some(Target::SigningKey(format!(
            "tenants/acme/signingKeys/{old}"
        ))),
        wait: None,
    };
    revocations.revoke(world.admin.call(revoked)).await.unwrap();
    for _ in 0..2 {
        let (refresh, _) = world.given().await;
        let third = world.refresh("app", &refresh, &[]).await;
        // Which the keys that are published verify, and that one is not among them.
        world.read(text(&third.body, "access_token")).await;
        assert!(world.jwks().await.iter().all(|key| key.kid() != old));
    }
}

impl World {
    /// A refresh token of the client `app`, and its grant.
    async fn given(&mut self) -> (String, Uuid) {
        let (tokens, grant) = self.tokens("app").await;
        (text(&tokens, "refresh_token").to_owned(), grant)
    }
}
