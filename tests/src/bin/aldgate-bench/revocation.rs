//! How long what is revoked still works: from sending `Revoke` for an access token until both nodes
//! refuse it, with both feeds, over Redis alone, and over the stream alone.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::try_join_all;
use proto::admin::v1::{
    Client, CreateClientRequest, RevokeRequest, TokenInput, revoke_request::Target,
};
use tests::{
    admin::{Admin, everything_for},
    agent::form_request,
    cluster::Cluster,
    gateway::Gateway,
    http::Request,
};

use crate::{Bench, HOST, INITIALIZE, PATH};

/// Revokes this many tokens, one after the other, in each condition.
pub(crate) async fn measure(count: u32) -> Result<()> {
    let mut bench = Bench::start(Cluster::builder().gateways(2).wired(), 64).await?;
    let admin = bench.cluster.admin().await?;
    admin.set_policy(TENANT, everything_for(ROLE)).await?;
    let client = client(&admin).await?;
    println!("\nAn access token until both nodes refuse it, {count} each\n");
    println!("| feeds | p50 ms | p99 ms | max ms |\n|---|---|---|---|");
    row("stream and Redis", &bench, &admin, &client, count).await?;
    bench.cluster.wire.as_ref().context("a wire")?.cut();
    row("Redis alone", &bench, &admin, &client, count).await?;
    bench.cluster.wire.as_ref().context("a wire")?.mend();
    followed(&bench).await?;
    bench.cluster.redis.kill();
    row("stream alone", &bench, &admin, &client, count).await
}

async fn row(
    feeds: &str,
    bench: &Bench,
    admin: &Admin,
    client: &Credentials,
    count: u32,
) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(once(bench, admin, client).await?);
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!(
        "| {feeds} | {:.1} | {:.1} | {:.1} |",
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

/// One new token, which works on both nodes; how long it did after `Revoke` was sent.
async fn once(bench: &Bench, admin: &Admin, client: &Credentials) -> Result<Duration> {
    let gateways = &bench.cluster.gateways;
    let token = client.token(&gateways[0]).await?;
    for gateway in gateways {
        let status = status(gateway, &token).await?;
        ensure!(status == 200, "it must work first: {status}");
    }
    let request = RevokeRequest {
        parent: TENANT.into(),
        target: Some(Target::Token(TokenInput {
            value: token.clone(),
        })),
        wait: None,
    };
    let sent = Instant::now();
    let mut revocations = admin.revocations.clone();
    let refused = try_join_all(gateways.iter().map(async |gateway| {
        while status(gateway, &token).await? != 401 {
            ensure!(sent.elapsed() < LATE, "it still works");
        }
        Ok(sent.elapsed())
    }));
    let revoked = async { Ok(revocations.revoke(request).await?) };
    let (refused, _) = tokio::try_join!(refused, revoked)?;
    Ok(refused.into_iter().max().unwrap_or_default())
}

async fn status(gateway: &Gateway, token: &str) -> Result<u16> {
    let request = Request::post(PATH, INITIALIZE).host(HOST).bearer(token);
    Ok(request.send(gateway.address()).await?.status.as_u16())
}

/// Both nodes follow both feeds again.
async fn followed(bench: &Bench) -> Result<()> {
    let begun = Instant::now();
    for gateway in &bench.cluster.gateways {
        loop {
            let metrics = gateway.metrics().await?;
            let fresh = |feed| metrics.contains(&format!("feed=\"{feed}\"}} 1"));
            if fresh("redis") && fresh("stream") {
                break;
            }
            ensure!(begun.elapsed() < LATE, "a node does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// A client that gets tokens for itself.
struct Credentials {
    id: String,
    secret: String,
}

impl Credentials {
    async fn token(&self, gateway: &Gateway) -> Result<String> {
        let basic = STANDARD.encode(format!("{}:{}", self.id, self.secret));
        let answer = form_request("/token", &[("grant_type", "client_credentials")])
            .header("authorization", format!("Basic {basic}"))
            .host(HOST)
            .send(gateway.address())
            .await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        let token = answer.json()?["access_token"].as_str().map(str::to_owned);
        token.context("an access token")
    }
}

async fn client(admin: &Admin) -> Result<Credentials> {
    let request = CreateClientRequest {
        parent: TENANT.into(),
        client_id: "bench".into(),
        client: Some(Client {
            display_name: "Bench".into(),
            grant_types: vec!["client_credentials".into()],
            token_endpoint_auth_method: "client_secret_basic".into(),
            roles: vec![ROLE.into()],
            ..Default::default()
        }),
    };
    let made = admin.clients.clone().create_client(request).await?;
    let made = made.into_inner();
    Ok(Credentials {
        id: made.client.context("a client")?.client_id,
        secret: made.client_secret,
    })
}

const ROLE: &str = "bench";
const TENANT: &str = "tenants/bench";
const LATE: Duration = Duration::from_secs(30);
