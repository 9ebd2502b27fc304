//! Revocations and requests for tokens at once. Every test holds a lock that one side takes, lets the
//! other side go as far as it gets, and then lets go: what happens in which order is not left to chance.

use proto::admin::v1::{
    self, client_service_client::ClientServiceClient,
    identity_provider_service_client::IdentityProviderServiceClient,
    revocation_service_client::RevocationServiceClient, revoke_request::Target,
    user_service_client::UserServiceClient,
};
use serde_json::Value;
use token::access::AccessToken;
use tonic::Status;

use super::world::{CREDENTIALS, DEVICE, INVALID_GRANT, Way, World, error, text};
use crate::support::{gateway::Answer, hold::Hold};

/// REV-3: what a user's tokens say is cut off to the last of them, which was made while the change waited; and
/// the change comes before whoever asks next, so that nobody keeps it waiting by asking without pause.
#[tokio::test]
async fn rights_change_between_two_tokens() {
    for way in [Way::Long, Way::Short] {
        let mut world = World::on(way).await;
        let (tokens, _) = world.tokens("app").await;
        let making = Hold::take(&world.stack, AS_A_REQUEST).await;
        let mut users = UserServiceClient::new(world.admin.channel.clone());
        let request = v1::UpdateUserRequest {
            user: Some(v1::User {
                name: ALICE.to_owned(),
                ..v1::User::default()
            }),
            update_mask: Some(mask("roles")),
        };
        let request = world.admin.call(request);
        let change = users.update_user(request);
        let (change, next) = tokio::join!(change, world.next_to(&tokens, making));
        change.unwrap();
        world.is_cut(&tokens).await;
        assert!(next.roles.is_empty());
    }
}

/// The same of what a provider's groups gave, which goes with the provider.
#[tokio::test]
async fn a_provider_goes_between_two_tokens() {
    for way in [Way::Long, Way::Short] {
        let mut world = World::on(way).await;
        world.provider().await;
        let (tokens, _) = world.tokens("app").await;
        let before = world.read(text(&tokens, "access_token")).await;
        assert_eq!(
            before.roles.as_ref(),
            [Box::<str>::from("dev"), Box::<str>::from("ops")]
        );
        let making = Hold::take(&world.stack, AS_A_REQUEST).await;
        let mut providers = IdentityProviderServiceClient::new(world.admin.channel.clone());
        let request = world.admin.call(v1::DeleteIdentityProviderRequest {
            name: "tenants/acme/identityProviders/idp".to_owned(),
            ..v1::DeleteIdentityProviderRequest::default()
        });
        let change = providers.delete_identity_provider(request);
        let (change, next) = tokio::join!(change, world.next_to(&tokens, making));
        change.unwrap();
        world.is_cut(&tokens).await;
        assert_eq!(next.roles.as_ref(), [Box::<str>::from("dev")]);
    }
}

/// What is waited for is what counts: rights are read after the wait, not before.
#[tokio::test]
async fn a_token_that_waited_for_a_sign_in_says_what_that_left() {
    for way in [Way::Long, Way::Short] {
        let mut world = World::on(way).await;
        world.provider().await;
        let (tokens, _) = world.tokens("app").await;
        let mut sign_in = Hold::take(
            &world.stack,
            "SELECT FROM users WHERE slug = 'alice' FOR UPDATE",
        )
        .await;
        let refresh = text(&tokens, "refresh_token");
        let (answer, ()) = tokio::join!(world.refresh("app", refresh, &[]), async {
            Hold::is_awaited(&world.stack, 1).await;
            sign_in.run("UPDATE identities SET roles = '{}'").await;
            sign_in.commit().await;
        });
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = world.read(text(&answer.body, "access_token")).await;
        assert_eq!(token.roles.as_ref(), [Box::<str>::from("dev")]);
    }
}

