//! What the groups of an identity provider give, and how it is taken away again.

use proto::admin::v1;
use serde_json::json;
use time::OffsetDateTime;

use super::World;
use crate::support::hold::Hold;

/// REV-3: rights that a sign-in takes away are cut off to the last token: whoever makes one is waited for.
#[tokio::test]
async fn a_sign_in_that_takes_rights_away_waits_for_tokens_being_made() {
    let world = World::start().await;
    world.provider.script().claims = json!({"groups": ["Engineers"]});
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.script().claims = json!({});
    let minting = Hold::take(&world.stack, "SELECT FROM users FOR SHARE").await;
    let (answer, made) = tokio::join!(world.sign_in(), async {
        Hold::is_awaited(&world.stack, 1).await;
        let made = world.moment().await;
        minting.release().await;
        made
    });
    assert_eq!(answer.status, 303, "{answer:?}");
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let until: OffsetDateTime = sqlx::query_scalar("SELECT issued_until FROM revocations")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert!(made <= until, "{made} {until}");
}

/// A33: what a group gives changes for those who signed in before, at once, and whoever loses something
/// needs new tokens.
#[tokio::test]
async fn roles_that_a_group_gives_change_with_the_settings() {
    let world = World::start().await;
    world.provider.script().claims = json!({"groups": ["Engineers", "Staff"]});
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.script().claims = json!({"sub": "s-2", "groups": ["Ops", "Staff"]});
    assert_eq!(world.sign_in().await.status, 303);
    let (mut ada, mut bob) = ("dev Engineers,Staff", "oncall Ops,Staff");
    assert_eq!(world.given().await, [ada, bob]);
    let given = |given: &[(&str, &[&str])]| -> Vec<v1::GroupRoles> {
        let one = |(group, roles): &(&str, &[&str])| v1::GroupRoles {
            group: (*group).to_owned(),
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        given.iter().map(one).collect()
    };
    // More cuts nobody, and nothing is said twice.
    let more = given(&[
        ("Engineers", &["dev", "deploy"]),
        ("Ops", &["oncall"]),
        ("Staff", &["dev", "all"]),
    ]);
    (ada, bob) = ("all,deploy,dev Engineers,Staff", "all,dev,oncall Ops,Staff");
    for _ in 0..2 {
        world
            .change("group_roles", |it| it.group_roles = more.clone())
            .await;
        assert_eq!(world.given().await, [ada, bob]);
        assert_eq!(world.revocations().await, 0);
    }
    // Less cuts whoever has less.
    let less = given(&[
        ("Engineers", &["dev"]),
        ("Staff", &["all", "dev"]),
        ("Ops", &["oncall"]),
    ]);
    ada = "all,dev Engineers,Staff";
    world
        .change("group_roles", |it| it.group_roles = less)
        .await;
    assert_eq!(world.given().await, [ada, bob]);
    assert_eq!(world.revocations().await, 1);
    // What concerns no role changes none.
    world
        .change("display_name", |it| it.display_name = "Other".to_owned())
        .await;
    assert_eq!(world.given().await, [ada, bob]);
    world.change("group_roles", |_| ()).await;
    assert_eq!(world.given().await, [" Engineers,Staff", " Ops,Staff"]);
    assert_eq!(world.revocations().await, 3);
}

/// A33: nobody knows what another claim lists, and a disabled provider gives nothing.
#[tokio::test]
async fn another_claim_and_a_disabled_provider_give_nothing_until_the_next_sign_in() {
    let world = World::start().await;
    let claims = json!({"groups": ["Engineers"], "teams": ["Ops"]});
    world.provider.script().claims = claims;
    assert_eq!(world.sign_in().await.status, 303);
    assert_eq!(world.given().await, ["dev Engineers"]);
    world
        .change("groups_claim", |it| it.groups_claim = "teams".to_owned())
        .await;
    assert_eq!(world.given().await, [" "]);
    assert_eq!(world.revocations().await, 1);
    assert_eq!(world.sign_in().await.status, 303);
    assert_eq!(world.given().await, ["oncall Ops"]);

    // Whoever is on the way while it changes gets what it gives when they are back.
    let browser = world.browser().await;
    let (code, state) = world.provider.sign_in(&world.leave(&browser, "main").await);
    world.change("group_roles", |_| ()).await;
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&browser, "main", &query).await.status, 303);
    assert_eq!(world.given().await, [" Ops"]);
    assert_eq!(world.revocations().await, 2);

    world.change("disabled", |it| it.disabled = true).await;
    assert_eq!(world.given().await, [" "]);
    assert_eq!(world.revocations().await, 3);
    world.change("disabled", |it| it.disabled = false).await;
    assert_eq!(world.given().await, [" "]);
    assert_eq!(world.sign_in().await.status, 303);
    assert_eq!(world.given().await, [" Ops"]);
}
