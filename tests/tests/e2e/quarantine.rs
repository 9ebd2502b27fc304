//! One bad resource stays alone: its previous version serves on, it is visible per node, and nothing
//! else notices (must hold 7; F-49). The rows are damaged behind the API's back, as a bug would.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::calls::{Acme, tool_call};

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_server_row_is_refused_alone() -> Result<()> {
    damaged(
        "UPDATE servers SET url = 'nonsense' WHERE slug = 'files'",
        "INVALID_FIELD",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_scheme_is_refused_alone() -> Result<()> {
    damaged(
        "UPDATE servers SET auth_scheme = 'quantum' WHERE slug = 'files'",
        "UNKNOWN_ENUM",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecryptable_credential_is_refused_alone() -> Result<()> {
    damaged(
        "WITH bumped AS (UPDATE servers SET auth_generation = auth_generation + 1,
             lease_generation = lease_generation + 1 WHERE slug = 'files')
         UPDATE credentials c SET generation = c.generation + 1,
             sealed = set_byte(c.sealed, length(c.sealed) - 1, get_byte(c.sealed, length(c.sealed) - 1) # 1)
         FROM servers s WHERE s.server_id = c.server_id AND s.slug = 'files'",
        "CREDENTIAL_UNREADABLE",
    )
    .await
}

/// Damages the server `files`, and expects its previous version to serve, a fresh node to answer 503,
/// and a healthy sibling to be unaffected on both.
async fn damaged(statement: &'static str, reason: &str) -> Result<()> {
    let mut acme = with_sibling().await?;
    acme.echo(&acme.cluster.gateways[0], "healthy").await?;

    let revision = behind_the_api(&acme, statement).await?.to_string();
    let wait = acme
        .cluster
        .cli()
        .run(&["wait", "--revision", &revision, "--timeout", "10s"])
        .await?;
    ensure!(wait.code == 1, "a reject ends the wait: {wait:?}");
    ensure!(
        wait.stderr.contains(reason) && wait.stderr.contains("servers/files"),
        "{}",
        wait.stderr
    );
    let nodes = acme
        .cluster
        .aldgate(&["node", "list", "-o", "json"])
        .await?;
    ensure!(
        nodes.matches(reason).count() == 2 && nodes.contains("tenants/acme/servers/files"),
        "{nodes}"
    );

    acme.echo(&acme.cluster.gateways[0], "the previous version")
        .await?;
    acme.cluster.gateways[1].restart().await?;
    let fresh = &acme.cluster.gateways[1];
    let answer = acme
        .send(fresh, tool_call(Acme::PATH, "echo", &json!({"text": "x"})))
        .await?;
    ensure!(
        answer.status == 503,
        "a node without a previous version: {} {}",
        answer.status,
        answer.text()
    );

    for gateway in &acme.cluster.gateways {
        let sibling = tool_call("/mcp/sibling", "echo", &json!({"text": "alive"}));
        let answer = acme.send(gateway, sibling).await?;
        ensure!(
            answer.status == 200 && answer.text().contains("alive"),
            "{} {}",
            answer.status,
            answer.text()
        );
    }
    // A later change elsewhere is live everywhere: the bad one holds nothing up.
    acme.cluster
        .aldgate(&[
            "server",
            "update",
            "sibling",
            "--tenant",
            "acme",
            "--description",
            "x",
            "--wait",
        ])
        .await?;
    Ok(())
}

/// Two nodes, a second server beside `files`, and a key that opens both.
async fn with_sibling() -> Result<Acme> {
    let acme = Acme::start(2, "the-credential").await?;
    let (file, url) = (
        acme.secret_file("sibling", "the-credential")?,
        acme.demo.url(),
    );
    for line in [
        format!(
            "server create sibling --tenant acme --url {url} --auth-scheme bearer --auth-credential-file {file}"
        ),
        "key update files --tenant acme --all-servers --wait".to_owned(),
    ] {
        let words: Vec<_> = line.split_whitespace().collect();
        acme.cluster.aldgate(&words).await?;
    }
    Ok(acme)
}

/// Runs a statement as the superuser and numbers it as a revision of the server `files`.
async fn behind_the_api(acme: &Acme, statement: &'static str) -> Result<i64> {
    let mut database = acme.cluster.database.connect().await?;
    let mut change = sqlx::Connection::begin(&mut database).await?;
    let touched = sqlx::query(statement).execute(&mut *change).await?;
    ensure!(touched.rows_affected() == 1);
    let (revision,): (i64,) =
        sqlx::query_as("UPDATE config_head SET revision = revision + 1 RETURNING revision")
            .fetch_one(&mut *change)
            .await
            .context("the revision row")?;
    for statement in [
        sqlx::query(
            "INSERT INTO change_log (epoch, revision, ordinal, kind, tenant_id, resource_id, resource, op)
             SELECT h.epoch, h.revision, 0, 'server', s.tenant_id, s.server_id, 'tenants/acme/servers/files', 'upsert'
             FROM config_head h, servers s WHERE s.slug = 'files'",
        ),
        sqlx::query("UPDATE servers SET revision = (SELECT revision FROM config_head) WHERE slug = 'files'"),
        sqlx::query("SELECT pg_notify('config', '')"),
    ] {
        statement.execute(&mut *change).await?;
    }
    change.commit().await?;
    Ok(revision)
}
