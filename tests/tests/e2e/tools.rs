//! Must-hold 2: the official clients list and call tools through both gateways, with progress while
//! a call runs, and a session goes on behind the other gateway. Must-hold 4: nothing of MCP is lost on
//! the way.

use anyhow::Result;
use tests::{
    clients::{Client, Event},
    cluster::Cluster,
    conformance,
    demo::Demo,
    seed::Seed,
};

/// Two gateways with the demo server behind them, at addresses that real clients can resolve.
struct Site {
    _cluster: Cluster,
    demo: Demo,
    urls: Vec<String>,
    key: String,
}

#[tokio::test]
async fn the_typescript_client_calls_tools_through_both_gateways_without_a_session() {
    let site = Site::start().await.unwrap();
    let events = site.tour(Client::TypeScriptModern).await.unwrap();
    assert_tour(&events, &site.urls, "2026-07-28");
    let received = site.demo.received().unwrap();
    assert!(
        received.iter().all(|request| request
            .headers
            .iter()
            .all(|(name, _)| name != "mcp-session-id")),
        "the stateless era has no sessions"
    );
}

#[tokio::test]
async fn the_typescript_client_calls_tools_and_its_session_goes_on_behind_the_other_gateway() {
    let site = Site::start().await.unwrap();
    let events = site.tour(Client::TypeScriptLegacy).await.unwrap();
    assert_tour(&events, &site.urls, "2025-11-25");
    let sessions: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Session { url, open } => Some((url.as_str(), *open)),
            _ => None,
        })
        .collect();
    let [first, second] = [site.urls[0].as_str(), site.urls[1].as_str()];
    assert_eq!(sessions, [(first, true), (second, true), (first, false)]);
    let echoes = answers(&events, second, "echo");
    assert_eq!(echoes, ["round and round", "another node"]);
}

#[tokio::test]
async fn the_python_client_finds_out_the_era_and_calls_tools_through_both_gateways() {
    let site = Site::start().await.unwrap();
    let events = site.tour(Client::PythonAuto).await.unwrap();
    assert_tour(&events, &site.urls, "2026-07-28");
}

#[tokio::test]
async fn the_conformance_suite_loses_no_scored_scenario_through_the_gateways() {
    let cluster = Cluster::builder().start().await.unwrap();
    let report = conformance::run(&cluster).await.unwrap();
    assert_eq!(
        report.baseline(),
        [30, 37],
        "straight at the fixture\n{report}"
    );
    assert!(report.lost().is_empty(), "{report}");
}

impl Site {
    async fn start() -> Result<Self> {
        let cluster = Cluster::builder().start().await?;
        let demo = Demo::start(&cluster.logs(), "demo", "credential-of-the-demo", ANY).await?;
        let urls = cluster.gateways.iter().map(tests::gateway::Gateway::url);
        let origins: Vec<_> = urls.collect();
        let seed = Seed {
            tenant: "acme",
            host: &origins[0],
            aliases: &origins[1..],
            server: "demo",
            url: &demo.url(),
            credential_file: Some(demo.credential_file()),
        };
        let key = seed
            .plant(cluster.cli(), cluster.scratch().path())
            .await?
            .api_key;
        Ok(Self {
            urls: origins
                .iter()
                .map(|origin| format!("{origin}/mcp/demo"))
                .collect(),
            _cluster: cluster,
            demo,
            key,
        })
    }

    async fn tour(&self, client: Client) -> Result<Vec<Event>> {
        let bearer = format!("Bearer {}", self.key);
        client
            .tour(&self.urls, &[("Authorization".to_owned(), bearer)])
            .await
    }
}

fn assert_tour(events: &[Event], urls: &[String], version: &str) {
    for url in urls {
        let connected = Event::Connected {
            url: url.clone(),
            version: version.to_owned(),
        };
        assert!(events.contains(&connected), "{url}: {events:#?}");
        let tools = Event::Tools {
            url: url.clone(),
            names: ["add", "count", "echo", "hello"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert!(events.contains(&tools), "{url}: {events:#?}");
        assert_eq!(
            answers(events, url, "hello"),
            ["Hello from behind the gate."]
        );
        assert_eq!(answers(events, url, "add"), ["42"]);
        assert_eq!(answers(events, url, "count"), ["counted to 3"]);
        assert_streamed(events, url);
    }
}

/// The demo server pauses after each number: progress that came with the result was held back.
fn assert_streamed(events: &[Event], url: &str) {
    let progress: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Progress {
                url: at,
                progress,
                after_ms,
                ..
            } if at == url => Some((*progress, *after_ms)),
            _ => None,
        })
        .collect();
    let done = events.iter().find_map(|event| match event {
        Event::Call {
            url: at,
            tool,
            after_ms,
            ..
        } if at == url && tool == "count" => Some(*after_ms),
        _ => None,
    });
    let numbers: Vec<_> = progress.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1.0, 2.0, 3.0], "{url}");
    let (first, done) = (progress[0].1, done.expect("the call ended"));
    assert!(
        done - first >= 50,
        "progress at {first} ms, result at {done} ms"
    );
}

fn answers<'a>(events: &'a [Event], url: &str, wanted: &str) -> Vec<&'a str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Call {
                url: at,
                tool,
                text,
                error: false,
                ..
            } if at == url && tool == wanted => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

const ANY: u16 = 0;
