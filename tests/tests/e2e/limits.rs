//! Issue 3, must-hold 7: two gateways share one limit through Redis, and hold it when Redis does not.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use proto::{
    access::v1::{RateDimension, RateLimit, RateLimits},
    admin::v1::SetTenantLimitsRequest,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::{cluster::Cluster, http::Request, seed::Seed};
use tokio::task::JoinSet;

use crate::calls::{Acme, tool_call};

/// B + R·t while Redis answers, and not much less. What is slow here is the machine, so nodes wait.
#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_admit_together_what_one_bucket_would() -> Result<()> {
    let acme = limited(PATIENT).await?;
    let flood = Flood::run(&acme, FLOOD, async || Ok(())).await?;
    flood.within(flood.bucket())?;
    let least = BURST + RATE * flood.seconds * 0.5;
    ensure!(flood.admitted() >= least, "{flood:?}");
    Ok(())
}

/// A refusal says when to come again (S2-16).
#[tokio::test(flavor = "multi_thread")]
async fn who_is_over_the_limit_is_told_when_to_come_again() -> Result<()> {
    let acme = limited(PATIENT).await?;
    Flood::run(&acme, Duration::from_millis(500), async || Ok(())).await?;
    let gateway = &acme.cluster.gateways[0];
    for _ in 0..50 {
        let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
        let answer = acme.send(gateway, request).await?;
        if answer.status == 429 {
            let after: u64 = answer.header("retry-after").parse()?;
            ensure!((1..=60).contains(&after), "{after}");
            ensure!(
                answer.json()?["error"]["code"].is_i64(),
                "{}",
                answer.text()
            );
            return Ok(());
        }
    }
    anyhow::bail!("nothing was refused")
}

/// What Redis forgets is not given out twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_gives_out_no_second_burst() -> Result<()> {
    let acme = limited(PATIENT).await?;
    let flood = Flood::run(&acme, FLOOD, async || {
        acme.cluster.redis.ask("FLUSHALL").await.map(drop)
    })
    .await?;
    // What nodes held when it forgot is spent besides: at most a burst.
    flood.within(flood.bucket() + flood.share())
}

/// While Redis is stopped or silent each node gives out its stated share, and never stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_leaves_each_node_its_share() -> Result<()> {
    let acme = limited("10ms").await?;
    let flood = Flood::run(&acme, FLOOD, async || {
        acme.cluster.redis.ask("CLIENT PAUSE 1500").await.map(drop)
    })
    .await?;
    flood.within(flood.bucket() + flood.share())?;
    ensure!(
        flood.answered_late,
        "nobody was admitted while it was silent"
    );
    Ok(())
}

/// The same when it is gone for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_redis_leaves_each_node_its_share() -> Result<()> {
    let acme = limited("10ms").await?;
    let flood = Flood::run(&acme, FLOOD, async || {
        let pid = Pid::from_raw(i32::try_from(acme.cluster.redis.pid())?);
        Ok(kill_process(pid.expect("not zero"), Signal::KILL)?)
    })
    .await?;
    flood.within(flood.bucket() + flood.share())?;
    ensure!(flood.answered_late, "nobody was admitted after its death");
    let gateway = &acme.cluster.gateways[0];
    ensure!(
        gateway.metrics().await?.contains("aldgate_"),
        "the node is alive"
    );
    Ok(())
}

/// TI-12: who floods hurts nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_flood_costs_another_nothing() -> Result<()> {
    let acme = limited(PATIENT).await?;
    let url = acme.demo.url();
    let seed = Seed {
        tenant: "beta",
        host: "beta.test",
        aliases: &[],
        server: "files",
        url: &url,
        credential_file: Some(acme.demo.credential_file()),
    };
    let cluster = &acme.cluster;
    let beta = seed.plant(cluster.cli(), cluster.scratch().path()).await?;
    let neighbour = async || {
        for _ in 0..20 {
            let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
            let request = request.host("beta.test").bearer(&beta.api_key);
            let answer = request.send(cluster.gateways[0].address()).await?;
            ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        }
        Ok(())
    };
    let flood = Flood::run(&acme, FLOOD, neighbour).await?;
    ensure!(flood.refused > 0, "{flood:?}");
    flood.within(flood.bucket())
}

