//! Issue 4, must-hold 2: the scenarios of the public conformance suite for authorization servers.

use std::{net::TcpListener, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{agent::Agent, foreign::Node};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::people::People;

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_passes_its_authorization_scenarios() -> Result<()> {
    let people = People::start().await?;
    let node = Node::install().await?;
    // A port that is free now; the suite listens there itself.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let redirect = format!("http://127.0.0.1:{port}/callback");
    let agent = Agent::new(people.cluster.gateways[0].address(), &people.origins[0]);
    let client = agent.register_public("Conformance", &[&redirect]).await?;
    let mut child = Command::new(node.program()?)
        .arg(node.file("@modelcontextprotocol/conformance/dist/index.js"))
        .args(["authorization", "--url", &people.origins[0]])
        .args(["--client-id", &client, "--port", &port.to_string()])
        .args(["--resource", &people.urls()[0]])
        .args(["--output-dir"])
        .arg(people.cluster.scratch().path().join("authorization"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().context("its output")?;
    let mut lines = BufReader::new(output).lines();
    let mut printed = String::new();
    let running = async {
        while let Some(line) = lines.next_line().await? {
            printed.push_str(&line);
            printed.push('\n');
            let found = line
                .split_whitespace()
                .find(|word| word.contains("/authorize?"));
            if let Some(url) = found {
                people.ada.visit(url, &[]).await?;
            }
        }
        anyhow::Ok(child.wait().await?)
    };
    let status = timeout(DEADLINE, running).await;
    let status = status.with_context(|| format!("it did not end\n{printed}"))??;
    ensure!(status.success(), "{printed}");
    Ok(())
}

const DEADLINE: Duration = Duration::from_secs(90);
