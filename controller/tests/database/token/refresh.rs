//! Refresh tokens.

use std::{
    collections::HashSet,
    time::{Duration, Instant, SystemTime},
};

use proto::sync::v1::{GrantUse, GrantUses, sync_request::Kind};
use uuid::Uuid;

use super::world::{INVALID_GRANT, ISSUER, Way, World, error, text};
use crate::support::node::Node;

/// REF-1, A17: each use gives a new token; asking for less does not make the grant smaller, and asking
/// for more changes nothing.
#[tokio::test]
async fn refreshing_rotates_and_narrows_and_never_widens() {
    let mut world = World::start().await;
    let (tokens, _) = world.tokens("app").await;
    let first = text(&tokens, "refresh_token");
    for (more, refusal) in [
        (("scope", "mcp aldgate:admin"), (400, "invalid_scope")),
        (
            ("resource", "http://beta.test/mcp"),
            (400, "invalid_target"),
        ),
        (("resource", "urn:aldgate:admin"), (400, "invalid_target")),
    ] {
        assert_eq!(error(&world.refresh("app", first, &[more]).await), refusal);
    }
    let narrow = [
        ("scope", "mcp:read offline_access"),
        ("resource", "http://acme.test:8080/mcp/files"),
    ];
    let answer = world.refresh("app", first, &narrow).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["scope"], "mcp:read");
    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!(
        token.audiences.as_ref(),
        [Box::<str>::from("http://acme.test:8080/mcp/files")]
    );
    let second = text(&answer.body, "refresh_token").to_owned();
    assert_ne!(second, first);
    let answer = world.refresh("app", &second, &[]).await;
    assert_eq!(answer.body["scope"], "mcp mcp:read");
    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!(
        token.audiences.as_ref(),
        [Box::<str>::from("http://acme.test:8080/mcp")]
    );
}

/// A14: whoever refreshes at once, over whichever controller and in whichever way, gets one successor.
#[tokio::test]
async fn twenty_refreshes_at_once_have_one_successor() {
    let mut world = World::on(Way::Short).await;
    let second = world.stack.second().await;
    let (tokens, grant) = world.tokens("app").await;
    let form = format!(
        "grant_type=refresh_token&client_id=app&refresh_token={}",
        text(&tokens, "refresh_token")
    );
    let lines = [
        ("aldgate-origin", ISSUER),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let addresses = [world.stack.auth_address().to_owned(), second.auth.clone()];
    let all = (0..20).map(|place| world.send(&addresses[place % 2], "POST /token", &lines, &form));
    let answers = futures_util::future::join_all(all).await;
    let mut successors = HashSet::new();
    let mut access = HashSet::new();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        successors.insert(text(&answer.body, "refresh_token").to_owned());
        access.insert(text(&answer.body, "access_token").to_owned());
    }
    assert_eq!((successors.len(), access.len()), (1, 20));
    assert_eq!(world.end_of(grant).await, "");
    let successor = successors.into_iter().next().unwrap();
    assert_eq!(world.refresh("app", &successor, &[]).await.status, 200);
}

