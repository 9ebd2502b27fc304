//! The program `aldgate` as people and scripts use it: the documented lines in their order, and
//! `--wait` on every verb that changes config. What single calls do to a credential is in
//! `credentials`.

mod acl;
mod exits;
mod files;
mod keys;
mod oauth;
mod output;
mod prompts;
mod registration;
mod static_tokens;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    cli::{Cli, Output},
    cluster::Cluster,
    demo::Demo,
    gateway::Gateway,
    http::Response,
    scratch::write_private,
};
use url::Url;

use crate::calls::{text_of, tool_call};

/// S0-17 … S0-20, S1-1, S1-4, S1-6, S1-13, S1-15.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_lines_work_as_they_are_written() -> Result<()> {
    let cluster = Cluster::builder().gateways(2).start().await?;
    let first = Demo::start(&cluster.logs(), "first", "credential-1", 0).await?;
    let second = Demo::start(&cluster.logs(), "second", "credential-2", 0).await?;
    let file = |name: &str| cluster.scratch().path().join(name).display().to_string();
    write_private(file("credential").as_ref(), "credential-1\n")?;
    let shell = Shell {
        cli: cluster.cli(),
        stands_for: vec![
            ("http://127.0.0.1:9101/mcp", first.url()),
            ("http://127.0.0.1:9102/mcp", second.url()),
            ("F", file("credential")),
            ("K", file("key")),
        ],
    };

    shell
        .done("aldgate tenant create acme --host acme.test:8080", "")
        .await?;
    shell
        .done(
            "aldgate server create files --tenant acme --url http://127.0.0.1:9101/mcp --auth-scheme bearer --auth-credential-file F",
            "",
        )
        .await?;
    shell
        .done(
            "aldgate server set-credential files --tenant acme --auth-scheme api_key --auth-header-name X-Api-Key --auth-credential-file -",
            "credential-1\n",
        )
        .await?;
    let update = shell
        .done(
            "aldgate server update files --tenant acme --url http://127.0.0.1:9102/mcp",
            "",
        )
        .await?;
    ensure!(
        update.stderr.contains("--auth-header-name X-Api-Key"),
        "how to mend a detached credential: {}",
        update.stderr
    );
    let created = shell
        .done(
            "aldgate key create ci --tenant acme --server files --lifespan 7d -o json",
            "",
        )
        .await?;
    keep_key(&created.stdout, file("key").as_ref())?;
    let config = shell
        .done(
            "aldgate client-config --tenant acme --server files --key-file K",
            "",
        )
        .await?;
    let config: Value = serde_json::from_str(&config.stdout)?;

    // The credential was set for the first origin, so it is set anew for the second.
    let set = shell
        .done(
            "aldgate server set-credential files --tenant acme --auth-scheme bearer --auth-credential-file - -o json",
            "credential-2",
        )
        .await?;
    let set: Value = serde_json::from_str(&set.stdout)?;
    let revision = set["revision"].as_str().context("a revision")?;
    let wait = format!("aldgate wait --revision {revision} --timeout 10s");
    let waited = shell.done(&wait, "").await?;
    ensure!(
        waited.stdout.matches(" applied ").count() == 2,
        "{}",
        waited.stdout
    );

    let entry = entry_of(&config, set["uid"].as_str().context("a uid")?)?;
    assert_eq!(entry["url"], "http://acme.test:8080/mcp/files");
    for gateway in &cluster.gateways {
        let answer = call_as_configured(gateway, entry).await?;
        ensure!(text_of(&answer)? == "pasted", "{}", answer.text());
    }
    ensure!(
        first.received()?.is_empty(),
        "its URL changed before a call"
    );
    Ok(())
}

