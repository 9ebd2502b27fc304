//! The public conformance suite, straight at the fixture and through a cluster. The gateway may not
//! lose a scored scenario: neither on one node, nor when every connection goes to the next node.

/// Starts the fixture.
pub mod fixture;

/// Spreads connections over nodes.
pub mod balance;

/// What came out, and what was lost.
pub mod report;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{process::Command, time::timeout};

use crate::{cluster::Cluster, foreign::Node, process::beside_us, seed::Seed, state::root};

use balance::Balance;
use fixture::Fixture;
use report::{Report, Run};

/// Runs both requirement sets against the fixture and through the cluster, which needs two gateways.
pub async fn run(cluster: &Cluster) -> Result<Report> {
    let node = Node::install().await?;
    let secrets = cluster.scratch().private("conformance")?;
    let credential = uuid::Uuid::new_v4().simple().to_string();
    let fixture = Fixture::start(&node, &secrets, &credential).await?;
    let addresses = cluster
        .gateways
        .iter()
        .map(crate::gateway::Gateway::address);
    let balance = Balance::start(addresses.collect()).await?;

    let host = |port: u16| format!("localhost:{port}");
    let first = host(cluster.gateways[0].address().port());
    let both = host(balance.address().port());
    let seeded = Seed {
        tenant: TENANT,
        host: &first,
        aliases: std::slice::from_ref(&both),
        server: "fixture",
        url: &fixture.url(),
        credential_file: Some(fixture.credential_file()),
    }
    .plant(cluster.cli(), &secrets)
    .await?;

    let suite = Suite {
        node,
        output: beside_us("demo-server")?.with_file_name("conformance"),
    };
    let mut report = Report::default();
    for requirements in REQUIREMENTS {
        let direct = suite
            .run(requirements, "direct", &fixture.url(), &credential)
            .await?;
        let url = |host: &str| format!("http://{host}/mcp/fixture");
        let key = &seeded.api_key;
        let one = suite
            .run(requirements, "gateway", &url(&first), key)
            .await?;
        let turns = suite
            .run(requirements, "gateways-in-turn", &url(&both), key)
            .await?;
        report.add(requirements, direct, [one, turns]);
    }
    Ok(report)
}

struct Suite {
    node: Node,
    output: PathBuf,
}

impl Suite {
    async fn run(&self, requirements: &str, target: &str, url: &str, token: &str) -> Result<Run> {
        let output = self.output.join(format!("{requirements}-{target}"));
        // Results of an earlier run would be taken for ours.
        let _ = std::fs::remove_dir_all(&output);
        let inject = root().join("tests/conformance/inject.mjs");
        let suite = "@modelcontextprotocol/conformance/dist/index.js";
        let child = Command::new(self.node.program()?)
            .arg("--import")
            .arg(inject)
            .arg(self.node.file(suite))
            .args(["server", "--url", url, "--requirements", requirements])
            .arg("-o")
            .arg(&output)
            .env("TOKEN", token)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let done = timeout(DEADLINE, child)
            .await
            .with_context(|| format!("the suite did not end within {DEADLINE:?}"))??;
        let text = String::from_utf8_lossy(&done.stdout);
        Run::read(target, &text, &output)
            .with_context(|| format!("{text}{}", String::from_utf8_lossy(&done.stderr)))
    }
}

/// Where the suite leaves the checks of one scenario: the newest folder of its name.
pub(crate) fn checks_of(output: &Path, scenario: &str) -> Option<PathBuf> {
    let prefix = format!("server-{scenario}-2");
    let folders = std::fs::read_dir(output).ok()?.flatten();
    let found = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    let newest = found.map(|entry| entry.path()).max()?;
    Some(newest.join("checks.json"))
}

const TENANT: &str = "conformance";
const REQUIREMENTS: [&str; 2] = ["2025-11-25", "2026-07-28"];
const DEADLINE: Duration = Duration::from_mins(5);
