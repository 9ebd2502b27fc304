//! A credential's life: rotated, presented otherwise, detached, removed, under calls that must not
//! fail (must hold 8).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::calls::{Acme, text_of, tool_call};

/// S1-14. The server takes both credentials for a while, as a real one does during a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn rotating_a_credential_costs_no_call() -> Result<()> {
    let acme = Arc::new(Acme::start(2, "first-credential").await?);
    acme.demo
        .accept(&["first-credential", "second-credential"])?;
    let steady = Steady::start(&acme);
    let file = acme.secret_file("second", "second-credential")?;
    acme.cluster
        .aldgate(&[
            "server",
            "set-credential",
            "files",
            "--tenant",
            "acme",
            "--auth-scheme",
            "bearer",
            "--auth-credential-file",
            &file,
            "--wait",
        ])
        .await?;
    // Calls that were under way when the change became live end first; from then on the old one is
    // refused and nobody notices.
    steady.further(20).await;
    acme.demo.accept(&["second-credential"])?;
    steady.further(20).await;
    steady.finish().await?;
    let last = acme.demo.received()?.pop().expect("it was called");
    ensure!(header(&last.headers, "authorization") == Some("Bearer second-credential"));
    Ok(())
}

/// S1-5, S1-6, S1-15, S1-16.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_may_move_to_another_header_and_go() -> Result<()> {
    let acme = Acme::start(2, "the-credential").await?;
    let file = acme.secret_file("api-key", "the-api-key")?;
    let set = [
        "server",
        "set-credential",
        "files",
        "--tenant",
        "acme",
        "--wait",
    ];

    let named = [
        "--auth-scheme",
        "api_key",
        "--auth-header-name",
        "X-Files-Key",
        "--auth-credential-file",
        &file,
    ];
    acme.cluster.aldgate(&[&set[..], &named].concat()).await?;
    let headers = sent_after(&acme, 0).await?;
    ensure!(header(&headers, "x-files-key") == Some("the-api-key"));
    ensure!(header(&headers, "authorization").is_none());

    let unnamed = ["--auth-scheme", "api_key", "--auth-credential-file", &file];
    acme.cluster.aldgate(&[&set[..], &unnamed].concat()).await?;
    let headers = sent_after(&acme, 1).await?;
    ensure!(header(&headers, "x-api-key") == Some("the-api-key"));

    acme.cluster
        .aldgate(&[&set[..], &["--auth-scheme", "none"]].concat())
        .await?;
    let headers = sent_after(&acme, 0).await?;
    ensure!(header(&headers, "x-api-key").is_none() && header(&headers, "authorization").is_none());
    Ok(())
}

/// CL-06: a stored credential never follows a URL to another origin.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_origin_detaches_the_credential_and_says_so() -> Result<()> {
    let acme = Acme::start(1, "the-credential").await?;
    let gateway = &acme.cluster.gateways[0];
    acme.echo(gateway, "attached").await?;

    // Another path on the same origin keeps it.
    let same = format!("{}?v=2", acme.demo.url());
    acme.cluster
        .aldgate(&[
            "server", "update", "files", "--tenant", "acme", "--url", &same, "--wait",
        ])
        .await?;
    acme.echo(gateway, "still attached").await?;

    let other =
        tests::demo::Demo::start(&acme.cluster.logs(), "other", "the-credential", 0).await?;
    let update = [
        "server",
        "update",
        "files",
        "--tenant",
        "acme",
        "--url",
        &other.url(),
        "--wait",
    ];
    let output = acme.cluster.cli().run(&update).await?;
    ensure!(output.code == 0, "{}", output.stderr);
    ensure!(
        output.stderr.contains("set-credential"),
        "says how to mend it: {}",
        output.stderr
    );

    let answer = acme
        .send(
            gateway,
            tool_call(Acme::PATH, "echo", &json!({"text": "x"})),
        )
        .await?;
    ensure!(answer.status.is_server_error(), "{}", answer.status);
    ensure!(answer.text().contains("credential"), "{}", answer.text());
    ensure!(
        other.received()?.is_empty(),
        "nothing was sent to the new origin"
    );
    let shown = acme
        .cluster
        .aldgate(&["server", "get", "files", "--tenant", "acme", "-o", "json"])
        .await?;
    ensure!(shown.contains("STATE_DETACHED"), "{shown}");

    let file = acme.secret_file("again", "the-credential")?;
    let set = [
        "server",
        "set-credential",
        "files",
        "--tenant",
        "acme",
        "--auth-scheme",
        "bearer",
    ];
    acme.cluster
        .aldgate(&[&set[..], &["--auth-credential-file", &file, "--wait"]].concat())
        .await?;
    acme.echo(gateway, "attached again").await?;
    Ok(())
}

/// CL-05, S1-18: what is stored is never shown.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_holds_the_value() -> Result<()> {
    let acme = Acme::start(1, "CANARY-credential").await?;
    for format in ["json", "yaml", "table"] {
        for command in [["server", "get", "files"], ["server", "list", ""]] {
            let mut args: Vec<&str> = command
                .iter()
                .copied()
                .filter(|word| !word.is_empty())
                .collect();
            args.extend(["--tenant", "acme", "-o", format]);
            let shown = acme.cluster.aldgate(&args).await?;
            ensure!(
                shown.contains("files") && !shown.contains("CANARY"),
                "{shown}"
            );
        }
    }
    Ok(())
}

/// What the server received of the next call; `gateway` makes it.
async fn sent_after(acme: &Acme, gateway: usize) -> Result<Vec<(String, String)>> {
    let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
    acme.send(&acme.cluster.gateways[gateway], request).await?;
    Ok(acme.demo.received()?.pop().expect("it was called").headers)
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.as_str())
}

/// Calls through both gateways without a pause, until told to finish.
struct Steady {
    calls: tokio::task::JoinHandle<Result<()>>,
    count: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
}

impl Steady {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test owns the handle and joins it"
    )]
    fn start(acme: &Arc<Acme>) -> Self {
        let (count, over) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let (acme, counted, ended) = (acme.clone(), count.clone(), over.clone());
        let calls = tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let text = number.to_string();
                let request = tool_call(Acme::PATH, "echo", &json!({"text": text}));
                let gateway = &acme.cluster.gateways[number as usize % 2];
                let answer = text_of(&acme.send(gateway, request).await?)?;
                ensure!(answer == text);
            }
            Ok(())
        });
        Self { calls, count, over }
    }

    /// Waits until so many more calls were made, or one failed.
    async fn further(&self, calls: u32) {
        let target = self.count.load(Ordering::SeqCst) + calls;
        while self.count.load(Ordering::SeqCst) < target && !self.calls.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    async fn finish(self) -> Result<()> {
        self.over.store(true, Ordering::SeqCst);
        self.calls.await?
    }
}
