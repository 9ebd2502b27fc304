//! Issue 4, must-hold 1: clients connect on the first try, from an MCP URL and nothing else, with a
//! real browser in which a person signs in and consents; they refresh, and go on after restarts.

use anyhow::{Context, Result, ensure};
use tests::{
    clients::Event,
    connect::{Bridge, Connector, Desktop},
};

use crate::people::People;

mod conformance;
mod fastmcp;
mod others;

/// S2-11, S2-12, S4-32, S4-33.
#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_connects_on_the_first_try_and_stays_connected() -> Result<()> {
    Box::pin(lives_through_everything(Connector::TypeScriptModern)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_of_the_older_era_connects_on_the_first_try() -> Result<()> {
    Box::pin(lives_through_everything(Connector::TypeScriptLegacy)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_connects_on_the_first_try_and_stays_connected() -> Result<()> {
    Box::pin(lives_through_everything(Connector::Python)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_remote_connects_on_the_first_try_and_stays_connected() -> Result<()> {
    let mut people = People::start().await?;
    let desktop = people.desktop().await?;
    let url = people.urls().remove(0);
    for round in ["first", "again"] {
        let mut bridge = Bridge::start(&desktop, &url).await?;
        let tour = bridge.tour().await;
        let (tools, sum) = tour.with_context(|| format!("{round}: {}", story(&desktop)))?;
        ensure!(tools == TOOLS, "{tools:?}");
        ensure!(sum["content"][0]["text"] == "42", "{sum}");
        bridge.stop().await?;
        people.restart().await?;
    }
    let opened = desktop.seen().matches(r#""event":"end""#).count();
    ensure!(opened == 1, "the browser opened {opened} times");
    Ok(())
}

/// First try; again with what it has; after its access token is dead; after restarts; after the
/// connection was cut, when it has to ask again.
async fn lives_through_everything(client: Connector) -> Result<()> {
    let mut people = People::start().await?;
    let (desktop, urls) = (people.desktop().await?, people.urls());
    let did = |events: &[Event]| {
        let of = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
        [
            of(|event| matches!(event, Event::Registered { .. })),
            of(|event| matches!(event, Event::Authorize { .. })),
            of(|event| matches!(event, Event::Tokens { .. })),
        ]
    };

    let events = client.tour(&desktop, &urls).await?;
    ensure!(did(&events) == [1, 1, 1], "first: {events:#?}");
    check(&events, &urls)?;

    let events = client.tour(&desktop, &urls).await?;
    ensure!(did(&events) == [0, 0, 0], "again: {events:#?}");
    check(&events, &urls)?;

    let kept = client.kept(&desktop)?;
    let access = kept["tokens"]["access_token"].as_str();
    people
        .revoke_token(access.context("an access token")?)
        .await?;
    let events = client.tour_expired(&desktop, &urls[..1]).await?;
    ensure!(did(&events) == [0, 0, 1], "refreshed: {events:#?}");
    check(&events, &urls[..1])?;

    people.restart().await?;
    let events = client.tour(&desktop, &urls).await?;
    ensure!(did(&events) == [0, 0, 0], "after restarts: {events:#?}");
    check(&events, &urls)
}

fn check(events: &[Event], urls: &[String]) -> Result<()> {
    for url in urls {
        let tools = Event::Tools {
            url: url.clone(),
            names: TOOLS.map(str::to_owned).to_vec(),
        };
        ensure!(events.contains(&tools), "{url}: {events:#?}");
        let summed = |event: &Event| matches!(event, Event::Call { url: at, text, error: false, .. } if at == url && text == "42");
        ensure!(events.iter().any(summed), "{url}: {events:#?}");
    }
    Ok(())
}

fn story(desktop: &Desktop) -> String {
    let log = std::fs::read_to_string(desktop.home.join("mcp-remote.log"));
    format!("{}\n{}", log.unwrap_or_default(), desktop.seen())
}

const TOOLS: [&str; 4] = ["add", "count", "echo", "hello"];
