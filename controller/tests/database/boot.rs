//! Starting with a wrong key, and living through a database that goes away.

use tonic::Code;

use crate::{
    operator::{Operator, bearer},
    support::{Stack, postgres::dump, told},
};

/// Must-hold 10, F-47.
#[tokio::test]
async fn a_changed_key_refuses_to_boot_and_writes_nothing() {
    let mut stack = Stack::start().await;
    Operator::of(&stack)
        .await
        .tenant("acme", "acme.test:8080")
        .await
        .unwrap();
    stack.stop();
    let before = dump(&stack.postgres.address("root"));
    stack.write_kek(&[8; 32]);
    let output = stack.fail_to_boot();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("nothing was written") && said.contains("kek_"),
        "{said}"
    );
    assert_eq!(dump(&stack.postgres.address("root")), before);
    stack.write_kek(&[7; 32]);
    stack.boot().await;
    Operator::of(&stack)
        .await
        .server("acme", "files", Some(bearer("x")))
        .await
        .unwrap();
}

/// CL-03.
#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_its_return_is_noticed() {
    let mut stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    stack.postgres.halt();
    let refused = admin
        .get_server("tenants/acme/servers/files")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(told(&refused).0, "DATABASE_UNAVAILABLE");
    stack.postgres.resume();
    drop(stack.postgres.connect("aldgate_app", "aldgate").await);
    admin.server("acme", "files", None).await.unwrap();
}
