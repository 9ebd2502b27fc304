//! The admin API's habits, over gRPC: what is refused and how, pages, the door, and the record that
//! every change leaves. Who may call what is in `authz`.

mod access;
mod audit;
mod door;
mod names;
mod pages;
mod revisions;
mod updates;

use anyhow::{Context, Result, ensure};
use proto::admin::v1::{
    CreateServerRequest, CreateServerResponse, CreateTenantRequest, CreateTenantResponse, Server,
    Tenant,
};
use tests::{admin::Admin, cluster::Cluster};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

/// A cluster without nodes, its admin API, and a tenant `acme`.
async fn with_acme() -> Result<(Cluster, Admin)> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let mut admin = cluster.admin().await?;
    create_tenant(&mut admin, "acme").await?;
    Ok((cluster, admin))
}

async fn create_tenant(admin: &mut Admin, slug: &str) -> Result<CreateTenantResponse> {
    let request = new_tenant(slug, &format!("{slug}.test"));
    Ok(admin.tenants.create_tenant(request).await?.into_inner())
}

async fn create_server(admin: &mut Admin, slug: &str) -> Result<CreateServerResponse> {
    let request = new_server(slug);
    Ok(admin.servers.create_server(request).await?.into_inner())
}

fn new_tenant(slug: &str, host: &str) -> CreateTenantRequest {
    CreateTenantRequest {
        tenant_id: slug.into(),
        tenant: Some(Tenant {
            host: host.into(),
            ..Default::default()
        }),
    }
}

/// A server of `acme`.
fn new_server(slug: &str) -> CreateServerRequest {
    CreateServerRequest {
        parent: "tenants/acme".into(),
        server_id: slug.into(),
        server: Some(Server {
            url: "http://127.0.0.1:9/mcp".into(),
            ..Default::default()
        }),
        credential: None,
        ..CreateServerRequest::default()
    }
}

/// The fields that a refusal names. It has the code, a stable reason of ours and a short text.
fn refused<T>(result: Result<Response<T>, Status>, code: Code) -> Result<Vec<String>> {
    let status = result.err().context("it was not refused")?;
    ensure!(status.code() == code, "{status:?}");
    let info = status.get_details_error_info().context("an error info")?;
    assert_eq!(info.domain, "aldgate");
    ensure!(
        info.reason
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
        "{}",
        info.reason
    );
    ensure!(
        status.message().len() < 1000,
        "{} bytes",
        status.message().len()
    );
    let violations = status.get_details_bad_request().into_iter();
    let violations = violations.flat_map(|details| details.field_violations);
    Ok(violations.map(|violation| violation.field).collect())
}
