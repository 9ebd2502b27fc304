//! The shapes that the program prints. JSON and YAML are stable; the table is for people.

use anyhow::Result;
use tests::{cli::Cli, cluster::Cluster};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_a_shape_in_each_format() -> Result<()> {
    let cluster = filled().await?;
    let get = ["server", "get", "files", "--tenant", "acme"];
    insta::assert_snapshot!(printed(cluster.cli(), &get, "table").await?, @r"
    name            tenants/acme/servers/files
    uid             [uid]
    display name    -
    description     -
    url             http://127.0.0.1:9101/mcp
    mcp url         http://acme.test:8080/mcp/files
    timeout         -
    tool list       -
    authenticators  as the tenant says
    egress mode     shared
    credential      bearer in Authorization, active
    fingerprint     [fingerprint]
    credential set  [time]
    created         [time]
    updated         [time]
    etag            2
    revision        2
    ");
    insta::assert_snapshot!(printed(cluster.cli(), &get, "json").await?, @r#"
    {
      "name": "tenants/acme/servers/files",
      "uid": "[uid]",
      "displayName": "",
      "description": "",
      "url": "http://127.0.0.1:9101/mcp",
      "toolListJson": "",
      "credential": {
        "scheme": "AUTH_SCHEME_BEARER",
        "headerName": "Authorization",
        "state": "STATE_ACTIVE",
        "generation": "1",
        "fingerprint": "[fingerprint]",
        "updateTime": "[time]"
      },
      "createTime": "[time]",
      "updateTime": "[time]",
      "etag": "2",
      "revision": "2",
      "mcpUrl": "http://acme.test:8080/mcp/files",
      "egressMode": "EGRESS_MODE_SHARED"
    }
    "#);
    insta::assert_snapshot!(printed(cluster.cli(), &get, "yaml").await?, @r"
    name: tenants/acme/servers/files
    uid: [uid]
    displayName: ''
    description: ''
    url: http://127.0.0.1:9101/mcp
    toolListJson: ''
    credential:
      scheme: AUTH_SCHEME_BEARER
      headerName: Authorization
      state: STATE_ACTIVE
      generation: '1'
      fingerprint: [fingerprint]
      updateTime: [time]
    createTime: [time]
    updateTime: [time]
    etag: '2'
    revision: '2'
    mcpUrl: http://acme.test:8080/mcp/files
    egressMode: EGRESS_MODE_SHARED
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_a_shape_in_each_format() -> Result<()> {
    let cluster = filled().await?;
    let keys = ["key", "list", "--tenant", "acme"];
    insta::assert_snapshot!(printed(cluster.cli(), &keys, "table").await?, @r"
    NAME   SERVERS  SCOPES  STATE    EXPIRES  REVISION
    first  files    all     enabled  never    3
    ");
    insta::assert_snapshot!(printed(cluster.cli(), &keys, "json").await?, @r#"
    {
      "keys": [
        {
          "name": "tenants/acme/keys/first",
          "uid": "[uid]",
          "displayName": "",
          "allServers": false,
          "servers": [
            "tenants/acme/servers/files"
          ],
          "disabled": false,
          "createTime": "[time]",
          "updateTime": "[time]",
          "etag": "3",
          "revision": "3",
          "scopes": [],
          "primary": false
        }
      ]
    }
    "#);
    insta::assert_snapshot!(printed(cluster.cli(), &keys, "yaml").await?, @r"
    keys:
    - name: tenants/acme/keys/first
      uid: [uid]
      displayName: ''
      allServers: false
      servers:
      - tenants/acme/servers/files
      disabled: false
      createTime: [time]
      updateTime: [time]
      etag: '3'
      revision: '3'
      scopes: []
      primary: false
    ");
    let servers = ["server", "list", "--tenant", "acme"];
    insta::assert_snapshot!(printed(cluster.cli(), &servers, "table").await?, @r"
    NAME   URL                        CREDENTIAL                       MCP URL                          REVISION
    files  http://127.0.0.1:9101/mcp  bearer in Authorization, active  http://acme.test:8080/mcp/files  2
    ");
    insta::assert_snapshot!(printed(cluster.cli(), &["tenant", "list"], "table").await?, @r"
    NAME  HOST                   ALIAS HOSTS  DISPLAY NAME  REVISION
    acme  http://acme.test:8080  -            -             1
    ");
    insta::assert_snapshot!(printed(cluster.cli(), &["tenant", "list"], "json").await?, @r#"
    {
      "tenants": [
        {
          "name": "tenants/acme",
          "uid": "[uid]",
          "displayName": "",
          "host": "http://acme.test:8080",
          "aliasHosts": [],
          "allowedOrigins": [],
          "createTime": "[time]",
          "updateTime": "[time]",
          "etag": "1",
          "revision": "1"
        }
      ]
    }
    "#);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_says_who_did_what() -> Result<()> {
    let cluster = filled().await?;
    let first = ["revision", "get", "1"];
    insta::assert_snapshot!(printed(cluster.cli(), &first, "json").await?, @r#"
    {
      "name": "revisions/1",
      "number": "1",
      "epoch": "[epoch]",
      "createTime": "[time]",
      "actor": "tokens/[uid]",
      "action": "tenants.create",
      "resources": [
        "tenants/acme"
      ]
    }
    "#);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_prints_what_a_script_needs_next() -> Result<()> {
    let cluster = filled().await?;
    let create = [
        "key",
        "create",
        "ci",
        "--tenant",
        "acme",
        "--server",
        "files",
        "--lifespan",
    ];
    let seven = [&create[..], &["7d"]].concat();
    insta::assert_snapshot!(printed(cluster.cli(), &seven, "json").await?, @r#"
    {
      "key": "[secret]",
      "name": "tenants/acme/keys/ci",
      "expire_time": "[time]",
      "revision": "4"
    }
    "#);
    let delete = ["key", "delete", "ci", "--tenant", "acme"];
    insta::assert_snapshot!(printed(cluster.cli(), &delete, "json").await?, @r#"
    {
      "name": "tenants/acme/keys/ci",
      "revision": "5"
    }
    "#);
    let permanent = [&create[..], &["permanent"]].concat();
    insta::assert_snapshot!(printed(cluster.cli(), &permanent, "yaml").await?, @r"
    key: [secret]
    name: tenants/acme/keys/ci
    expire_time: null
    revision: '6'
    ");
    let delete = ["server", "delete", "files", "--tenant", "acme"];
    insta::assert_snapshot!(printed(cluster.cli(), &delete, "table").await?, @"deleted tenants/acme/servers/files (revision 7)");
    let token = ["token", "create", "--role", "viewer", "--tenant", "acme"];
    insta::assert_snapshot!(printed(cluster.cli(), &token, "json").await?, @r#"
    {
      "token": "[secret]",
      "name": "tokens/[uid]",
      "tenant": "tenants/acme"
    }
    "#);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_the_cluster_has_a_shape() -> Result<()> {
    let cluster = Cluster::builder().gateways(1).start().await?;
    let create = ["tenant", "create", "acme", "--host", "acme.test", "--wait"];
    cluster.aldgate(&create).await?;
    insta::assert_snapshot!(printed(cluster.cli(), &["status"], "table").await?, @r"
    revision 1, 1 of 1 nodes connected, 0 rejects
      gateway-1 connected, runs revision 1
    ");
    insta::assert_snapshot!(printed(cluster.cli(), &["status"], "json").await?, @r#"
    {
      "head": {
        "name": "revisions/1",
        "number": "1",
        "epoch": "[epoch]",
        "createTime": "[time]",
        "actor": "tokens/[uid]",
        "action": "tenants.create",
        "resources": [
          "tenants/acme"
        ]
      },
      "nodes": [
        {
          "name": "nodes/gateway-1",
          "pool": "local",
          "state": "STATE_CONNECTED",
          "appliedRevision": "1",
          "rejects": [],
          "connectTime": "[time]",
          "lastSeenTime": "[time]",
          "version": "[version]"
        }
      ]
    }
    "#);
    let wait = ["wait", "--revision", "1"];
    insta::assert_snapshot!(printed(cluster.cli(), &wait, "json").await?, @r#"
    {
      "revision": "1",
      "nodes": [
        {
          "node": "nodes/gateway-1",
          "state": "STATE_APPLIED",
          "appliedRevision": "1",
          "rejects": []
        }
      ]
    }
    "#);
    insta::assert_snapshot!(printed(cluster.cli(), &wait, "table").await?, @r"
    revision  1
    node      gateway-1 applied (runs revision 1)
    ");
    Ok(())
}

/// One tenant, one server with a credential, one permanent key; no node.
async fn filled() -> Result<Cluster> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let cli = cluster.cli();
    cli.ok(&["tenant", "create", "acme", "--host", "acme.test:8080"])
        .await?;
    let create = [
        "server",
        "create",
        "files",
        "--tenant",
        "acme",
        "--url",
        "http://127.0.0.1:9101/mcp",
        "--auth-scheme",
        "bearer",
        "--auth-credential-file",
        "-",
        "--no-primary-key",
    ];
    cli.run_with(&create, "the-credential").await?;
    let create = [
        "key", "create", "first", "--tenant", "acme", "--server", "files",
    ];
    cli.ok(&[&create[..], &["--lifespan", "permanent"]].concat())
        .await?;
    Ok(cluster)
}

/// What is printed, without what differs from run to run.
async fn printed(cli: &Cli, args: &[&str], format: &str) -> Result<String> {
    let text = cli.ok(&[args, &["-o", format]].concat()).await?;
    let lines = text
        .lines()
        .map(|line| redacted(line).trim_end().to_owned());
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn redacted(line: &str) -> String {
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || "-:._".contains(c);
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(of_a_word) {
        let (before, after) = rest.split_at(start);
        let end = after.find(|c| !of_a_word(c)).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        out.push_str(before);
        out.push_str(kind_of(word).unwrap_or(word));
        rest = after;
    }
    // YAML quotes a fingerprint that happens to look like a number.
    (out + rest).replace("'[fingerprint]'", "[fingerprint]")
}

fn kind_of(word: &str) -> Option<&'static str> {
    if word.len() == 36 && uuid::Uuid::try_parse(word).is_ok() {
        return Some("[uid]");
    }
    if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some("[fingerprint]");
    }
    if word.len() >= 20 && word.starts_with("20") && word.ends_with('Z') {
        return Some("[time]");
    }
    if word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("[epoch]");
    }
    if word == env!("CARGO_PKG_VERSION") {
        return Some("[version]");
    }
    let secret = word.starts_with("mcp_sk_") || word.starts_with("aldp_");
    secret.then_some("[secret]")
}
