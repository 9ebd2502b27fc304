//! What MCP calls and refreshes notice of people who sign in as fast as they can: each password costs a
//! core some 20 ms, on the machine that also carries the gateway and the load.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tests::{
    agent::Agent, cluster::Cluster, gateway::Gateway, http::Request, person::Person,
    postgres::Durability,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    INITIALIZE, PATH,
    load::CALL,
    peers::Peer,
    refresh::{self, Chains, REDIRECT},
};

/// Measures both without and with them.
pub(crate) async fn measure(browsers: u8, seconds: u32) -> Result<()> {
    let upstream = Peer::own(&["upstream"])?;
    let cluster = Cluster::builder().gateways(1).log("error");
    let cluster = cluster.start_alone(Durability::Synced).await?;
    let url = format!("http://{}/mcp", upstream.addr);
    let (people, key) = refresh::settle(&cluster, &url, 1).await?;
    let gateway = &cluster.gateways[0];
    let calls = Calls::open(gateway, key).await?;
    let mut chains = Chains::of(gateway, &people).await?;
    let agent = Agent::new(gateway.address(), &gateway.url());
    let client = agent.register_public("Bench", &[REDIRECT]).await?;
    let time = Duration::from_secs(seconds.into());
    println!("\n{browsers} browsers that sign in again and again, {seconds} s each\n");
    println!("| | calls p50 ms | p99 ms | refreshes p50 ms | p99 ms | signed in/s | sent away/s |");
    println!("|---|---|---|---|---|---|---|");
    for (what, count) in [("quiet", 0), ("overload", browsers)] {
        let end = Instant::now() + time;
        let tally = Tally::default();
        let crowd = crowd(gateway, &people[0], &client, count, end, &tally);
        let measuring = async { tokio::try_join!(calls.run(end), chains.run(time, &[&[]])) };
        let (measured, ()) = tokio::join!(measuring, crowd);
        let (latencies, refreshes) = measured?;
        let ms =
            |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        let per_second =
            |count: &AtomicU32| f64::from(count.load(Ordering::Relaxed)) / time.as_secs_f64();
        println!(
            "| {what} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} |",
            ms(50),
            ms(99),
            refreshes[0].p50_us / 1e3,
            refreshes[0].p99_us / 1e3,
            per_second(&tally.signed_in),
            per_second(&tally.sent_away),
        );
    }
    Ok(())
}

/// What became of those who came.
#[derive(Default)]
struct Tally {
    signed_in: AtomicU32,
    sent_away: AtomicU32,
}

/// As many browsers, each from an address of its own, each time without a cookie.
async fn crowd(
    gateway: &Gateway,
    person: &Person,
    client: &str,
    count: u8,
    end: Instant,
    tally: &Tally,
) {
    let browsers = (0..count).map(async |number| {
        while Instant::now() < end {
            let mut agent = Agent::new(gateway.address(), &gateway.url());
            agent.from = Some(IpAddr::from([127, 0, 1, number]));
            let counter = match refresh::connect(&mut agent, person, client).await {
                Ok(_) => &tally.signed_in,
                Err(_) => &tally.sent_away,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    futures_util::future::join_all(browsers).await;
}

/// Calls at a steady pace, however long each takes.
struct Calls {
    address: SocketAddr,
    host: String,
    key: String,
    session: String,
}

impl Calls {
    async fn open(gateway: &Gateway, key: String) -> Result<Self> {
        let host = gateway.url().trim_start_matches("http://").to_owned();
        let answer = Request::post(PATH, INITIALIZE)
            .host(&host)
            .bearer(&key)
            .send(gateway.address())
            .await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        Ok(Self {
            address: gateway.address(),
            host,
            key,
            session: answer.header("mcp-session-id").to_owned(),
        })
    }

    /// Their latencies, sorted, from when each was due.
    async fn run(&self, end: Instant) -> Result<Vec<Duration>> {
        let mut due = interval(PACE);
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut calls = futures_util::stream::FuturesUnordered::new();
        let mut latencies = Vec::new();
        while Instant::now() < end {
            tokio::select! {
                at = due.tick() => calls.push(self.call(at.into_std())),
                Some(latency) = futures_util::StreamExt::next(&mut calls) => latencies.push(latency?),
            }
        }
        while let Some(latency) = futures_util::StreamExt::next(&mut calls).await {
            latencies.push(latency?);
        }
        latencies.sort();
        Ok(latencies)
    }

    async fn call(&self, due: Instant) -> Result<Duration> {
        let answer = Request::post(PATH, CALL)
            .host(&self.host)
            .bearer(&self.key)
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", &self.session)
            .send(self.address)
            .await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        Ok(due.elapsed())
    }
}

/// 100 calls a second.
const PACE: Duration = Duration::from_millis(10);
