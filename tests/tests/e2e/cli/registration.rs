//! What can be said of a server when it is registered, and what of it reaches the server.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::cluster::Cluster;

use crate::calls::{Acme, tool_call};

/// S1-2, S1-3: name, description, path (the last segment), URL, tool list; `none` by default.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_registration_is_kept() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let cli = cluster.cli();
    cli.ok(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    let tools = r#"[{"name":"echo","inputSchema":{"type":"object"}}]"#;
    let create = [
        "server",
        "create",
        "my-protected-server",
        "--tenant",
        "acme",
        "--url",
        "http://127.0.0.1:9101/mcp?tools=all",
        "--display-name",
        "My protected server",
        "--description",
        "two\nlines",
        "--timeout",
        "90s",
        "--tool-list-json-file",
        "-",
    ];
    let created = cli.run_with(&create, tools).await?;
    ensure!(created.code == 0, "{created:?}");
    let get = [
        "server",
        "get",
        "my-protected-server",
        "--tenant",
        "acme",
        "-o",
        "json",
    ];
    let shown: Value = serde_json::from_str(&cli.ok(&get).await?)?;
    assert_eq!(shown["displayName"], "My protected server");
    assert_eq!(shown["description"], "two\nlines");
    assert_eq!(shown["url"], "http://127.0.0.1:9101/mcp?tools=all");
    assert_eq!(shown["timeout"], "90s");
    assert_eq!(shown["toolListJson"], tools);
    assert_eq!(shown["mcpUrl"], "http://acme.test/mcp/my-protected-server");
    assert_eq!(shown["credential"]["scheme"], "AUTH_SCHEME_NONE");
    assert_eq!(shown["credential"]["state"], "STATE_ABSENT");
    Ok(())
}

/// S1-3, S1-4, S1-5, S1-6 at registration (later changes are in `credentials`).
#[tokio::test(flavor = "multi_thread")]
async fn each_scheme_reaches_the_server_in_its_header() -> Result<()> {
    let acme = Acme::start(1, "the-credential").await?;
    let file = acme.secret_file("secret", "the-credential")?;
    let key = all_servers_key(&acme).await?;
    let value = ["--auth-credential-file", &file];
    for (slug, scheme, expected) in [
        ("none", vec!["--auth-scheme", "none"], None),
        (
            "bearer",
            [&["--auth-scheme", "bearer"], &value[..]].concat(),
            Some(("authorization", "Bearer the-credential")),
        ),
        (
            "key",
            [&["--auth-scheme", "api_key"], &value[..]].concat(),
            Some(("x-api-key", "the-credential")),
        ),
        (
            "named",
            [
                &["--auth-scheme", "api_key", "--auth-header-name", "X-Files"],
                &value[..],
            ]
            .concat(),
            Some(("x-files", "the-credential")),
        ),
    ] {
        let url = acme.demo.url();
        let create = ["server", "create", slug, "--tenant", "acme", "--url", &url];
        acme.cluster
            .aldgate(&[&create[..], &scheme, &["--wait"]].concat())
            .await?;
        let request = tool_call(&format!("/mcp/{slug}"), "echo", &json!({"text": "x"}));
        let gateway = acme.cluster.gateways[0].address();
        request.host(Acme::HOST).bearer(&key).send(gateway).await?;
        let received = acme.demo.received()?.pop().context("it was called")?;
        let credentials: Vec<_> = received
            .headers
            .iter()
            .filter(|(name, _)| ["authorization", "x-api-key", "x-files"].contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(credentials, Vec::from_iter(expected), "{slug}");
    }
    Ok(())
}

/// S1-13, S1-18: a new credential leaves the registration as it is and shows nothing of itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_set_without_registering_anew_and_never_printed() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let get = ["server", "get", "files", "--tenant", "acme"];
    let before: Value = cli.json(&get).await?;
    let set = [
        "server",
        "set-credential",
        "files",
        "--tenant",
        "acme",
        "--auth-scheme",
        "bearer",
        "--auth-credential-file",
        "-",
    ];
    for format in ["table", "yaml", "json"] {
        let args = [&set[..], &["-o", format]].concat();
        let printed = cli.run_with(&args, "CANARY-from-stdin\n").await?;
        ensure!(printed.code == 0, "{printed:?}");
        let all = printed.stdout + &printed.stderr;
        ensure!(!all.contains("CANARY"), "{all}");
    }
    let after: Value = cli.json(&get).await?;
    for same in ["uid", "name", "url", "createTime", "mcpUrl"] {
        assert_eq!(before[same], after[same]);
    }
    assert_eq!(before["credential"]["generation"], "1");
    assert_eq!(after["credential"]["generation"], "4");
    ensure!(before["credential"]["fingerprint"] != after["credential"]["fingerprint"]);
    Ok(())
}

async fn all_servers_key(acme: &Acme) -> Result<String> {
    let create = ["key", "create", "all", "--tenant", "acme", "--all-servers"];
    let created: Value = acme
        .cluster
        .cli()
        .json(&[&create[..], &["--lifespan", "7d"]].concat())
        .await?;
    Ok(created["key"].as_str().context("a key")?.to_owned())
}