/// A13: an older token than the one before ends the grant, and is recorded.
#[tokio::test]
async fn an_old_refresh_token_ends_the_grant() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("app").await;
    let first = text(&tokens, "refresh_token");
    let answer = world.refresh("app", first, &[]).await;
    let second = text(&answer.body, "refresh_token").to_owned();
    let answer = world.refresh("app", &second, &[]).await;
    let third = text(&answer.body, "refresh_token").to_owned();
    assert_eq!(world.end_of(grant).await, "");

    assert_eq!(
        error(&world.refresh("other", first, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(
        world.end_of(grant).await,
        "",
        "A15: a stranger ends nothing"
    );
    assert_eq!(
        error(&world.refresh("app", first, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.end_of(grant).await, "reuse");
    assert_eq!(
        error(&world.refresh("app", &third, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.recorded("oauth.refresh_reuse").await, 1);
    assert_eq!(world.revocations("grant").await, 1);
}

/// oauth.md §8.3: the token before gives the same successor for a minute, and for a day while nothing
/// says that anybody got it.
#[tokio::test]
async fn the_token_before_is_good_until_its_successor_is_used() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("app").await;
    let first = text(&tokens, "refresh_token");
    let answer = world.refresh("app", first, &[]).await;
    let (second, access) = (
        text(&answer.body, "refresh_token").to_owned(),
        text(&answer.body, "access_token").to_owned(),
    );
    let again = world.refresh("app", first, &[]).await;
    assert_eq!(text(&again.body, "refresh_token"), second);
    world
        .sql(
            "UPDATE grants SET rotated_at = rotated_at - interval '2 hours',
                               last_used_at = last_used_at - interval '2 hours'",
        )
        .await;
    for _ in 0..2 {
        let again = world.refresh("app", first, &[]).await;
        assert_eq!(text(&again.body, "refresh_token"), second);
        assert_eq!(world.recorded("oauth.refresh_late").await, 1, "once");
    }

    let form = [("client_id", "app"), ("token", access.as_str())];
    let told = world.post("/introspect", &form).await;
    assert_eq!(told.body["active"], true, "{told:?}");
    assert_eq!(
        error(&world.refresh("app", first, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.end_of(grant).await, "reuse");
    assert_eq!(
        error(&world.refresh("app", &second, &[]).await),
        INVALID_GRANT
    );
}

/// A13, oauth.md §8.3: a node says that the successor's access token is in use; then the token before is
/// good for the rest of its minute, and tells of theft afterwards.
#[tokio::test]
async fn a_use_at_a_node_ends_the_overlap_after_a_minute() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("app").await;
    let (first, before) = (
        text(&tokens, "refresh_token"),
        issued(&world, &tokens).await,
    );
    let answer = world.refresh("app", first, &[]).await;
    let second = text(&answer.body, "refresh_token").to_owned();
    let after = issued(&world, &answer.body).await;
    let (other, other_grant) = world.tokens("other").await;
    let other_issued = issued(&world, &other).await;

    let node = Node::new(&world.stack).await;
    let acme = world.acme;
    let nobody = Uuid::now_v7();
    // A token from before the rotation, another tenant's grant, no grant at all: only the last counts.
    node.say(uses(&[
        (acme, grant, before),
        (nobody, grant, after),
        (acme, nobody, after),
        (acme, other_grant, other_issued),
    ]))
    .await;
    world.is_used_soon(other_grant).await;
    assert!(!world.is_used(grant).await);
    node.say(uses(&[(acme, grant, after)])).await;
    world.is_used_soon(grant).await;

    let again = world.refresh("app", first, &[]).await;
    assert_eq!(text(&again.body, "refresh_token"), second);
    assert_eq!(world.recorded("oauth.refresh_late").await, 0);
    world
        .sql("UPDATE grants SET rotated_at = rotated_at - interval '61 seconds'")
        .await;
    assert_eq!(
        error(&world.refresh("app", first, &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.end_of(grant).await, "reuse");
    assert_eq!(
        error(&world.refresh("app", &second, &[]).await),
        INVALID_GRANT
    );
}

/// A15, A12: a refresh token is its client's and its tenant's.
#[tokio::test]
async fn a_refresh_token_in_other_hands_is_nothing() {
    let mut world = World::start().await;
    let (tokens, grant) = world.tokens("app").await;
    let first = text(&tokens, "refresh_token");
    assert_eq!(
        error(&world.refresh("other", first, &[]).await),
        INVALID_GRANT
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", first),
    ];
    let elsewhere = world
        .post_at("http://beta.test", "/token", &[], &form)
        .await;
    assert_eq!(error(&elsewhere), INVALID_GRANT);
    assert_eq!(
        error(&world.refresh("app", "aldr_x", &[]).await),
        INVALID_GRANT
    );
    assert_eq!(world.refresh("app", first, &[]).await.status, 200);
    assert_eq!(world.end_of(grant).await, "");
}

/// What ends a grant ends its refresh tokens; a disabled user only pauses them.
#[tokio::test]
async fn a_grant_that_is_over_gives_no_tokens() {
    let mut world = World::start().await;
    let (tokens, _) = world.tokens("app").await;
    let first = text(&tokens, "refresh_token");
    world.sql("UPDATE users SET disabled = true").await;
    assert_eq!(
        error(&world.refresh("app", first, &[]).await),
        INVALID_GRANT
    );
    world
        .sql("UPDATE users SET disabled = false, roles = '{ops}'")
        .await;
    let answer = world.refresh("app", first, &[]).await;
    let token = world.read(text(&answer.body, "access_token")).await;
    assert_eq!(
        token.roles.as_ref(),
        [Box::<str>::from("ops")],
        "rights are those of now"
    );
    let second = text(&answer.body, "refresh_token");
    world
        .sql("UPDATE grants SET idle_expires_at = now() - interval '1 s'")
        .await;
    assert_eq!(
        error(&world.refresh("app", second, &[]).await),
        INVALID_GRANT
    );
}

impl World {
    async fn is_used(&mut self, grant: Uuid) -> bool {
        let statement = "SELECT current_used_at IS NOT NULL FROM grants WHERE grant_id = $1";
        let found = sqlx::query_scalar(statement).bind(grant);
        found.fetch_one(&mut self.sql).await.unwrap()
    }

    async fn is_used_soon(&mut self, grant: Uuid) {
        let began = Instant::now();
        while !self.is_used(grant).await {
            let log = self.stack.log();
            assert!(began.elapsed() < Duration::from_secs(20), "{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// When an access token was issued, to the millisecond.
async fn issued(world: &World, tokens: &serde_json::Value) -> SystemTime {
    let token = world.read(text(tokens, "access_token")).await;
    token.issued_at()
}

/// What a node says of tenants, grants and their tokens.
fn uses(all: &[(Uuid, Uuid, SystemTime)]) -> Kind {
    let one = |&(tenant, grant, issued): &(Uuid, Uuid, SystemTime)| GrantUse {
        tenant_uid: tenant.to_string(),
        grant_uid: grant.to_string(),
        issue_time: Some(issued.into()),
    };
    Kind::Uses(GrantUses {
        uses: all.iter().map(one).collect(),
    })
}