/// REV-3, A10: a code that is exchanged while its user, its client or everything is revoked gives nothing:
/// its grant is looked at when the revocation is through.
#[tokio::test]
async fn a_code_exchanged_while_its_grant_ends_gives_nothing() {
    let mut world = World::start().await;
    for end in [
        "UPDATE grants SET revoked_at = now(), revoke_reason = 'operator'",
        "DELETE FROM grants",
    ] {
        let (code, _) = world.code("app").await;
        let mut revoking = Hold::take(&world.stack, "SELECT FROM grants FOR UPDATE").await;
        let (answer, ()) = tokio::join!(world.exchange("app", &code, &[]), async {
            Hold::is_awaited(&world.stack, 1).await;
            revoking.run(end).await;
            revoking.commit().await;
        });
        assert_eq!(error(&answer), INVALID_GRANT, "{end}");
    }
    let (code, _) = world.code("app").await;
    let revoking = Hold::take(&world.stack, "SELECT FROM grants FOR UPDATE").await;
    let (answer, ()) = tokio::join!(world.exchange("app", &code, &[]), async {
        Hold::is_awaited(&world.stack, 1).await;
        revoking.release().await;
    });
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The same of a device that fetches what was approved.
#[tokio::test]
async fn a_device_that_polls_while_its_grant_ends_gets_nothing() {
    let mut world = World::start().await;
    for (end, status) in [
        ("UPDATE grants SET revoked_at = now()", 400),
        ("SELECT FROM grants", 200),
    ] {
        let form = [("client_id", "app")];
        let asked = world.post("/device_authorization", &form).await;
        let grant = world.grant("app", &["mcp"]).await;
        sqlx::query(
            "UPDATE device_codes SET state = 'approved', grant_id = $1 WHERE state = 'pending'",
        )
        .bind(grant)
        .execute(&mut world.sql)
        .await
        .unwrap();
        let form = [
            ("grant_type", DEVICE),
            ("client_id", "app"),
            ("device_code", text(&asked.body, "device_code")),
        ];
        let mut revoking = Hold::take(&world.stack, "SELECT FROM grants FOR UPDATE").await;
        let (answer, ()) = tokio::join!(world.post("/token", &form), async {
            Hold::is_awaited(&world.stack, 1).await;
            revoking.run(end).await;
            revoking.commit().await;
        });
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// REV-3: what a client gets for itself is what it may have when the change is through.
#[tokio::test]
async fn a_client_that_asks_for_itself_while_it_changes_gets_what_it_may_have_then() {
    let mut world = World::start().await;
    for (change, roles) in [
        (
            "UPDATE oauth_clients SET roles = '{porter}'",
            Some("porter"),
        ),
        ("UPDATE oauth_clients SET trust = 'blocked'", None),
        ("UPDATE oauth_clients SET trust = 'ask'", Some("porter")),
        ("DELETE FROM oauth_clients", None),
    ] {
        let mut changing = Hold::take(&world.stack, "SELECT FROM oauth_clients FOR UPDATE").await;
        let (answer, ()) = tokio::join!(world.own(), async {
            Hold::is_awaited(&world.stack, 1).await;
            changing.run(change).await;
            changing.commit().await;
        });
        let Some(role) = roles else {
            assert_eq!(error(&answer), (401, "invalid_client"), "{change}");
            // Only what waited finds the client as it was.
            world.sql("UPDATE oauth_clients SET trust = 'ask'").await;
            continue;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = world.read(text(&answer.body, "access_token")).await;
        assert_eq!(token.roles.as_ref(), [Box::<str>::from(role)], "{change}");
    }
}

/// REV-3: a revocation of a client reaches every token that was made before it was through, and comes before
/// every one that is asked for later: whoever asks without pause does not keep it waiting.
#[tokio::test]
async fn a_client_is_revoked_between_two_tokens_of_its_own() {
    let mut world = World::start().await;
    let before = world.own().await.body;
    assert!(world.is_active(&before).await);
    let making = "SELECT FROM oauth_clients FOR NO KEY UPDATE";
    let mut making = Hold::take(&world.stack, making).await;
    let revoking = world.revoke(Target::Client("tenants/acme/clients/svc".to_owned()));
    let (revoked, next) = tokio::join!(revoking, async {
        Hold::is_awaited(&world.stack, 1).await;
        let (next, ()) = tokio::join!(world.own(), async {
            Hold::is_awaited(&world.stack, 2).await;
            making.run(DATED).await;
            making.commit().await;
        });
        next
    });
    revoked.unwrap();
    world.is_cut(&before).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert!(world.is_active(&next.body).await);
}

/// REV-3: whoever takes a grant's tokens and whoever ends the grant wait for one another in one order; with
/// opposite ones, here one of the two would be given up.
#[tokio::test]
async fn a_refresh_and_what_ends_its_grant_never_wait_for_each_other() {
    let mut world = World::start().await;
    let user = Target::User(ALICE.to_owned());
    let client = Target::Client(APP.to_owned());
    for (way, end) in [
        (Way::Long, End::Revoke(user.clone())),
        (Way::Short, End::Revoke(user)),
        (Way::Long, End::Revoke(client.clone())),
        (Way::Short, End::Revoke(client)),
        (Way::Long, End::Revoke(Target::Everything(true))),
        (Way::Short, End::Revoke(Target::Everything(true))),
        (Way::Long, End::Block),
        (Way::Short, End::Block),
        (Way::Short, End::DeleteClient),
        (Way::Long, End::DeleteUser),
    ] {
        let client = if matches!(end, End::DeleteUser) {
            "other"
        } else {
            "app"
        };
        // More than one, for those who take all.
        world.tokens(client).await;
        let unusual: &[_] = match way {
            Way::Long => &[("scope", "mcp")],
            Way::Short => {
                world.become_known().await;
                &[]
            }
        };
        let (tokens, grant) = world.tokens(client).await;
        world
            .sql("UPDATE oauth_clients SET last_used_at = NULL")
            .await;
        let refresh = text(&tokens, "refresh_token");
        let meanwhile = Hold::take(&world.stack, "SELECT FROM grants FOR UPDATE").await;
        let (answer, ended) = tokio::join!(world.refresh(client, refresh, unusual), async {
            Hold::is_awaited(&world.stack, 1).await;
            let (ended, ()) = tokio::join!(world.end(&end), async {
                Hold::is_awaited(&world.stack, 2).await;
                meanwhile.release().await;
            });
            ended
        });
        assert_eq!(answer.status, 200, "{way:?} {end:?}: {answer:?}");
        ended.unwrap();
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM grants WHERE grant_id = $1 AND revoked_at IS NULL",
        )
        .bind(grant)
        .fetch_one(&mut world.sql)
        .await
        .unwrap();
        assert_eq!(left, 0, "{end:?}");
        assert!(!world.stack.log().contains(GIVEN_UP), "{end:?}");
        world.sql("UPDATE oauth_clients SET trust = 'ask'").await;
    }
}

/// REV-3: an operator's revocation comes through even where it is the one that the database gives up.
#[tokio::test]
async fn a_revocation_that_is_given_up_begins_again() {
    let mut world = World::start().await;
    let (_, grant) = world.tokens("app").await;
    let mut other = Hold::take(&world.stack, "SELECT FROM grants FOR UPDATE").await;
    other.run("SET LOCAL deadlock_timeout = '1h'").await;
    let end = End::Revoke(Target::User(ALICE.to_owned()));
    let (revoked, ()) = tokio::join!(world.end(&end), async {
        Hold::is_awaited(&world.stack, 1).await;
        // In the wrong order: it has what the revocation waits for, and wants what that has.
        other.run("SELECT FROM users FOR SHARE").await;
        Hold::is_awaited(&world.stack, 1).await;
        other.release().await;
    });
    revoked.unwrap();
    assert_eq!(world.end_of(grant).await, "operator");
    assert!(world.stack.log().contains(GIVEN_UP));
}

/// What an operator does to end a grant.
#[derive(Debug)]
enum End {
    Revoke(Target),
    Block,
    DeleteClient,
    DeleteUser,
}

impl World {
    async fn end(&self, end: &End) -> Result<(), Status> {
        let mut clients = ClientServiceClient::new(self.admin.channel.clone());
        let mut users = UserServiceClient::new(self.admin.channel.clone());
        match end {
            End::Revoke(target) => self.revoke(target.clone()).await,
            End::Block => {
                let mut client = v1::Client {
                    name: APP.to_owned(),
                    ..v1::Client::default()
                };
                client.set_trust(v1::ClientTrust::Blocked);
                let request = self.admin.call(v1::UpdateClientRequest {
                    client: Some(client),
                    update_mask: Some(mask("trust")),
                });
                clients.update_client(request).await.map(drop)
            }
            End::DeleteClient => {
                let request = self.admin.call(v1::DeleteClientRequest {
                    name: APP.to_owned(),
                    ..v1::DeleteClientRequest::default()
                });
                clients.delete_client(request).await.map(drop)
            }
            End::DeleteUser => {
                let request = self.admin.call(v1::DeleteUserRequest {
                    name: ALICE.to_owned(),
                    ..v1::DeleteUserRequest::default()
                });
                users.delete_user(request).await.map(drop)
            }
        }
    }

    /// A token of a client's own.
    async fn own(&self) -> Answer {
        self.post_as_svc("/token", &[("grant_type", CREDENTIALS)])
            .await
    }

    /// An operator revokes this.
    async fn revoke(&self, target: Target) -> Result<(), Status> {
        let mut revocations = RevocationServiceClient::new(self.admin.channel.clone());
        let request = self.admin.call(v1::RevokeRequest {
            parent: "tenants/acme".to_owned(),
            target: Some(target),
            wait: None,
        });
        revocations.revoke(request).await.map(drop)
    }

    /// A provider whose groups make Alice `ops`.
    async fn provider(&mut self) {
        for statement in [
            "INSERT INTO identity_providers (tenant_id, identity_provider_id, slug, issuer, client_id)
             SELECT tenant_id, tenant_id, 'idp', 'https://idp.test', 'us' FROM tenants WHERE slug = 'acme'",
            "INSERT INTO identities (tenant_id, identity_provider_id, issuer, subject, user_id, roles)
             SELECT tenant_id, tenant_id, 'https://idp.test', 's-1', user_id, '{ops}'
             FROM users JOIN tenants USING (tenant_id) WHERE tenants.slug = 'acme'",
        ] {
            self.sql(statement).await;
        }
    }

    /// While a change waits for a token that is being made: the time at which that one is dated, then what
    /// comes of the next request, which waits for the change.
    async fn next_to(&self, tokens: &Value, mut making: Hold) -> AccessToken {
        Hold::is_awaited(&self.stack, 1).await;
        let refresh = text(tokens, "refresh_token");
        let (answer, ()) = tokio::join!(self.refresh("app", refresh, &[]), async {
            Hold::is_awaited(&self.stack, 2).await;
            making.run(DATED).await;
            making.commit().await;
        });
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(self.is_active(&answer.body).await);
        self.read(text(&answer.body, "access_token")).await
    }

    /// What was made until the change came through does not count, to the last token.
    async fn is_cut(&mut self, tokens: &Value) {
        let reached: bool = sqlx::query_scalar("SELECT issued_until >= at FROM revocations, made")
            .fetch_one(&mut self.sql)
            .await
            .unwrap();
        assert!(reached);
        assert!(!self.is_active(tokens).await);
    }

    async fn is_active(&self, tokens: &Value) -> bool {
        let form = [("token", text(tokens, "access_token"))];
        let told = self.post_as_svc("/introspect", &form).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.body["active"] == true
    }
}

fn mask(path: &str) -> prost_types::FieldMask {
    prost_types::FieldMask {
        paths: vec![path.to_owned()],
    }
}

const ALICE: &str = "tenants/acme/users/alice";
const APP: &str = "tenants/acme/clients/app";
/// What is logged of a change whose transaction was given up for another one.
const GIVEN_UP: &str = "it begins again";
/// What a request for tokens holds while it makes one.
const AS_A_REQUEST: &str =
    "SELECT pg_advisory_xact_lock_shared(x'75736572'::int, hashtext(tenant_id::text))
     FROM users WHERE slug = 'alice' FOR SHARE";
/// When it dates what it makes.
const DATED: &str = "CREATE TABLE made AS SELECT clock_timestamp() AS at";
