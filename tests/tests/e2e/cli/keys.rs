//! An API key's life: how long it lives, what it opens, and that it is shown once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::calls::{Acme, tool_call};

/// S0-8.
#[tokio::test(flavor = "multi_thread")]
async fn a_lifespan_decides_when_the_key_expires() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    for (lifespan, days) in [
        ("7d", Some(7)),
        ("15d", Some(15)),
        ("30d", Some(30)),
        ("permanent", None),
    ] {
        let name = format!("k{lifespan}");
        let create = ["key", "create", &name, "--tenant", "acme", "--all-servers"];
        let created: Value = cli
            .json(&[&create[..], &["--lifespan", lifespan]].concat())
            .await?;
        let shown: Value = cli.json(&["key", "get", &name, "--tenant", "acme"]).await?;
        assert_eq!(
            created["expire_time"], shown["expireTime"],
            "{created} {shown}"
        );
        let lives = match shown["expireTime"].as_str() {
            None => None,
            Some(expire_time) => Some(at(expire_time)? - at(text(&shown, "createTime")?)?),
        };
        assert_eq!(lives, days.map(time::Duration::days), "{lifespan}");
    }
    let refused = ["key", "create", "x", "--tenant", "acme", "--all-servers"];
    let refused = cli
        .run(&[&refused[..], &["--lifespan", "8d"]].concat())
        .await?;
    ensure!(refused.code == 2, "{refused:?}");
    ensure!(refused.stderr.contains("--lifespan"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    ensure!(acme.key.starts_with("mcp_sk_"), "creation showed it");
    for format in ["table", "json", "yaml"] {
        for verb in [
            &["key", "get", "files"][..],
            &["key", "list"],
            &["key", "update", "files", "--display-name", "x"],
        ] {
            let printed = cli
                .run(&[verb, &["--tenant", "acme", "-o", format]].concat())
                .await?;
            ensure!(printed.code == 0, "{printed:?}");
            let all = printed.stdout + &printed.stderr;
            ensure!(
                all.contains("files") && !all.contains("mcp_sk_"),
                "{verb:?}: {all}"
            );
        }
    }
    Ok(())
}

/// S2-3, S2-6: the primary key is shown with its server, once, and opens it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_comes_with_a_primary_key() -> Result<()> {
    let acme = Acme::start(1, "the-credential").await?;
    let cli = acme.cluster.cli();
    let url = acme.demo.url();
    let file = acme.secret_file("secret", "the-credential")?;
    let with = [
        "--url",
        &url,
        "--auth-scheme",
        "bearer",
        "--auth-credential-file",
        &file,
        "--wait",
    ];
    let create = |name| [&["server", "create", name, "--tenant", "acme"][..], &with].concat();
    let created: Value = cli.json(&create("second")).await?;
    assert_eq!(created["name"], "tenants/acme/servers/second");
    assert_eq!(created["primaryKey"]["primary"], json!(true));
    let secret = text(&created, "primaryKeySecret")?;
    let call = tool_call("/mcp/second", "echo", &json!({"text": "x"}));
    let gateway = acme.cluster.gateways[0].address();
    let answer = call.host(Acme::HOST).bearer(secret).send(gateway).await?;
    assert_eq!(answer.status, 200);

    let table = cli.ok(&create("third")).await?;
    assert_eq!(table.matches("mcp_sk_").count(), 1, "{table}");
    let without = [&create("fourth")[..], &["--no-primary-key"]].concat();
    let without: Value = cli.json(&without).await?;
    ensure!(without.get("primaryKey").is_none(), "{without}");
    Ok(())
}

/// S2-4, S2-7.
#[tokio::test(flavor = "multi_thread")]
async fn scopes_are_given_changed_and_taken_away() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let create = [
        "key",
        "create",
        "ci",
        "--tenant",
        "acme",
        "--server",
        "files",
        "--lifespan",
        "7d",
    ];
    cli.ok(&[&create[..], &["--scope", "files:read"]].concat())
        .await?;
    let get = ["key", "get", "ci", "--tenant", "acme"];
    let shown: Value = cli.json(&get).await?;
    assert_eq!(shown["scopes"], json!(["files:read"]));
    let update = ["key", "update", "ci", "--tenant", "acme"];
    for (flags, scopes) in [
        (
            &["--scope", "*:read", "--scope", "files:write"][..],
            json!(["*:read", "files:write"]),
        ),
        (&["--all-scopes"], json!([])),
    ] {
        let changed: Value = cli.json(&[&update[..], flags].concat()).await?;
        assert_eq!(changed["scopes"], scopes);
    }
    let wrong = cli
        .run(&[&update[..], &["--scope", "files"]].concat())
        .await?;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    ensure!(wrong.stderr.contains("--scope"), "{wrong:?}");
    Ok(())
}

