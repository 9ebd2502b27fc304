//! What a refresh grant costs: chains of refresh tokens, each redeemed for the next, at our token endpoint
//! and at npm `oidc-provider` with everything in memory. Both rotate, and sign access tokens with ES256.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use proto::admin::v1::{CreateUserRequest, PasswordInput, User};
use serde::Deserialize;
use tests::{
    agent::{Agent, Pkce, encoded},
    cluster::Cluster,
    foreign::Node,
    gateway::Gateway,
    person::Person,
    postgres::Durability,
    process::{Process, Program, log_path},
    seed::Seed,
    state::root,
};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use crate::{load::Measured, rounds::Rounds, usage::Usage};

/// Measures both in turn.
pub(crate) async fn measure(connections: usize, rounds: usize, seconds: u32) -> Result<()> {
    let cluster = Cluster::builder().gateways(1).log("warn");
    let cluster = cluster.start_alone(Durability::Synced).await?;
    let (provider, mut theirs) = provider(&cluster.logs(), connections).await?;
    let (people, _) = settle(&cluster, "http://127.0.0.1:9/mcp", connections).await?;
    let mut ours = Chains::of(&cluster.gateways[0], &people).await?;
    let gateway = cluster.gateways[0].pid();
    let (controller, postgres) = (cluster.controller.pid(), cluster.postgres().pid());
    let second = Duration::from_secs(1);
    let whole = Duration::from_secs(seconds.into());
    let mut measured = vec![Vec::new(); NAMES.len()];
    theirs.run(WARM, &[]).await?;
    ours.run(WARM, &[]).await?;
    for _ in 0..rounds {
        theirs.run(second, &[]).await?;
        let [there] = theirs.run(whole, &[&[provider.pid()]]).await?[..] else {
            unreachable!("one is asked for")
        };
        ours.run(second, &[]).await?;
        let all = [controller, gateway, postgres];
        let here = ours.run(whole, &[&[controller], &all]).await?;
        for (results, result) in measured.iter_mut().zip([there].into_iter().chain(here)) {
            results.push(result);
        }
    }
    println!("\nA refresh grant, {connections} chains, {rounds} rounds of {seconds} s\n");
    println!("{}", Rounds::of(&NAMES, measured).table(NAMES[0]));
    Ok(())
}

/// One chain of refresh tokens for each connection, of a public client at a token endpoint.
pub(crate) struct Chains {
    address: SocketAddr,
    host: String,
    client: String,
    tokens: Vec<String>,
}

impl Chains {
    /// Of these users of a tenant, who all allowed one client.
    pub(crate) async fn of(gateway: &Gateway, people: &[Person]) -> Result<Self> {
        let issuer = gateway.url();
        let agent = || Agent::new(gateway.address(), &issuer);
        let client = agent().register_public("Bench", &[REDIRECT]).await?;
        let mut tokens = Vec::new();
        for person in people {
            tokens.push(connect(&mut agent(), person, &client).await?);
        }
        Ok(Self {
            address: gateway.address(),
            host: issuer.trim_start_matches("http://").to_owned(),
            client,
            tokens,
        })
    }

    /// Redeems the chains' tokens at once for this long; what that cost each of these groups of
    /// processes.
    pub(crate) async fn run(&mut self, time: Duration, groups: &[&[u32]]) -> Result<Vec<Measured>> {
        let cpu = |pids: &[u32]| pids.iter().map(|pid| Usage::of(*pid).cpu_us).sum::<f64>();
        let before: Vec<f64> = groups.iter().map(|pids| cpu(pids)).collect();
        let (address, host, client) = (self.address, &self.host, &self.client);
        let begun = Instant::now();
        let chains = self.tokens.iter_mut();
        let chains = chains.map(|token| chain(address, host, client, token, begun + time));
        let mut latencies = try_join_all(chains).await?.concat();
        let elapsed = begun.elapsed();
        latencies.sort();
        let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
        let micros = |latency: Duration| latency.as_secs_f64() * 1e6;
        let count = u32::try_from(latencies.len())?;
        let spent = groups.iter().zip(before);
        Ok(spent
            .map(|(pids, before)| Measured {
                cpu_us: (cpu(pids) - before) / f64::from(count),
                rate: f64::from(count) / elapsed.as_secs_f64(),
                p50_us: micros(at(50)),
                p99_us: micros(at(99)),
            })
            .collect())
    }
}

