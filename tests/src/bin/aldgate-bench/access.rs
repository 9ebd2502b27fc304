//! What authentication, policy and limits cost: the same call with an API key and nothing else to
//! decide, with limits in every dimension, with a token that is remembered, and with tokens that were
//! never seen before.

use anyhow::{Context, Result};
use proto::{
    access::v1::{
        ApiKeyAuthenticator, Authenticator, Authenticators, Grant, JwtAuthenticator, Policy,
        RateDimension, RateLimit, RateLimits, Role, authenticator::Kind,
    },
    admin::v1::{SetAuthenticatorsRequest, SetTenantLimitsRequest},
};
use tests::{admin::Admin, cluster::Cluster, http::Request};

use crate::{
    Bench, HOST, PATH,
    load::{Contender, Tokens},
    peers::{self, Peer},
    rounds::Rounds,
    tokens::{AUDIENCE, ISSUER, Signer},
};

/// Measures them in turn with nginx.
pub(crate) async fn measure(connections: usize, rounds: usize, seconds: u32) -> Result<()> {
    let (plain, full) = (
        Bench::start(Cluster::builder(), 64).await?,
        Bench::start(Cluster::builder(), 64).await?,
    );
    let mut signer = Signer::new()?;
    configure(&full.cluster.admin().await?, &signer).await?;
    let nginx = Peer::nginx(plain.cluster.scratch().path(), plain.upstream.addr)?;
    let limited = full.gateway().await?;
    let token = signer.token()?;
    let remembered = with_token(&full, "jwt", &token).await?;
    let mut fresh = remembered.clone();
    fresh.name = "jwt, never seen";
    fresh.headers.retain(|(name, _)| name != "Authorization");
    println!("signing tokens\n");
    let each = usize::try_from(seconds)? * FRESH_PER_SECOND;
    // One set for warming up and one for measuring in each round.
    let sets = (0..2 * rounds).map(|_| (0..each).map(|_| signer.token()).collect());
    fresh.tokens = Some(Tokens::new(sets.collect::<Result<_>>()?));

    let contenders = [
        Contender {
            name: "nginx",
            url: format!("http://{}/mcp", nginx.addr),
            pid: nginx.pid(),
            headers: vec![("Authorization".into(), peers::CLIENT_CREDENTIAL.into())],
            tokens: None,
        },
        plain.gateway().await?,
        Contender {
            name: "key, policy, limits",
            ..limited
        },
        remembered,
        fresh,
    ];
    println!("`tools/call`, {connections} connections, {rounds} rounds of {seconds} s\n");
    let dir = plain.cluster.scratch().path();
    let measured = Rounds::run(&contenders, dir, connections, rounds, seconds)?;
    println!("{}\n", measured.table("nginx"));
    println!("{}", measured.table("gateway"));
    Ok(())
}

/// Everything that can be decided about a call, with limits that nobody reaches.
async fn configure(admin: &Admin, signer: &Signer) -> Result<()> {
    let tenant = "tenants/bench";
    let mut access = admin.access.clone();
    let kinds = [
        Kind::ApiKey(ApiKeyAuthenticator::default()),
        Kind::Jwt(JwtAuthenticator {
            issuer: ISSUER.into(),
            audiences: vec![AUDIENCE.into()],
            jwks: signer.jwks(),
            roles_claim: "roles".into(),
            ..Default::default()
        }),
    ];
    let list = kinds.map(|kind| Authenticator { kind: Some(kind) });
    let authenticators = Authenticators {
        list: list.into(),
        ..Default::default()
    };
    access
        .set_authenticators(SetAuthenticatorsRequest {
            name: tenant.into(),
            authenticators: Some(authenticators),
            ..Default::default()
        })
        .await?;
    let grant = Grant {
        servers: vec!["echo".into()],
        access: "*".into(),
        tools: vec!["ec*".into()],
        ..Default::default()
    };
    let role = Role {
        grants: vec![grant],
    };
    let policy = Policy {
        roles: [("bench".to_owned(), role)].into(),
        ..Default::default()
    };
    admin.set_policy(tenant, policy).await?;
    let limit = |dimension: RateDimension| RateLimit {
        dimension: dimension.into(),
        tokens: 1_000_000,
        burst: 1_000_000,
        ..Default::default()
    };
    let limits = [
        RateDimension::Tenant,
        RateDimension::Principal,
        RateDimension::Client,
        RateDimension::Server,
        RateDimension::Tool,
    ];
    let answer = admin
        .limits
        .clone()
        .set_tenant_limits(SetTenantLimitsRequest {
            name: tenant.into(),
            limits: Some(RateLimits {
                limits: limits.map(limit).into(),
            }),
        })
        .await?;
    admin.live(tenant, answer.into_inner().revision).await
}

/// The gateway, called with this token, within a session of its own.
async fn with_token(bench: &Bench, name: &'static str, token: &str) -> Result<Contender> {
    let gateway = bench.cluster.gateways.first().context("a gateway")?;
    let answer = Request::post(PATH, crate::INITIALIZE)
        .host(HOST)
        .bearer(token)
        .send(gateway.address())
        .await?;
    anyhow::ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    let session = answer.header("mcp-session-id").to_owned();
    Ok(Contender {
        name,
        url: format!("http://{}{PATH}", gateway.address()),
        pid: gateway.pid(),
        headers: vec![
            ("Host".into(), HOST.into()),
            ("Authorization".into(), format!("Bearer {token}")),
            ("Mcp-Session-Id".into(), session),
        ],
        tokens: None,
    })
}

/// More than can be answered: a run must not come to the end of its tokens.
const FRESH_PER_SECOND: usize = 45_000;
