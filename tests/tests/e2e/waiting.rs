//! Waiting until a revision is live: who counts, for how long, and what is said of those that do not
//! answer. A node counts while it is connected and for 10 s after its last sign.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use proto::admin::v1::{
    NodeReceipt, WaitForRevisionRequest, WaitForRevisionResponse, node_receipt::State,
};
use rustix::process::Signal;
use serde_json::Value;
use tests::{cli::Output, cluster::Cluster};

/// A node that hangs keeps its connection and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_is_missing_and_then_no_longer_counted() -> Result<()> {
    let mut cluster = Cluster::builder().gateways(2).start().await?;
    cluster.gateways[1].process().signal(Signal::STOP);
    let stopped = Instant::now();
    let revision = change(&cluster, "first").await?;

    let short = wait(&cluster, &revision, "1s").await?;
    names_as_late(&short, &["gateway-2"], &["gateway-1"])?;

    let nodes = live(&cluster, &revision).await?;
    assert_eq!(nodes, ["nodes/gateway-1"]);
    let took = stopped.elapsed();
    ensure!(
        (Duration::from_secs(8)..Duration::from_secs(20)).contains(&took),
        "it counted for {took:?}"
    );

    cluster.gateways[1].process().signal(Signal::CONT);
    until_connected(&cluster, 2).await?;
    let nodes = live(&cluster, &revision).await?;
    assert_eq!(nodes, ["nodes/gateway-1", "nodes/gateway-2"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_counts_for_ten_seconds_more() -> Result<()> {
    let mut cluster = Cluster::builder().gateways(2).start().await?;
    cluster.gateways[1].kill();
    let killed = Instant::now();
    let revision = change(&cluster, "first").await?;

    let short = wait(&cluster, &revision, "500ms").await?;
    names_as_late(&short, &["gateway-2"], &["gateway-1"])?;
    // The change itself is made: `--wait` that times out says so and prints it.
    let late = ["tenant", "create", "late", "--host", "late.test"];
    let asked = ["--wait", "--wait-timeout", "500ms", "-o", "json"];
    let late = cluster.cli().run(&[late, asked].concat()).await?;
    names_as_late(&late, &["gateway-2"], &["gateway-1"])?;
    ensure!(late.stdout.contains("tenants/late"), "{late:?}");

    let nodes = live(&cluster, &revision).await?;
    assert_eq!(nodes, ["nodes/gateway-1"]);
    let took = killed.elapsed();
    ensure!(
        (Duration::from_secs(8)..Duration::from_secs(20)).contains(&took),
        "it counted for {took:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_does_not_exist_yet_is_waited_for() -> Result<()> {
    let cluster = Cluster::builder().gateways(1).start().await?;
    let early = wait(&cluster, "1", "250ms").await?;
    names_as_late(&early, &["gateway-1"], &[])?;

    let mut admin = cluster.admin().await?;
    let request = WaitForRevisionRequest {
        revision: 1,
        ..Default::default()
    };
    // Both at once; the wait cannot end before the change.
    let (waited, changed) = tokio::join!(
        admin.revisions.wait_for_revision(request),
        change(&cluster, "acme")
    );
    assert_eq!(changed?, "1");
    let waited: WaitForRevisionResponse = waited?.into_inner();
    let states: Vec<_> = waited.nodes.iter().map(NodeReceipt::state).collect();
    assert_eq!(states, [State::Applied]);
    Ok(())
}

/// A restarted controller knows from the database whom to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_seen_just_before_the_controller_restarted_still_counts() -> Result<()> {
    let mut cluster = Cluster::builder().gateways(2).start().await?;
    // The row is written every few seconds; one that is fresh makes the test independent of it.
    until_saved(&cluster, 2).await?;
    cluster.gateways[1].kill();
    cluster.controller.kill();
    cluster.controller.restart().await?;

    let revision = change(&cluster, "first").await?;
    let short = wait(&cluster, &revision, "500ms").await?;
    ensure!(
        short.stderr.contains("nodes/gateway-2"),
        "it was seen just now: {short:?}"
    );
    ensure!(short.code == 3, "{short:?}");
    let nodes = live(&cluster, &revision).await?;
    assert_eq!(nodes, ["nodes/gateway-1"], "and is forgotten later");
    Ok(())
}

/// With no node at all there is nobody to wait for, and the program says that.
#[tokio::test(flavor = "multi_thread")]
async fn without_nodes_a_change_is_committed_and_nothing_is_waited_for() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let create = ["tenant", "create", "acme", "--host", "acme.test", "--wait"];
    let output = cluster.cli().run(&create).await?;
    ensure!(output.code == 0, "{output:?}");
    ensure!(
        output.stderr.contains("no node is connected"),
        "{}",
        output.stderr
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nodes_a_revision_that_does_not_exist_is_not_live() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let output = wait(&cluster, "999", "1s").await?;
    ensure!(output.code == 3, "{output:?}");
    Ok(())
}

/// Makes a change and returns its revision.
async fn change(cluster: &Cluster, tenant: &str) -> Result<String> {
    let host = format!("{tenant}.test");
    let created: Value = cluster
        .cli()
        .json(&["tenant", "create", tenant, "--host", &host])
        .await?;
    let revision = created["revision"].as_str();
    Ok(revision.context("a revision")?.to_owned())
}

async fn wait(cluster: &Cluster, revision: &str, timeout: &str) -> Result<Output> {
    let args = ["wait", "--revision", revision, "--timeout", timeout];
    cluster.cli().run(&args).await
}

/// Waits until it is live and returns the nodes that counted.
async fn live(cluster: &Cluster, revision: &str) -> Result<Vec<String>> {
    let args = ["wait", "--revision", revision, "--timeout", "30s"];
    let waited: Value = cluster.cli().json(&args).await?;
    let nodes = waited["nodes"].as_array().context("nodes")?;
    let name = |node: &Value| Some(node["node"].as_str()?.to_owned());
    nodes
        .iter()
        .map(|node| name(node).context("a name"))
        .collect()
}

/// The wait timed out and names those that are late and nobody else.
fn names_as_late(output: &Output, late: &[&str], fine: &[&str]) -> Result<()> {
    ensure!(output.code == 3, "{output:?}");
    for node in late {
        ensure!(
            output.stderr.contains(&format!("nodes/{node}: ")),
            "{output:?}"
        );
    }
    for node in fine {
        ensure!(!output.stderr.contains(node), "{output:?}");
    }
    Ok(())
}

async fn until_connected(cluster: &Cluster, count: usize) -> Result<()> {
    until(async || {
        let shown = cluster.aldgate(&["node", "list", "-o", "json"]).await?;
        Ok(shown.matches("STATE_CONNECTED").count() == count)
    })
    .await
}

/// Waits until so many rows of table `nodes` are at most a second old.
async fn until_saved(cluster: &Cluster, count: i64) -> Result<()> {
    let mut database = cluster.database.connect().await?;
    until(async || {
        let fresh = "SELECT count(*) FROM nodes WHERE seen_at > now() - interval '1 second'";
        let (fresh,): (i64,) = sqlx::query_as(fresh).fetch_one(&mut database).await?;
        Ok(fresh == count)
    })
    .await
}

/// Asks until the answer is yes.
async fn until(mut condition: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await? {
        ensure!(Instant::now() < deadline, "it never came true");
    }
    Ok(())
}