/// Redeems a refresh token, then the one that it was given for it, and so on; how long each took.
async fn chain(
    address: SocketAddr,
    host: &str,
    client: &str,
    token: &mut String,
    until: Instant,
) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let sent = Instant::now();
        let next = timeout(LATE, refresh(&mut sender, host, client, token)).await??;
        latencies.push(sent.elapsed());
        ensure!(next != *token, "it does not rotate");
        *token = next;
    }
    Ok(latencies)
}

async fn refresh(
    sender: &mut SendRequest<Full<Bytes>>,
    host: &str,
    client: &str,
    token: &str,
) -> Result<String> {
    #[derive(Deserialize)]
    struct Issued {
        refresh_token: String,
    }
    let form = encoded(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", client),
    ]);
    let request = http::Request::post("/token")
        .header("host", host)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))?;
    sender.ready().await?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let said = || String::from_utf8_lossy(&body).into_owned();
    ensure!(head.status == 200, "{}: {}", head.status, said());
    let issued: Issued = serde_json::from_slice(&body).with_context(said)?;
    Ok(issued.refresh_token)
}

/// The peer, with this many grants.
async fn provider(logs: &Path, grants: usize) -> Result<(Process, Chains)> {
    #[derive(Deserialize)]
    struct Listening {
        issuer: String,
        refresh: Vec<String>,
    }
    let program = Program::at("oidc-provider", Node::install().await?.program()?, logs)
        .args([root().join("tests/idp/src/tokens.ts")])
        .args([grants.to_string()]);
    let mut process = program.spawn()?;
    let output = log_path(logs, "oidc-provider", "out");
    let listening = process.until(LATE, async || {
        let text = std::fs::read_to_string(&output).ok()?;
        let mut lines = text.lines();
        lines.find_map(|line| serde_json::from_str::<Listening>(line).ok())
    });
    let Listening { issuer, refresh } = listening.await?;
    let host = issuer.strip_prefix("http://").context("plain http")?;
    let chains = Chains {
        address: host.parse()?,
        host: host.to_owned(),
        client: "app".to_owned(),
        tokens: refresh,
    };
    Ok((process, chains))
}

/// A tenant with so many users.
pub(crate) async fn settle(
    cluster: &Cluster,
    server: &str,
    users: usize,
) -> Result<(Vec<Person>, String)> {
    let seed = Seed {
        tenant: "bench",
        host: &cluster.gateways[0].url(),
        aliases: &[],
        server: "echo",
        url: server,
        credential_file: None,
    };
    let seeded = seed.plant(cluster.cli(), cluster.scratch().path()).await?;
    let mut people = Vec::new();
    for number in 0..users {
        people.push(create(cluster, number).await?);
    }
    Ok((people, seeded.api_key))
}

async fn create(cluster: &Cluster, number: usize) -> Result<Person> {
    let person = Person {
        login: format!("user-{number}@bench.test"),
        password: "correct horse battery staple".to_owned(),
    };
    let user = User {
        login: person.login.clone(),
        roles: vec!["dev".to_owned()],
        ..Default::default()
    };
    let request = CreateUserRequest {
        parent: "tenants/bench".into(),
        user_id: format!("user-{number}"),
        user: Some(user),
        password: Some(PasswordInput {
            password: person.password.clone(),
            ..Default::default()
        }),
    };
    cluster.admin().await?.users.create_user(request).await?;
    Ok(person)
}

/// The first refresh token of a new grant.
pub(crate) async fn connect(agent: &mut Agent, person: &Person, client: &str) -> Result<String> {
    let pkce = Pkce::new();
    let params = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("code_challenge", &pkce.challenge),
        ("code_challenge_method", "S256"),
        ("state", "s"),
    ];
    let callback = agent.authorize(person, &params, "allow").await?;
    let answer = agent.redeem(client, REDIRECT, &callback, &pkce).await?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    let token = answer.json()?["refresh_token"].as_str().map(str::to_owned);
    token.context("a refresh token")
}

const NAMES: [&str; 3] = [
    "oidc-provider, in memory",
    "controller",
    "controller, gateway, Postgres",
];
pub(crate) const REDIRECT: &str = "https://app.example/cb";
/// Until node has compiled what it runs again and again, and Postgres has planned it.
const WARM: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(20);
