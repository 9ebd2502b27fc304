//! What can be registered and how it is listed.

use proto::admin::v1::{
    self, server_service_client::ServerServiceClient, tenant_service_client::TenantServiceClient,
};
use tonic::Code;

use crate::{
    operator::Operator,
    support::{Stack, told},
};

/// HN-19, SS-01, SS-02, SS-05, SS-14, SS-15, SS-16, SS-17.
#[tokio::test]
async fn what_may_not_be_called_cannot_be_registered() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "127.0.0.1:8080").await.unwrap();
    admin
        .server_at("acme", "good", "http://127.0.0.1:9101/mcp")
        .await
        .unwrap();
    for bad in [
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://10.0.0.1/mcp",
        "http://[::1]:9101/mcp",
        "http://0.0.0.0:9101/mcp",
        "http://127.0.0.1:5432/",
        "http://2130706433:5432/",
        "http://127.0.0.1:8080/mcp/good",
        "https://127.0.0.1:8080/mcp/good",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://user:pw@example.com/",
        "https://9.9.9.9:22/",
        "",
    ] {
        let refused = admin.server_at("acme", "bad", bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{bad}");
        assert_eq!(told(&refused).1, ["server.url"], "{bad}");
    }
    let unresolved = "https://name-that-is-not-there.invalid/mcp";
    admin.server_at("acme", "later", unresolved).await.unwrap();
}

/// AD-11, and the conventions of lists and of origins.
#[tokio::test]
async fn lists_come_in_pages_and_a_taken_origin_is_named() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    for slug in ["c", "a", "b"] {
        admin.tenant(slug, &format!("{slug}.test")).await.unwrap();
    }
    let mut client = TenantServiceClient::new(admin.channel.clone());
    let (mut slugs, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListTenantsRequest {
            page_size: 1,
            page_token,
        };
        let page = client
            .list_tenants(admin.call(request))
            .await
            .unwrap()
            .into_inner();
        slugs.extend(page.tenants.into_iter().map(|tenant| tenant.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(slugs, ["tenants/a", "tenants/b", "tenants/c"]);
    let request = v1::ListTenantsRequest {
        page_size: 1,
        page_token: "AAAA".to_owned(),
    };
    let refused = client.list_tenants(admin.call(request)).await.unwrap_err();
    assert_eq!(told(&refused).1, ["page_token"]);

    let taken = admin.tenant("d", "http://A.test:80").await.unwrap_err();
    assert_eq!(
        (taken.code(), told(&taken).1),
        (Code::AlreadyExists, vec!["tenant.host".to_owned()])
    );
    let twice = admin.tenant("a", "d.test").await.unwrap_err();
    assert_eq!(
        (twice.code(), told(&twice).1),
        (Code::AlreadyExists, vec!["tenant_id".to_owned()])
    );
    let moved = v1::UpdateTenantRequest {
        tenant: Some(v1::Tenant {
            name: "tenants/a".to_owned(),
            alias_hosts: vec!["x.test".to_owned(), "b.test".to_owned()],
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["alias_hosts".to_owned()],
        }),
    };
    let taken = client.update_tenant(admin.call(moved)).await.unwrap_err();
    assert_eq!(told(&taken).1, ["tenant.alias_hosts[1]"]);
}

/// AD-06, and lists of large resources.
#[tokio::test]
async fn large_lists_come_in_small_pages_and_large_requests_not_at_all() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let mut client = ServerServiceClient::new(admin.channel.clone());
    let create = |slug: &str, bytes: usize| v1::CreateServerRequest {
        parent: "tenants/acme".to_owned(),
        server_id: slug.to_owned(),
        server: Some(v1::Server {
            url: "http://127.0.0.1:9101/mcp".to_owned(),
            tool_list_json: format!(r#"[{{"name":"{}"}}]"#, "x".repeat(bytes)),
            ..Default::default()
        }),
        credential: None,
    };
    for slug in ["a", "b", "c", "d", "e", "f"] {
        let request = admin.call(create(slug, 1_000_000));
        client.create_server(request).await.unwrap();
    }
    let refused = client.create_server(admin.call(create("g", 5 << 20))).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);

    let (mut sizes, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListServersRequest {
            parent: "tenants/acme".to_owned(),
            page_size: 0,
            page_token,
        };
        let page = client.list_servers(admin.call(request)).await.unwrap();
        let page = page.into_inner();
        sizes.push(page.servers.len());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [3, 3]);
}
