//! What processes that end cost under load: nothing (must hold 6; F-01, F-26, F-27).

use anyhow::{Result, ensure};

use crate::{calls::Acme, load::Load};

/// F-01, F-04: the data plane does not need the controller.
#[tokio::test(flavor = "multi_thread")]
async fn killing_and_restarting_the_controller_costs_no_request() -> Result<()> {
    let mut acme = Acme::start(2, "the-credential").await?;
    let load = Load::start(&acme).await?;
    acme.cluster.controller.kill();
    load.answered(400).await?;
    acme.cluster.controller.restart().await?;
    load.answered(200).await?;
    // The nodes are back: a change arrives at both.
    acme.cluster
        .aldgate(&[
            "key",
            "create",
            "after",
            "--tenant",
            "acme",
            "--all-servers",
            "--lifespan",
            "7d",
            "--wait",
        ])
        .await?;
    let calls = load.finish().await?;
    ensure!(calls >= 600);
    Ok(())
}

/// F-26, F-27.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_both_gateways_costs_no_request() -> Result<()> {
    let mut acme = Acme::start(2, "the-credential").await?;
    let load = Load::start(&acme).await?;
    for number in 0..2 {
        acme.cluster.gateways[number].stop().await?;
        acme.cluster.gateways[number].restart().await?;
        load.answered(200).await?;
    }
    load.finish().await?;
    Ok(())
}

/// F-25: what is in flight on a killed node fails visibly; everything else goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_is_back_with_its_config_by_itself() -> Result<()> {
    let mut acme = Acme::start(2, "the-credential").await?;
    acme.cluster.gateways[0].kill();
    acme.echo(&acme.cluster.gateways[1], "the other node")
        .await?;
    acme.cluster.gateways[0].restart().await?;
    acme.echo(&acme.cluster.gateways[0], "the same node")
        .await?;
    Ok(())
}
