//! Hostile names and texts (AD-12): refused with their field, never an error of the inside.

use anyhow::{Result, ensure};
use proto::admin::v1::{
    CreateKeyRequest, GetKeyRequest, GetServerRequest, GetTenantRequest, Key, KeyLifespan,
    ListServersRequest, WaitForRevisionRequest,
};
use tests::admin::Admin;
use tonic::Code;

use super::{create_server, new_server, new_tenant, refused, with_acme};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_invalid_arguments() -> Result<()> {
    let (cluster, mut admin) = with_acme().await?;
    create_server(&mut admin, "files").await?;
    for name in hostile() {
        let invalid = Code::InvalidArgument;
        let shown: String = name.chars().take(20).collect();
        let tenant = admin
            .tenants
            .create_tenant(new_tenant(&name, "x.test"))
            .await;
        assert_eq!(refused(tenant, invalid)?, ["tenant_id"], "{shown}");
        let server = admin.servers.create_server(new_server(&name)).await;
        assert_eq!(refused(server, invalid)?, ["server_id"], "{shown}");
        let key = admin.keys.create_key(new_key(&name, "files")).await;
        assert_eq!(refused(key, invalid)?, ["key_id"], "{shown}");
        let key = admin.keys.create_key(new_key("k", &name)).await;
        let fields = refused(key, invalid)?;
        assert_eq!(
            fields.first().map(String::as_str),
            Some("key.servers[0]"),
            "{shown}"
        );

        no_such_form(&mut admin, &name, &shown).await?;
    }
    // Nothing of it came to be, and the log has no failure of the inside.
    let list = ListServersRequest {
        parent: "tenants/acme".into(),
        ..Default::default()
    };
    assert_eq!(
        admin
            .servers
            .list_servers(list)
            .await?
            .into_inner()
            .servers
            .len(),
        1
    );
    ensure!(
        !cluster.controller.log().contains("failed inside"),
        "{}",
        cluster.controller.log()
    );
    Ok(())
}

/// The same as part of a resource's name.
async fn no_such_form(admin: &mut Admin, name: &str, shown: &str) -> Result<()> {
    let invalid = Code::InvalidArgument;
    let get = GetTenantRequest {
        name: format!("tenants/{name}"),
    };
    assert_eq!(
        refused(admin.tenants.get_tenant(get).await, invalid)?,
        ["name"],
        "{shown}"
    );
    let get = GetServerRequest {
        name: format!("tenants/acme/servers/{name}"),
    };
    assert_eq!(
        refused(admin.servers.get_server(get).await, invalid)?,
        ["name"],
        "{shown}"
    );
    let get = GetKeyRequest {
        name: format!("tenants/{name}/keys/ci"),
    };
    assert_eq!(
        refused(admin.keys.get_key(get).await, invalid)?,
        ["name"],
        "{shown}"
    );
    let list = ListServersRequest {
        parent: format!("tenants/{name}"),
        ..Default::default()
    };
    assert_eq!(
        refused(admin.servers.list_servers(list).await, invalid)?,
        ["parent"],
        "{shown}"
    );
    let wait = WaitForRevisionRequest {
        tenant: format!("tenants/{name}"),
        ..Default::default()
    };
    assert_eq!(
        refused(admin.revisions.wait_for_revision(wait).await, invalid)?,
        ["tenant"],
        "{shown}"
    );
    Ok(())
}

/// What people write is theirs, except for what would break out of a line or of the database.
#[tokio::test(flavor = "multi_thread")]
async fn texts_are_kept_as_written_or_refused() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    for (number, text) in [
        "'; DROP TABLE tenants; --",
        "\u{1f98a} <script>",
        "${HOME} %s \\",
    ]
    .iter()
    .enumerate()
    {
        let mut request = new_server(&format!("s{number}"));
        request.server.as_mut().expect("it was given").display_name = (*text).to_owned();
        let created = admin.servers.create_server(request).await?.into_inner();
        assert_eq!(created.server.unwrap_or_default().display_name, *text);
    }
    for text in ["a\0b", "a\nb", "a\u{1b}[31m", &"x".repeat(201)] {
        let mut request = new_server("bad");
        request.server.as_mut().expect("it was given").display_name = text.to_owned();
        let refused = refused(
            admin.servers.create_server(request).await,
            Code::InvalidArgument,
        )?;
        assert_eq!(refused, ["server.display_name"]);
    }
    Ok(())
}

fn hostile() -> Vec<String> {
    let names = [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "%2e%2e",
        "\0",
        "a\0b",
        "A",
        "-a",
        "a-",
        "a--b",
        "a b",
        " a",
        "a_b",
        "a.b",
        "'; DROP TABLE tenants; --",
        "$(id)",
        "{{x}}",
        "**",
        "\u{1f98a}",
        "\u{430}cme",
        "a\r\nx: y",
    ];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    names.extend(["a".repeat(41), "a".repeat(1 << 20)]);
    names
}

fn new_key(slug: &str, server: &str) -> CreateKeyRequest {
    CreateKeyRequest {
        parent: "tenants/acme".into(),
        key_id: slug.into(),
        key: Some(Key {
            servers: vec![format!("tenants/acme/servers/{server}")],
            ..Default::default()
        }),
        lifespan: KeyLifespan::SevenDays.into(),
    }
}
