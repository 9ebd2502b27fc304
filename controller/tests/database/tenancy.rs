//! Tenants kept apart, by the API and by the database itself.

use proto::admin::v1::{self, server_service_client::ServerServiceClient};
use sqlx::Connection as _;
use tonic::Code;

use crate::{
    operator::Operator,
    support::{Stack, told},
};

/// TI-15, TI-16: another tenant is not found, exactly as one that does not exist.
#[tokio::test]
async fn a_tenants_token_finds_no_other_tenant() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.tenant("other", "other.test:8080").await.unwrap();
    admin.server("other", "files", None).await.unwrap();
    let confined = Operator {
        token: admin.token("tenants/acme", v1::TokenRole::Admin).await,
        channel: admin.channel.clone(),
    };
    confined.server("acme", "files", None).await.unwrap();
    assert_eq!(
        confined
            .get_server("tenants/acme/servers/files")
            .await
            .unwrap()
            .revision,
        4
    );
    let foreign = confined
        .get_server("tenants/other/servers/files")
        .await
        .unwrap_err();
    let missing = confined
        .get_server("tenants/nobody/servers/files")
        .await
        .unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    assert_eq!(
        foreign.message().replace("other", "nobody"),
        missing.message()
    );
    let created = confined.server("other", "more", None).await.unwrap_err();
    assert_eq!(created.code(), Code::NotFound);
    let named = confined.key("acme", "ci", "nothing").await.unwrap_err();
    assert_eq!(told(&named).1, ["key.servers"]);
    let etag = v1::DeleteServerRequest {
        name: "tenants/acme/servers/files".to_owned(),
        etag: "1".to_owned(),
    };
    let mut servers = ServerServiceClient::new(admin.channel.clone());
    let stale = servers
        .delete_server(confined.call(etag))
        .await
        .unwrap_err();
    assert_eq!(
        (stale.code(), told(&stale).0.as_str()),
        (Code::Aborted, "ETAG_MISMATCH")
    );
}

/// CR-06, CR-07, security.md §2.2.
#[tokio::test]
async fn the_database_itself_keeps_records_and_tenants_apart() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let mut root = stack.postgres.connect("root", "aldgate").await;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text
         FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace
           AND c.relkind IN ('r', 'p')
           AND c.relname <> '_sqlx_migrations'
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                    AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))",
    )
    .fetch_all(&mut root)
    .await
    .unwrap();
    assert_eq!(open, [""; 0]);

    let mut app = stack.postgres.connect("aldgate_app", "aldgate").await;
    let count = "SELECT count(*) FROM tenants";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut app)
            .await
            .unwrap(),
        0
    );
    let mut scoped = app.begin().await.unwrap();
    let platform = "SELECT set_config('aldgate.platform', 'on', true)";
    sqlx::query(platform).execute(&mut *scoped).await.unwrap();
    assert_eq!(
        sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut *scoped)
            .await
            .unwrap(),
        1
    );
    drop(scoped);
    for tampering in [
        "UPDATE audit_records SET actor = ''",
        "DELETE FROM audit_records",
    ] {
        let refused = sqlx::query(tampering).execute(&mut app).await.unwrap_err();
        assert_eq!(
            refused.as_database_error().unwrap().code().unwrap(),
            "42501"
        );
    }

    sqlx::query("REVOKE INSERT ON audit_records FROM aldgate_app")
        .execute(&mut root)
        .await
        .unwrap();
    let refused = admin.tenant("other", "other.test:8080").await.unwrap_err();
    assert_eq!(
        (refused.code(), told(&refused).0.as_str()),
        (Code::Internal, "INTERNAL")
    );
    assert!(!refused.message().contains("audit"));
    assert_eq!(
        sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut root)
            .await
            .unwrap(),
        1
    );
    sqlx::query("GRANT INSERT ON audit_records TO aldgate_app")
        .execute(&mut root)
        .await
        .unwrap();
    admin.tenant("other", "other.test:8080").await.unwrap();
}