/// What came of as many calls as both gateways could take.
#[derive(Debug)]
struct Flood {
    admitted: u32,
    refused: u32,
    seconds: f64,
    /// Somebody was admitted after the disturbance.
    answered_late: bool,
}

impl Flood {
    /// Floods both gateways and disturbs something a third of the way.
    async fn run(
        acme: &Acme,
        lasts: Duration,
        disturb: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Self> {
        let began = Instant::now();
        let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
        let request = Arc::new(request.host(Acme::HOST).bearer(&acme.key));
        let mut clients = JoinSet::new();
        for gateway in &acme.cluster.gateways {
            for _ in 0..CLIENTS {
                let (request, address) = (Arc::clone(&request), gateway.address());
                clients.spawn(async move { one_client(&request, address, began, lasts).await });
            }
        }
        tokio::time::sleep_until((began + lasts / 3).into()).await;
        let disturbed = Instant::now();
        disturb().await?;
        let mut flood = Self {
            admitted: 0,
            refused: 0,
            seconds: 0.0,
            answered_late: false,
        };
        while let Some(client) = clients.join_next().await {
            let (admitted, refused) = client??;
            flood.refused += refused;
            flood.admitted += u32::try_from(admitted.len())?;
            let grace = Duration::from_millis(300);
            flood.answered_late |= admitted.iter().any(|&at| at > disturbed + grace);
        }
        flood.seconds = began.elapsed().as_secs_f64();
        Ok(flood)
    }

    fn admitted(&self) -> f64 {
        f64::from(self.admitted)
    }

    /// What one bucket gives out: B + R·t.
    fn bucket(&self) -> f64 {
        BURST + RATE * self.seconds
    }

    /// What two nodes give out besides while they cannot reach Redis: half of each, each.
    fn share(&self) -> f64 {
        2.0 * 0.5 * self.bucket()
    }

    fn within(&self, bound: f64) -> Result<()> {
        ensure!(self.refused > 0, "nothing was refused: {self:?}");
        ensure!(self.admitted() <= bound, "more than {bound}: {self:?}");
        Ok(())
    }
}

/// Calls as fast as it is answered. Returns when each admitted call was answered, and how many were
/// refused; anything else is a failure.
async fn one_client(
    request: &Request,
    gateway: SocketAddr,
    began: Instant,
    lasts: Duration,
) -> Result<(Vec<Instant>, u32)> {
    let (mut admitted, mut refused) = (Vec::new(), 0);
    while began.elapsed() < lasts {
        let answer = request.send(gateway).await?;
        match answer.status.as_u16() {
            200 => admitted.push(Instant::now()),
            429 => refused += 1,
            other => anyhow::bail!("{other}: {}", answer.text()),
        }
    }
    Ok((admitted, refused))
}

/// Two gateways that wait so long for a lease, and a tenant with a limit.
async fn limited(patience: &str) -> Result<Acme> {
    let cluster = Cluster::builder()
        .gateways(2)
        .gateway_setting("ALDGATE_LIMIT_LEASE_WAIT", patience)
        .start()
        .await?;
    let acme = Acme::on(cluster, "the-credential").await?;
    let admin = acme.cluster.admin().await?;
    let limit = RateLimit {
        dimension: RateDimension::Tenant.into(),
        tokens: 20,
        burst: 20,
        ..Default::default()
    };
    let request = SetTenantLimitsRequest {
        name: "tenants/acme".into(),
        limits: Some(RateLimits {
            limits: vec![limit],
        }),
    };
    let set = admin.limits.clone().set_tenant_limits(request).await?;
    admin
        .live("tenants/acme", set.into_inner().revision)
        .await?;
    Ok(acme)
}

/// As long as a command to Redis may take.
const PATIENT: &str = "2s";
const RATE: f64 = 20.0;
const BURST: f64 = 20.0;
const CLIENTS: usize = 4;
const FLOOD: Duration = Duration::from_secs(3);
