//! fastmcp as a program uses it: one process that stays connected. Its command line keeps nothing from
//! one run to the next and so never refreshes.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{clients::Event, connect::Desktop, foreign::Python, state::root};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use super::{
    check,
    others::{Next, opened_once},
};
use crate::people::People;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by ./dev test clients"]
async fn fastmcp_refreshes_and_stays_connected_through_restarts() -> Result<()> {
    let mut people = People::start().await?;
    let (desktop, urls) = (people.desktop().await?, people.urls());
    let mut client = Fastmcp::start(&desktop, &urls[0]).await?;
    check(&client.tour("go").await?, &urls[..1])?;
    ensure!(generations(&people).await? == [1], "one login, one grant");
    let first = desktop.access_tokens()?;

    Next::Expiry.happen(&mut people, &desktop).await?;
    check(&client.tour("expired").await?, &urls[..1])?;
    ensure!(generations(&people).await? == [2], "it refreshes once");
    let second = desktop.access_tokens()?;
    ensure!(second.is_disjoint(&first), "it goes on with what is dead");

    Next::Restart.happen(&mut people, &desktop).await?;
    check(&client.tour("go").await?, &urls[..1])?;
    ensure!(desktop.access_tokens()? == second, "its token is good yet");

    check(&client.tour("expired").await?, &urls[..1])?;
    ensure!(
        generations(&people).await? == [3],
        "the new controller knows the grant"
    );
    client.stop().await?;
    opened_once(&desktop)
}

/// How many refresh tokens were made of each grant there is.
async fn generations(people: &People) -> Result<Vec<i64>> {
    let mut database = people.cluster.database.connect().await?;
    let grants = sqlx::query_scalar("SELECT generation FROM grants");
    Ok(grants.fetch_all(&mut database).await?)
}

/// The process, which does something at each word.
struct Fastmcp {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    desktop: Desktop,
}

impl Fastmcp {
    async fn start(desktop: &Desktop, url: &str) -> Result<Self> {
        let errors = std::fs::File::create(desktop.home.join(LOG))?;
        let mut child = desktop
            .command(Python::install_further().await?.program())
            .arg(root().join("tests/clients/py/fastmcp_oauth.py"))
            .arg(desktop.home.join("fastmcp"))
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        Ok(Self {
            input: child.stdin.take().context("its input")?,
            output: BufReader::new(child.stdout.take().context("its output")?).lines(),
            child,
            desktop: desktop.clone(),
        })
    }

    /// Lists tools and calls one.
    async fn tour(&mut self, word: &str) -> Result<Vec<Event>> {
        let tour = timeout(DEADLINE, self.events(word)).await;
        let tour = tour.context("it did not come round").flatten();
        tour.with_context(|| format!("{word}: {}", self.story()))
    }

    async fn events(&mut self, word: &str) -> Result<Vec<Event>> {
        self.input.write_all(format!("{word}\n").as_bytes()).await?;
        self.input.flush().await?;
        let mut events = Vec::new();
        while !matches!(events.last(), Some(Event::Call { .. })) {
            let line = self.output.next_line().await?.context("it ended")?;
            events.push(serde_json::from_str(&line).context(line)?);
        }
        Ok(events)
    }

    /// It ends by itself, content.
    async fn stop(mut self) -> Result<()> {
        let story = self.story();
        drop(self.input);
        let status = timeout(DEADLINE, self.child.wait()).await??;
        ensure!(status.success(), "{status}: {story}");
        Ok(())
    }

    fn story(&self) -> String {
        let log = std::fs::read_to_string(self.desktop.home.join(LOG));
        format!("{}\n{}", log.unwrap_or_default(), self.desktop.seen())
    }
}

const LOG: &str = "fastmcp.log";
const DEADLINE: Duration = Duration::from_secs(90);
