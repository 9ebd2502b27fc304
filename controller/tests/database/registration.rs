//! What can be registered and how it is listed.

use proto::admin::v1::{
    self, key_service_client::KeyServiceClient, server_service_client::ServerServiceClient,
    tenant_service_client::TenantServiceClient,
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

/// HN-19: nor does a tenant move to where a server is, whoever's server and whatever the scheme.
#[tokio::test]
async fn a_tenant_cannot_have_the_place_of_a_server() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    for (slug, url) in [
        ("plain", "http://one.invalid/mcp"),
        ("ported", "https://Two.invalid:8443/mcp"),
        ("files", "http://three.invalid:9000/mcp"),
    ] {
        admin.server_at("acme", slug, url).await.unwrap();
    }
    admin.tenant("beta", "one.invalid:8080").await.unwrap();
    for host in [
        "http://one.invalid",
        "https://ONE.invalid:443",
        "two.invalid:8443",
        "https://two.invalid:8443",
    ] {
        let refused = admin.tenant("gamma", host).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{host}");
        assert_eq!(told(&refused).1, ["tenant.host"], "{host}");
        let wire = String::from_utf8_lossy(refused.details()).into_owned();
        assert!(!wire.contains("acme") && !wire.contains("plain"), "{wire}");
    }
    let aliases = ["four.invalid", "three.invalid:9000"];
    let refused = admin.move_tenant("beta", &aliases).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(told(&refused).1, ["tenant.alias_hosts[1]"]);

    // A server that leaves makes room, and may not come back.
    admin.move_server("http://five.invalid/mcp").await.unwrap();
    admin.move_tenant("beta", &aliases).await.unwrap();
    let back = admin.server_at("acme", "back", "https://three.invalid:9000/mcp");
    assert_eq!(told(&back.await.unwrap_err()).1, ["server.url"]);
    let refused = admin.move_tenant("beta", &["five.invalid"]).await;
    assert_eq!(told(&refused.unwrap_err()).1, ["tenant.alias_hosts[0]"]);
}

/// HN-19: of a tenant and a server that want one place at the same time, one gets it.
#[tokio::test]
async fn a_tenant_and_a_server_that_come_together_do_not_share_a_place() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    for round in 0..10 {
        let (slug, host) = (
            format!("t{round}"),
            format!("http://127.0.0.1:{}", 9200 + round),
        );
        let url = format!("{host}/mcp");
        let (tenant, server) = tokio::join!(
            admin.tenant(&slug, &host),
            admin.server_at("acme", &slug, &url)
        );
        let code = match (tenant, server) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused.code(),
            (tenant, server) => panic!("{tenant:?} {server:?}"),
        };
        assert_eq!(code, Code::InvalidArgument);
    }
}

/// One mistake, told once.
#[tokio::test]
async fn a_key_that_names_no_server_right_is_told_so_once() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.server("acme", "files", None).await.unwrap();
    admin.key("acme", "ci", "files").await.unwrap();
    let refused = admin.key("acme", "ci2", "No Such").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(told(&refused).1, ["key.servers[0]"]);
    let mut keys = KeyServiceClient::new(admin.channel.clone());
    for (servers, field) in [
        (
            vec!["tenants/beta/servers/files".to_owned()],
            "key.servers[0]",
        ),
        (vec![], "key.servers"),
    ] {
        let narrowed = v1::UpdateKeyRequest {
            key: Some(v1::Key {
                name: "tenants/acme/keys/ci".to_owned(),
                servers,
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["servers".to_owned()],
            }),
        };
        let refused = keys.update_key(admin.call(narrowed)).await.unwrap_err();
        assert_eq!(told(&refused).1, [field]);
    }
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
    let moved = admin.move_tenant("a", &["x.test", "b.test"]).await;
    let taken = moved.unwrap_err();
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
        ..v1::CreateServerRequest::default()
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
