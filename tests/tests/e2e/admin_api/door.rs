//! The gRPC port as strangers meet it: too large, another protocol, health and reflection.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use prost_reflect::DescriptorPool;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tests::{admin::Token, cluster::Cluster, http::Request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_rustls::TlsConnector;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::{create_server, new_server, with_acme};

/// AD-06.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_five_mebibytes_is_refused() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    let mut large = new_server("large");
    large.server.as_mut().expect("it was given").description = "x".repeat(5 << 20);
    let refused = admin.servers.create_server(large).await.unwrap_err();
    ensure!(
        [Code::ResourceExhausted, Code::OutOfRange].contains(&refused.code()),
        "{refused:?}"
    );
    create_server(&mut admin, "next")
        .await
        .context("the connection lives")?;
    Ok(())
}

/// AD-14: a web page can make a browser send this, with whatever token it got hold of.
#[tokio::test(flavor = "multi_thread")]
async fn http_1_is_not_spoken() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let request = format!(
        "POST /aldgate.admin.v1.TenantService/CreateTenant HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0",
        cluster.bootstrap_token()
    );
    for protocols in [&[][..], &["http/1.1"], &["h2"]] {
        // An error is a refusal as well: of the handshake, or by closing the connection.
        let answer = over_tls(&cluster, protocols, request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer.unwrap_or_default()).into_owned();
        ensure!(
            !answer.contains("HTTP/1.1 2") && !answer.contains("grpc-status"),
            "{protocols:?}: {answer}"
        );
    }
    let plain = tests::http::raw(
        cluster.controller.ports().grpc,
        request.as_bytes(),
        Duration::from_secs(10),
    )
    .await?;
    ensure!(
        !plain.starts_with(b"HTTP/1.1 2"),
        "{}",
        String::from_utf8_lossy(&plain)
    );
    let (tenants,): (i64,) = sqlx::query_as("SELECT count(*) FROM tenants")
        .fetch_one(&mut cluster.database.connect().await?)
        .await?;
    assert_eq!(tenants, 0);
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    Ok(())
}

/// AD-19: one word without a token, on the gRPC port and on the ops port.
#[tokio::test(flavor = "multi_thread")]
async fn health_is_open_and_tells_nothing_more() -> Result<()> {
    let cluster = Cluster::builder().gateways(1).start().await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test", "--wait"])
        .await?;
    let mut health = HealthClient::new(cluster.channel().await?);
    let answer = health
        .check(HealthCheckRequest {
            service: String::new(),
        })
        .await?;
    let headers = format!("{:?}", answer.metadata());
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    let unknown = HealthCheckRequest {
        service: "acme".into(),
    };
    assert_eq!(
        health.check(unknown).await.unwrap_err().code(),
        Code::NotFound
    );

    let gateway = &cluster.gateways[0];
    let mut told = vec![headers];
    for ops in [cluster.controller.ports().ops, gateway.ports().ops] {
        for path in ["/livez", "/readyz"] {
            let answer = Request::get(path).send(ops).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
            told.push(format!("{:?} {}", answer.headers, answer.text()));
        }
    }
    for told in told {
        for word in [
            env!("CARGO_PKG_VERSION"),
            "acme",
            "gateway-1",
            "aldgate/",
            "server\":",
            "127.0.0.1",
        ] {
            ensure!(!told.contains(word), "{word} in {told}");
        }
    }
    Ok(())
}

/// AD-01.
#[tokio::test(flavor = "multi_thread")]
async fn reflection_needs_a_token_and_lists_our_services() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let channel = cluster.channel().await?;
    for token in [
        None,
        Some(token::AdminToken::generate().expose().to_owned()),
    ] {
        let refused = services(&channel, token.as_deref()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    let listed = services(&channel, Some(cluster.bootstrap_token())).await?;
    for service in DescriptorPool::decode(proto::DESCRIPTORS)?.services() {
        ensure!(
            listed.iter().any(|name| name == service.full_name()),
            "{} in {listed:?}",
            service.full_name()
        );
    }
    Ok(())
}

async fn services(channel: &Channel, token: Option<&str>) -> Result<Vec<String>, Status> {
    let token = Token::new(token).map_err(|error| Status::internal(error.to_string()))?;
    let mut client = ServerReflectionClient::with_interceptor(channel.clone(), token);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await?
        .into_inner();
    match answers
        .message()
        .await?
        .and_then(|answer| answer.message_response)
    {
        Some(MessageResponse::ListServicesResponse(list)) => Ok(list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect()),
        other => Err(Status::internal(format!("{other:?}"))),
    }
}

/// What comes back on a TLS connection that offers these protocols.
async fn over_tls(cluster: &Cluster, protocols: &[&str], bytes: &[u8]) -> Result<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cluster.pki.ca())?)?;
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(cluster.controller.ports().grpc).await?;
    let name = ServerName::try_from("localhost")?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    // Closing without a goodbye counts as closing.
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    Ok(answer)
}
