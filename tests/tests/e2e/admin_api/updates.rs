//! Changes that are refused: stale etags, masks, unknown enum numbers, names and origins in use.

use anyhow::{Context, Result, ensure};
use prost_types::FieldMask;
use proto::admin::v1::{
    AuthScheme, CreateKeyRequest, CreateTokenRequest, CredentialInput, DeleteServerRequest, Key,
    KeyLifespan, Server, SetServerCredentialRequest, Tenant, Token, UpdateKeyRequest,
    UpdateServerRequest, UpdateTenantRequest,
};
use tonic::Code;

use super::{create_server, create_tenant, new_server, new_tenant, refused, with_acme};

/// AD-10.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_with_one_etag_the_second_is_aborted() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    let etag = create_server(&mut admin, "files")
        .await?
        .server
        .context("a server")?
        .etag;
    let update = |description: &str| UpdateServerRequest {
        server: Some(Server {
            description: description.into(),
            ..named("files", &etag)
        }),
        update_mask: Some(mask(&["description"])),
    };
    let (mut one, mut other) = (admin.servers.clone(), admin.servers.clone());
    let (one, other) = tokio::join!(
        one.update_server(update("one")),
        other.update_server(update("other"))
    );
    let (winner, loser) = if one.is_ok() {
        (one, other)
    } else {
        (other, one)
    };
    let current = winner?.into_inner().server.context("a server")?;
    refused(loser, Code::Aborted)?;

    let name = current.name.clone();
    let delete = DeleteServerRequest {
        name: name.clone(),
        etag: etag.clone(),
    };
    refused(admin.servers.delete_server(delete).await, Code::Aborted)?;
    let set = |etag: &str| SetServerCredentialRequest {
        name: name.clone(),
        credential: Some(CredentialInput {
            scheme: AuthScheme::None.into(),
            ..Default::default()
        }),
        etag: etag.into(),
    };
    refused(
        admin.servers.set_server_credential(set(&etag)).await,
        Code::Aborted,
    )?;

    let set = admin
        .servers
        .set_server_credential(set(&current.etag))
        .await?
        .into_inner();
    let etag = set.server.context("a server")?.etag;
    ensure!(etag != current.etag, "it changes with every change");
    admin
        .servers
        .delete_server(DeleteServerRequest { name, etag })
        .await?;
    Ok(())
}

/// AD-09.
#[tokio::test(flavor = "multi_thread")]
async fn a_mask_names_changeable_fields_only() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    let before = create_server(&mut admin, "files")
        .await?
        .server
        .context("a server")?;
    admin.keys.create_key(new_key(&["files"])).await?;
    let expected = ["update_mask"];
    for path in [
        "name",
        "uid",
        "id",
        "tenant_id",
        "*",
        "",
        "etag",
        "revision",
        "create_time",
        "unknown",
        "displayName",
        "display_name.x",
    ] {
        // The changeable field beside it does not save it.
        let paths = ["display_name", path];
        let tenant = UpdateTenantRequest {
            tenant: Some(Tenant {
                name: "tenants/acme".into(),
                uid: "other".into(),
                ..Default::default()
            }),
            update_mask: Some(mask(&paths)),
        };
        let tenant = refused(
            admin.tenants.update_tenant(tenant).await,
            Code::InvalidArgument,
        )?;
        let server = UpdateServerRequest {
            server: Some(Server {
                display_name: "changed".into(),
                ..named("files", "")
            }),
            update_mask: Some(mask(&paths)),
        };
        let server = refused(
            admin.servers.update_server(server).await,
            Code::InvalidArgument,
        )?;
        let key = UpdateKeyRequest {
            key: Some(Key {
                name: "tenants/acme/keys/k".into(),
                ..Default::default()
            }),
            update_mask: Some(mask(&paths)),
        };
        let key = refused(admin.keys.update_key(key).await, Code::InvalidArgument)?;
        assert_eq!(
            [tenant, server, key],
            [expected, expected, expected],
            "{path}"
        );
    }
    for (path, update_mask) in [("credential", Some(mask(&["credential"]))), ("none", None)] {
        let update = UpdateServerRequest {
            server: Some(named("files", "")),
            update_mask,
        };
        let fields = refused(
            admin.servers.update_server(update).await,
            Code::InvalidArgument,
        )?;
        assert_eq!(fields, expected, "{path}");
    }
    let update = UpdateServerRequest {
        server: Some(named("files", &before.etag)),
        update_mask: Some(mask(&["display_name"])),
    };
    admin
        .servers
        .update_server(update)
        .await
        .context("the positive twin: nothing had changed")?;
    Ok(())
}

