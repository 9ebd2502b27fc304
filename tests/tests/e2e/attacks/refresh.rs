//! Refresh tokens: races, theft, revocation.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::join_all;

use super::{Field, error_of, text};

/// Must-hold 5; A14: many processes of one client refresh at once, over both nodes.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_refreshes_at_once_give_one_successor() -> Result<()> {
    let field = Field::new().await?;
    let tokens = field.connect().await?;
    let old = text(&tokens, "refresh_token")?;
    let asking = (0..20).map(|number| {
        let mut agent = field.agent();
        let client = &field.client;
        agent.address = field.people.cluster.gateways[number % 2].address();
        async move { agent.refresh(client, old).await }
    });
    let mut successors = Vec::new();
    for answer in join_all(asking).await {
        let answer = answer?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        let tokens = answer.json()?;
        successors.push(text(&tokens, "refresh_token")?.to_owned());
        ensure!(field.call(0, text(&tokens, "access_token")?).await?.status == 200);
    }
    successors.dedup();
    ensure!(successors.len() == 1, "{} successors", successors.len());
    ensure!(successors[0] != old);
    let next = field.agent().refresh(&field.client, &successors[0]).await?;
    ensure!(next.status == 200, "{}", next.text());
    Ok(())
}

/// Must-hold 5; A13, OA-15: an older token than the one before tells of theft.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_older_token_kills_the_family() -> Result<()> {
    let field = Field::new().await?;
    let agent = field.agent();
    let first = field.connect().await?;
    let mut newest = first.clone();
    for _ in 0..3 {
        let answer = agent
            .refresh(&field.client, text(&newest, "refresh_token")?)
            .await?;
        ensure!(answer.status == 200, "{}", answer.text());
        newest = answer.json()?;
    }
    let access = text(&newest, "access_token")?;
    ensure!(field.call(1, access).await?.status == 200);
    let theft = agent
        .refresh(&field.client, text(&first, "refresh_token")?)
        .await?;
    ensure!(error_of(&theft, 400)? == "invalid_grant");
    let own = agent
        .refresh(&field.client, text(&newest, "refresh_token")?)
        .await?;
    ensure!(error_of(&own, 400)? == "invalid_grant");
    field.is_refused_soon(access).await
}

/// Must-hold 5; A13: a call with the successor's access token, at any node, ends what the token before is
/// good for; a minute later that one tells of theft.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_the_overlap_of_the_token_before() -> Result<()> {
    let field = Field::new().await?;
    let agent = field.agent();
    let first = field.connect().await?;
    let old = text(&first, "refresh_token")?;
    let answer = agent.refresh(&field.client, old).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let newest = answer.json()?;
    let access = text(&newest, "access_token")?;
    ensure!(field.call(1, access).await?.status == 200);
    let mut sql = field.people.cluster.database.connect().await?;
    let began = Instant::now();
    let used = "SELECT current_used_at IS NOT NULL FROM grants";
    while !sqlx::query_scalar::<_, bool>(used)
        .fetch_one(&mut sql)
        .await?
    {
        ensure!(began.elapsed() < Duration::from_secs(10), "nobody said so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Within the minute it gives the same; the minute is over when the row says so.
    let again = agent.refresh(&field.client, old).await?;
    ensure!(again.status == 200, "{}", again.text());
    sqlx::query("UPDATE grants SET rotated_at = rotated_at - interval '61 seconds'")
        .execute(&mut sql)
        .await?;
    let theft = agent.refresh(&field.client, old).await?;
    ensure!(error_of(&theft, 400)? == "invalid_grant");
    field.is_refused_soon(access).await
}

/// A15, A17, OA-18, RES-4: a token of another client, wider scopes, other resources; nothing rotates.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_gives_its_own_client_no_more_than_was_granted() -> Result<()> {
    let field = Field::new().await?;
    let agent = field.agent();
    let tokens = field.connect().await?;
    let refresh = text(&tokens, "refresh_token")?;
    let thief = agent
        .register_public("Thief", &["https://thief.example/cb"])
        .await?;
    let stolen = agent.refresh(&thief, refresh).await?;
    ensure!(error_of(&stolen, 400)? == "invalid_grant");
    for (name, value, error) in [
        ("scope", "mcp aldgate:admin", "invalid_scope"),
        ("resource", "https://other.example/mcp", "invalid_target"),
    ] {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("client_id", &field.client),
            (name, value),
        ];
        let answer = agent.program("/token", &fields).await?;
        ensure!(error_of(&answer, 400)? == error, "{}", answer.text());
    }
    let own = agent.refresh(&field.client, refresh).await?;
    ensure!(own.status == 200, "{}", own.text());
    Ok(())
}

/// A16, REV-1…3: revoking works for the token's own client, everywhere and within a second.
#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_client_revokes_a_token() -> Result<()> {
    let field = Field::new().await?;
    let agent = field.agent();
    let tokens = field.connect().await?;
    let (access, refresh) = (
        text(&tokens, "access_token")?,
        text(&tokens, "refresh_token")?,
    );
    let thief = agent
        .register_public("Thief", &["https://thief.example/cb"])
        .await?;
    for (client, token) in [
        (&thief, refresh),
        (&thief, access),
        (&field.client, "nonsense"),
    ] {
        let fields = [("token", token), ("client_id", client.as_str())];
        let answer = agent.program("/revoke", &fields).await?;
        ensure!(answer.status == 200, "{}", answer.text());
    }
    ensure!(field.call(0, access).await?.status == 200);
    let fields = [("token", refresh), ("client_id", field.client.as_str())];
    ensure!(agent.program("/revoke", &fields).await?.status == 200);
    field.is_refused_soon(access).await?;
    let dead = agent.refresh(&field.client, refresh).await?;
    ensure!(error_of(&dead, 400)? == "invalid_grant");
    Ok(())
}

impl Field {
    /// Both nodes refuse a token within a second of its revocation.
    pub(crate) async fn is_refused_soon(&self, token: &str) -> Result<()> {
        let began = Instant::now();
        for node in 0..self.people.cluster.gateways.len() {
            // An answer that is on its way when the revocation arrives is cut off.
            while !matches!(self.call(node, token).await, Ok(answer) if answer.status == 401) {
                ensure!(began.elapsed() < Duration::from_secs(1), "node {node}");
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}
