//! Which grants are in use, as a scripted controller hears it.

use std::time::{Duration, SystemTime};

use proto::{
    id::GrantUid,
    sync::v1::{GrantUse, sync_request::Kind},
};
use token::access::AccessToken;
use uuid::{NoContext, Timestamp, Uuid};

use super::{Stage, basics, samples};

/// `oauth.md` §8.3: a grant's use is told with the next heartbeat, and once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_in_use_is_told_of_with_the_next_heartbeat() {
    let (stage, mut talk) = Stage::live().await;
    talk.beat(5, &basics()).await;
    talk.pong().await;
    stage.uses.note(&token());
    talk.beat(5, &basics()).await;
    let Kind::Uses(told) = talk.heard().await else {
        panic!("before the answer to the heartbeat")
    };
    let used = GrantUse {
        tenant_uid: samples::tenant_uid(1).to_string(),
        grant_uid: Uuid::from_u128(3).to_string(),
        issue_time: Some(issued().into()),
    };
    assert_eq!(told.uses, [used]);
    for _ in 0..2 {
        assert!(matches!(talk.heard().await, Kind::Pong(_)));
        talk.beat(5, &basics()).await;
    }
}

fn token() -> AccessToken {
    let nobody = Uuid::nil().to_string();
    AccessToken {
        issuer: "https://acme.test".into(),
        audiences: Box::default(),
        subject: nobody.as_str().into(),
        username: "ada".into(),
        client: "client-1".into(),
        scopes: Box::default(),
        roles: Box::default(),
        groups: Box::default(),
        tenant: samples::tenant_uid(1),
        grant: Some(GrantUid::from_uuid(Uuid::from_u128(3))),
        id: Uuid::new_v7(Timestamp::from_unix(NoContext, 1_790_000_000, 0)),
        issued: issued(),
        expires: issued() + Duration::from_hours(1),
    }
}

fn issued() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}
