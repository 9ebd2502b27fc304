//! What is told and what is stored of a credential through its life.

use proto::admin::v1;

use crate::{
    operator::{Operator, api_key, bearer},
    support::{Stack, postgres::dump},
};

/// CL-05, CL-06, must-hold 8: a credential's life, of which only the fingerprint is ever seen.
#[tokio::test]
async fn a_credential_is_set_rotated_detached_and_removed() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let created = admin
        .server("acme", "files", Some(bearer("CANARY-one")))
        .await
        .unwrap();
    assert_eq!(created.mcp_url, "http://acme.test:8080/mcp/files");
    let first = created.credential.unwrap();
    assert_eq!(
        (first.generation, first.header_name.as_str()),
        (1, "Authorization")
    );
    assert_eq!(first.fingerprint.len(), 8);

    let rotated = admin.set_credential(api_key("CANARY-two")).await.unwrap();
    assert_eq!(
        (rotated.generation, rotated.header_name.as_str()),
        (2, "X-Api-Key")
    );
    assert_ne!(rotated.fingerprint, first.fingerprint);

    let same_origin = admin
        .move_server("http://127.0.0.1:9101/other")
        .await
        .unwrap();
    assert_eq!(same_origin.state(), v1::credential::State::Active);
    let moved = admin
        .move_server("http://127.0.0.1:9102/mcp")
        .await
        .unwrap();
    assert_eq!(
        (moved.generation, moved.state()),
        (3, v1::credential::State::Detached)
    );
    assert_eq!(admin.stored_credentials(&stack).await, 0);

    let again = admin.set_credential(bearer("CANARY-three")).await.unwrap();
    assert_eq!(
        (again.generation, again.state()),
        (4, v1::credential::State::Active)
    );
    let none = v1::CredentialInput {
        scheme: v1::AuthScheme::None.into(),
        ..Default::default()
    };
    let removed = admin.set_credential(none).await.unwrap();
    assert_eq!(
        (removed.generation, removed.state()),
        (5, v1::credential::State::Absent)
    );
    assert_eq!(admin.stored_credentials(&stack).await, 0);
    let set_anew = admin.set_credential(bearer("CANARY-four")).await.unwrap();
    assert_eq!(set_anew.generation, 6);

    assert!(!stack.log().contains("CANARY"));
    assert!(!dump(&stack.postgres.address("root")).contains("CANARY"));
}