/// AD-08: a number that this version does not know is never taken for one that it does.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_enum_numbers_are_refused() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    create_server(&mut admin, "files").await?;
    for number in [0, 99, -1] {
        let key = CreateKeyRequest {
            lifespan: number,
            ..new_key(&["files"])
        };
        let key = refused(admin.keys.create_key(key).await, Code::InvalidArgument)?;
        assert_eq!(key, ["lifespan"]);
        let credential = Some(CredentialInput {
            scheme: number,
            value: "v".into(),
            ..Default::default()
        });
        let set = SetServerCredentialRequest {
            name: "tenants/acme/servers/files".into(),
            credential: credential.clone(),
            etag: String::new(),
        };
        let set = refused(
            admin.servers.set_server_credential(set).await,
            Code::InvalidArgument,
        )?;
        assert_eq!(set, ["credential.scheme"]);
        let server = proto::admin::v1::CreateServerRequest {
            credential,
            ..new_server("other")
        };
        let server = refused(
            admin.servers.create_server(server).await,
            Code::InvalidArgument,
        )?;
        assert_eq!(server, ["credential.scheme"]);
        let token = CreateTokenRequest {
            token: Some(Token {
                role: number,
                ..Default::default()
            }),
        };
        let token = refused(
            admin.tokens.create_token(token).await,
            Code::InvalidArgument,
        )?;
        assert_eq!(token, ["token.role"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_use_is_refused_with_its_field() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    create_server(&mut admin, "files").await?;
    admin.keys.create_key(new_key(&["files"])).await?;

    let tenant = admin
        .tenants
        .create_tenant(new_tenant("acme", "fresh.test"))
        .await;
    assert_eq!(refused(tenant, Code::AlreadyExists)?, ["tenant_id"]);
    let server = admin.servers.create_server(new_server("files")).await;
    assert_eq!(refused(server, Code::AlreadyExists)?, ["server_id"]);
    let key = admin.keys.create_key(new_key(&["files"])).await;
    assert_eq!(refused(key, Code::AlreadyExists)?, ["key_id"]);
    Ok(())
}

/// However it is written, and whichever of the two tenants has it as an alias.
#[tokio::test(flavor = "multi_thread")]
async fn an_origin_belongs_to_one_tenant() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    let mut own = new_tenant("own", "own.test");
    own.tenant.as_mut().expect("it was given").alias_hosts = vec!["alias.test:8080".into()];
    admin.tenants.create_tenant(own).await?;
    create_tenant(&mut admin, "beta").await?;

    for host in [
        "acme.test",
        "ACME.test",
        "http://acme.test",
        "http://acme.test:80",
        "alias.test:8080",
    ] {
        let taken = admin.tenants.create_tenant(new_tenant("thief", host)).await;
        assert_eq!(
            refused(taken, Code::AlreadyExists)?,
            ["tenant.host"],
            "{host}"
        );
        let update = |field: &str, tenant: Tenant| UpdateTenantRequest {
            tenant: Some(Tenant {
                name: "tenants/beta".into(),
                ..tenant
            }),
            update_mask: Some(mask(&[field])),
        };
        let taken = update(
            "host",
            Tenant {
                host: host.into(),
                ..Default::default()
            },
        );
        let taken = admin.tenants.update_tenant(taken).await;
        assert_eq!(
            refused(taken, Code::AlreadyExists)?,
            ["tenant.host"],
            "{host}"
        );
        let aliases = vec!["fresh.test".into(), host.into()];
        let taken = update(
            "alias_hosts",
            Tenant {
                alias_hosts: aliases,
                ..Default::default()
            },
        );
        let taken = admin.tenants.update_tenant(taken).await;
        assert_eq!(
            refused(taken, Code::AlreadyExists)?,
            ["tenant.alias_hosts[1]"],
            "{host}"
        );
    }
    // Another port is another origin.
    admin
        .tenants
        .create_tenant(new_tenant("neighbour", "acme.test:8080"))
        .await?;
    Ok(())
}

fn named(server: &str, etag: &str) -> Server {
    Server {
        name: format!("tenants/acme/servers/{server}"),
        etag: etag.into(),
        ..Default::default()
    }
}

fn new_key(servers: &[&str]) -> CreateKeyRequest {
    let servers = servers
        .iter()
        .map(|server| format!("tenants/acme/servers/{server}"));
    CreateKeyRequest {
        parent: "tenants/acme".into(),
        key_id: "k".into(),
        key: Some(Key {
            servers: servers.collect(),
            ..Default::default()
        }),
        lifespan: KeyLifespan::Permanent.into(),
    }
}

fn mask(paths: &[&str]) -> FieldMask {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    FieldMask { paths }
}
