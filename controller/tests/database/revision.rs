//! Revisions, their records, and waiting for them.

use proto::admin::v1::{
    self, revision_service_client::RevisionServiceClient,
    server_service_client::ServerServiceClient, tenant_service_client::TenantServiceClient,
};

use crate::{
    operator::{Operator, bearer},
    support::{Stack, told, with_token},
};

/// control-plane.md §2.3: dense revisions, each with its change log and audit record.
#[tokio::test]
async fn every_change_is_one_revision_with_one_record() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let files = admin.server("acme", "files", Some(bearer("x"))).await;
    let primary = format!("tenants/acme/keys/primary-{}", &files.unwrap().uid[..8]);
    let key = admin.key("acme", "ci", "files").await.unwrap();
    assert!(key.secret.starts_with("mcp_sk_"));
    let mut servers = ServerServiceClient::new(admin.channel.clone());
    let name = "tenants/acme/servers/files".to_owned();
    let deleted = servers
        .delete_server(admin.call(v1::DeleteServerRequest {
            name,
            etag: String::new(),
        }))
        .await
        .unwrap();
    assert_eq!(deleted.into_inner().revision, 4);
    let left = admin.get_key("tenants/acme/keys/ci").await.unwrap();
    assert_eq!((left.servers.len(), left.revision), (0, 4));
    let mut tenants = TenantServiceClient::new(admin.channel.clone());
    let name = "tenants/acme".to_owned();
    let gone = v1::DeleteTenantRequest {
        name,
        etag: String::new(),
    };
    tenants.delete_tenant(admin.call(gone)).await.unwrap();

    let mut revisions = RevisionServiceClient::new(admin.channel.clone());
    let listed = revisions
        .list_revisions(admin.call(v1::ListRevisionsRequest::default()))
        .await;
    let listed = listed.unwrap().into_inner().revisions;
    let told: Vec<_> = listed
        .iter()
        .map(|revision| {
            (
                revision.number,
                revision.action.as_str(),
                revision.resources.join(" "),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                5,
                "tenants.delete",
                "tenants/acme/keys/ci tenants/acme".to_owned()
            ),
            (
                4,
                "servers.delete",
                format!("{primary} tenants/acme/keys/ci tenants/acme/servers/files")
            ),
            (3, "keys.create", "tenants/acme/keys/ci".to_owned()),
            (
                2,
                "servers.create",
                format!("tenants/acme/servers/files {primary}")
            ),
            (1, "tenants.create", "tenants/acme".to_owned()),
        ]
    );
    assert!(
        listed
            .iter()
            .all(|revision| revision.actor.starts_with("tokens/"))
    );
}

/// Without nodes a revision is live at once; a tenant's token must say whose rejects it means.
#[tokio::test]
async fn a_wait_without_nodes_returns_at_once() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    let tenant = admin.tenant("acme", "acme.test").await.unwrap();
    let wait = |tenant: &str| v1::WaitForRevisionRequest {
        revision: 1,
        timeout: None,
        tenant: tenant.to_owned(),
    };
    let mut client = RevisionServiceClient::new(admin.channel.clone());
    let live = client
        .wait_for_revision(admin.call(wait("")))
        .await
        .unwrap();
    assert_eq!(live.into_inner().revision, tenant.revision);
    let confined = admin.token("tenants/acme", v1::TokenRole::Viewer).await;
    let whose = client
        .wait_for_revision(with_token(&confined, wait("")))
        .await
        .unwrap_err();
    assert_eq!(told(&whose).1, ["tenant"]);
    let own = client
        .wait_for_revision(with_token(&confined, wait("tenants/acme")))
        .await;
    assert!(own.is_ok());
}

/// control-plane.md §2.3: one number for each change, whoever else is writing.
#[tokio::test]
async fn writers_at_the_same_time_leave_no_hole_between_revisions() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let slugs: Vec<String> = (0..30).map(|number| format!("s{number}")).collect();
    let writers = slugs.iter().map(|slug| admin.server("acme", slug, None));
    let written = futures_util::future::join_all(writers).await;
    let mut revisions: Vec<u64> = written
        .into_iter()
        .map(|server| server.unwrap().revision)
        .collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=31).collect::<Vec<_>>());
}