/// Must hold 5: the change is live on both nodes when the program returns, and it says so.
#[tokio::test(flavor = "multi_thread")]
async fn every_verb_that_changes_config_can_wait_until_it_is_live() -> Result<()> {
    let cluster = Cluster::builder().gateways(2).start().await?;
    let shell = Shell {
        cli: cluster.cli(),
        stands_for: vec![],
    };
    for line in [
        "aldgate tenant create acme --host acme.test",
        "aldgate tenant update acme --display-name Acme",
        "aldgate server create files --tenant acme --url http://127.0.0.1:9/mcp",
        "aldgate server update files --tenant acme --description x",
        "aldgate server set-credential files --tenant acme --auth-scheme bearer --auth-credential-file -",
        "aldgate key create ci --tenant acme --all-servers --lifespan 7d",
        "aldgate key update ci --tenant acme --disable",
        "aldgate key rotate ci --tenant acme",
        "aldgate static-token create s --tenant acme --server files --type bearer --generate --lifespan 7d",
        "aldgate static-token update s --tenant acme --disable",
        "aldgate static-token delete s --tenant acme",
        "aldgate tenant authenticators set acme --file -",
        "aldgate tenant authenticators reset acme",
        "aldgate acl set --tenant acme --file -",
        "aldgate acl remove --tenant acme",
        "aldgate limits set --tenant acme --limit tenant=100/s",
        "aldgate limits reset --tenant acme",
        "aldgate key delete ci --tenant acme",
        "aldgate server delete files --tenant acme",
        "aldgate tenant delete acme",
    ] {
        // A credential, and a document without anything in it.
        let done = shell.done(&format!("{line} --wait"), "{}").await?;
        ensure!(
            done.stderr.contains("is live on 2 nodes"),
            "{line}: {}",
            done.stderr
        );
    }
    let status = cluster.cli().json::<Value>(&["status"]).await?;
    assert_eq!(status["head"]["number"], "20");
    for node in status["nodes"].as_array().context("nodes")? {
        assert_eq!(
            (&node["appliedRevision"], &node["state"]),
            (&json!("20"), &json!("STATE_CONNECTED"))
        );
    }
    let waited = cluster
        .cli()
        .json::<Value>(&["wait", "--revision", "20", "--timeout", "10s"])
        .await?;
    let nodes: Vec<_> = waited["nodes"]
        .as_array()
        .context("nodes")?
        .iter()
        .map(|node| (node["node"].as_str(), node["state"].as_str()))
        .collect();
    let applied = Some("STATE_APPLIED");
    assert_eq!(
        nodes,
        [
            (Some("nodes/gateway-1"), applied),
            (Some("nodes/gateway-2"), applied)
        ]
    );
    Ok(())
}

/// Runs lines as the documentation writes them.
struct Shell<'a> {
    cli: &'a Cli,
    /// Words that stand for something else here: ports and files are our own.
    stands_for: Vec<(&'static str, String)>,
}

impl Shell<'_> {
    /// Runs a line and expects success.
    async fn done(&self, line: &str, stdin: &str) -> Result<Output> {
        let mut words = line.split(' ');
        ensure!(words.next() == Some("aldgate"), "{line}");
        let meant = |word| {
            let found = self.stands_for.iter().find(|(name, _)| *name == word);
            found.map_or(word, |(_, meaning)| meaning.as_str())
        };
        let args: Vec<&str> = words.map(meant).collect();
        let output = self.cli.run_with(&args, stdin).await?;
        ensure!(output.code == 0, "{line}: {output:?}");
        Ok(output)
    }
}

/// Puts a new key where `client-config` reads it.
fn keep_key(printed: &str, path: &Path) -> Result<()> {
    let created: Value = serde_json::from_str(printed)?;
    assert_eq!(created["name"], "tenants/acme/keys/ci");
    ensure!(created["expire_time"].is_string(), "{created}");
    write_private(path, created["key"].as_str().context("a key")?)
}

/// The one entry of a client's configuration, checked for its shape.
fn entry_of<'a>(config: &'a Value, uid: &str) -> Result<&'a Value> {
    let servers = config["mcpServers"].as_object().context("an object")?;
    let names: Vec<_> = servers.keys().collect();
    assert_eq!(names, [&format!("mcp-{}", &uid[..8])]);
    let entry = servers.values().next().context("an entry")?;
    let headers: Vec<_> = entry["headers"]
        .as_object()
        .context("headers")?
        .keys()
        .collect();
    assert_eq!(headers, ["Authorization"], "only the main token's header");
    Ok(entry)
}

/// What a client with this entry gets from a node when it calls `echo`.
async fn call_as_configured(gateway: &Gateway, entry: &Value) -> Result<Response> {
    let url: Url = entry["url"].as_str().context("a URL")?.parse()?;
    let mut request =
        tool_call(url.path(), "echo", &json!({"text": "pasted"})).host(url.authority());
    for (name, value) in entry["headers"].as_object().context("headers")? {
        request = request.header(name, value.as_str().context("text")?);
    }
    request.send(gateway.address()).await
}