/// S2-8: the new secret works at once, the one before for as long as was said.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_has_a_new_secret_and_perhaps_the_old_one_for_a_while() -> Result<()> {
    let mut acme = Acme::start(1, "the-credential").await?;
    let cli = acme.cluster.cli().clone();
    let rotate = ["key", "rotate", "files", "--tenant", "acme", "--wait"];
    for (overlap, old) in [(&["--overlap", "24h"][..], 200), (&[], 401)] {
        let rotated: Value = cli.json(&[&rotate[..], overlap].concat()).await?;
        assert_eq!(rotated["name"], "tenants/acme/keys/files");
        assert_eq!(statuses(&acme, "files").await?, [old], "{overlap:?}");
        acme.key = text(&rotated, "key")?.to_owned();
        assert_eq!(statuses(&acme, "files").await?, [200], "{overlap:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_key_is_refused_and_can_be_enabled_again() -> Result<()> {
    let acme = Acme::start(2, "the-credential").await?;
    let update = ["key", "update", "files", "--tenant", "acme", "--wait"];
    for (flag, status) in [("--disable", 401), ("--enable", 200), ("--disable", 401)] {
        acme.cluster
            .aldgate(&[&update[..], &[flag]].concat())
            .await?;
        assert_eq!(statuses(&acme, "files").await?, [status; 2], "{flag}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_refused() -> Result<()> {
    let acme = Acme::start(2, "the-credential").await?;
    assert_eq!(statuses(&acme, "files").await?, [200; 2]);
    acme.cluster
        .aldgate(&["key", "delete", "files", "--tenant", "acme", "--wait"])
        .await?;
    assert_eq!(statuses(&acme, "files").await?, [401; 2]);
    Ok(())
}

/// The shortest lifespan is a week, so the row is given another one behind the API's back. Nothing
/// tells the nodes when the moment comes: they look at the clock.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_refused_from_its_moment_on() -> Result<()> {
    let acme = Acme::start(2, "the-credential").await?;
    let mut database = acme.cluster.database.connect().await?;
    sqlx::query("UPDATE api_keys SET expires_at = now() + interval '3 seconds'")
        .execute(&mut database)
        .await?;
    let update = ["key", "update", "files", "--tenant", "acme", "--wait"];
    acme.cluster
        .aldgate(&[&update[..], &["--display-name", "short"]].concat())
        .await?;
    assert_eq!(statuses(&acme, "files").await?, [200; 2], "not yet");
    let deadline = Instant::now() + Duration::from_secs(20);
    while statuses(&acme, "files").await? != [401; 2] {
        ensure!(Instant::now() < deadline, "it never expired");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_key_opens_what_it_names_and_nothing_else() -> Result<()> {
    let acme = Acme::start(2, "the-credential").await?;
    let credential = acme.secret_file("other", "the-credential")?;
    let url = acme.demo.url();
    let create = [
        "server", "create", "other", "--tenant", "acme", "--url", &url,
    ];
    let with = [
        "--auth-scheme",
        "bearer",
        "--auth-credential-file",
        &credential,
    ];
    acme.cluster
        .aldgate(&[&create[..], &with, &["--wait"]].concat())
        .await?;
    let update = ["key", "update", "files", "--tenant", "acme", "--wait"];
    for (opens, files, other) in [
        (&[][..], 200, 404),
        (&["--server", "other"], 404, 200),
        (&["--server", "other", "--server", "files"], 200, 200),
        (&["--server", "files"], 200, 404),
        (&["--all-servers"], 200, 200),
    ] {
        if !opens.is_empty() {
            acme.cluster.aldgate(&[&update[..], opens].concat()).await?;
        }
        assert_eq!(statuses(&acme, "files").await?, [files; 2], "{opens:?}");
        assert_eq!(statuses(&acme, "other").await?, [other; 2], "{opens:?}");
    }
    // The last server that a key names goes: the key opens nothing, rather than everything.
    acme.cluster
        .aldgate(&[&update[..], &["--server", "other"]].concat())
        .await?;
    acme.cluster
        .aldgate(&["server", "delete", "other", "--tenant", "acme", "--wait"])
        .await?;
    assert_eq!(statuses(&acme, "files").await?, [404; 2]);
    Ok(())
}

/// What a call with the key gets from each node.
async fn statuses(acme: &Acme, server: &str) -> Result<Vec<u16>> {
    let mut statuses = Vec::new();
    for gateway in &acme.cluster.gateways {
        let request = tool_call(&format!("/mcp/{server}"), "echo", &json!({"text": "x"}));
        statuses.push(acme.send(gateway, request).await?.status.as_u16());
    }
    Ok(statuses)
}

fn at(time: &str) -> Result<OffsetDateTime> {
    Ok(OffsetDateTime::parse(time, &Rfc3339)?)
}

fn text<'a>(json: &'a Value, member: &str) -> Result<&'a str> {
    json[member]
        .as_str()
        .with_context(|| format!("{member} in {json}"))
}
