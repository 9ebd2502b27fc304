//! Rows of the attack catalogue (`security.md` §3) that only whole processes can show: what their
//! settings, their environment, their ops doors and their files do.

use std::{collections::BTreeSet, net::SocketAddr, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{
    cluster::Cluster,
    http::{Request, Response},
    upstream::Upstream,
};

use crate::calls::{Acme, tool_call};

/// SS-17: what is named as our own is refused in an allowed network, at registration by address and
/// by name, and by the gateway whatever was registered.
#[tokio::test(flavor = "multi_thread")]
async fn the_own_cluster_is_no_server_although_its_network_is_allowed() -> Result<()> {
    let (own, grpc) = (Upstream::start().await?, free_address()?);
    let denied = format!("{},{grpc}", own.address());
    let cluster = Cluster::builder()
        .gateways(1)
        .grpc_address(grpc)
        .controller_setting("ALDGATE_DENIED_ADDRESSES", &grpc.to_string())
        .gateway_setting("ALDGATE_DENIED_ADDRESSES", &denied)
        .start()
        .await?;
    // The positive twin: another server of the same network.
    let acme = Acme::on(cluster, "the-credential").await?;
    let gateway = &acme.cluster.gateways[0];
    acme.echo(gateway, "before").await?;

    let register = ["server", "create", "own", "--tenant", "acme", "--url"];
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("http://{host}:{}/mcp", grpc.port());
        let args = [&register[..], &[&url]].concat();
        let refused = acme.cluster.cli().run(&args).await?;
        ensure!(
            refused.code == 2 && refused.stderr.contains("--url"),
            "{host}: {refused:?}"
        );
    }
    acme.cluster
        .aldgate(&[&register[..], &[&own.url(), "--wait"]].concat())
        .await?;
    let answer = call(&acme, &key_for_all(&acme).await?, "/mcp/own").await?;
    ensure!(answer.status == 502, "{}", answer.status);
    ensure!(answer.json()?["error"]["code"] == -32603);
    ensure!(own.connections() == 0, "it was dialled");
    acme.echo(gateway, "after").await
}

/// SS-19: the environment names no way out of our own.
#[tokio::test(flavor = "multi_thread")]
async fn proxy_variables_of_the_environment_are_ignored() -> Result<()> {
    let proxy = Upstream::start().await?;
    let url = format!("http://{}", proxy.address());
    let mut builder = Cluster::builder().gateways(1);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        builder = builder
            .controller_setting(name, &url)
            .gateway_setting(name, &url);
    }
    let acme = Acme::on(builder.start().await?, "the-credential").await?;
    let environ = std::fs::read(format!("/proc/{}/environ", acme.cluster.gateways[0].pid()));
    if let Ok(environ) = environ {
        let shown = String::from_utf8_lossy(&environ).contains(&url);
        ensure!(shown, "the gateway has the variables");
    }
    acme.echo(&acme.cluster.gateways[0], "straight").await?;
    ensure!(proxy.connections() == 0, "somebody asked the proxy");
    Ok(())
}

/// HN-19: by the name of a tenant a gateway cannot be registered as its own server; by its address it
/// is an unknown host, so the loop ends after one hop.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_in_front_of_itself_answers_after_one_hop() -> Result<()> {
    let mut acme = Acme::start(1, "the-credential").await?;
    let gateway = &acme.cluster.gateways[0];
    acme.echo(gateway, "before").await?;
    let register = ["server", "create", "loop", "--tenant", "acme", "--url"];
    for origin in [
        format!("http://{}", Acme::HOST),
        "http://ACME.test:80".into(),
    ] {
        let url = format!("{origin}/mcp/files");
        let args = [&register[..], &[&url]].concat();
        let refused = acme.cluster.cli().run(&args).await?;
        ensure!(
            refused.code == 2 && refused.stderr.contains("--url"),
            "{url}: {refused:?}"
        );
    }
    let key = key_for_all(&acme).await?;
    let file = acme.secret_file("own-key", &key)?;
    let url = format!("http://{}/mcp/loop", gateway.address());
    let credential = ["--auth-scheme", "bearer", "--auth-credential-file", &file];
    let args = [&register[..], &[&url], &credential, &["--wait"]].concat();
    acme.cluster.aldgate(&args).await?;

    let answer = call(&acme, &key, "/mcp/loop").await?;
    ensure!(answer.status == 502, "{}", answer.status);
    ensure!(answer.json()?["error"]["code"] == -32603);
    acme.echo(gateway, "after").await?;
    acme.cluster.stop().await?;
    let log = acme.cluster.gateways[0].log();
    let hops = log.matches(r#""status":421"#).count();
    ensure!(hops == 1, "{hops} hops");
    Ok(())
}

/// CL-08: labels are few and ours; no tenant, key, server, tool or path is one, whoever called what.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_labelled_with_our_own_words_alone() -> Result<()> {
    let acme = Acme::start(1, "CANARY-credential").await?;
    let gateway = &acme.cluster.gateways[0];
    acme.echo(gateway, "counted").await?;
    for path in ["/mcp/CANARY", "/mcp/files?token=CANARY", "/mcp/files"] {
        let request = tool_call(path, "CANARY-tool", &json!({"text": "x"}));
        acme.send(gateway, request).await?;
    }
    let refused = tool_call(Acme::PATH, "echo", &json!({}))
        .host("CANARY.test")
        .bearer("CANARY-key");
    refused.send(gateway.address()).await?;

    let of_controller = Request::get("/metrics")
        .send(acme.cluster.controller.ports().ops)
        .await?
        .text();
    let mut names = BTreeSet::new();
    for (process, text) in [
        ("gateway", gateway.metrics().await?),
        ("controller", of_controller),
    ] {
        ensure!(text.contains("aldgate_"), "{process}: {text}");
        ensure!(!text.to_lowercase().contains("canary"), "{process}");
        for (name, value) in labels(&text) {
            let ours = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-/".contains(&byte);
            ensure!(
                value.len() <= 64 && (value.bytes().all(ours) || value == "+Inf"),
                "{process}: {name}={value}"
            );
            for foreign in ["acme", "files", "mcp_sk", "echo"] {
                ensure!(!value.contains(foreign), "{process}: {name}={value}");
            }
            names.insert(name.to_owned());
        }
    }
    for foreign in [
        "tenant",
        "server",
        "key",
        "principal",
        "path",
        "host",
        "tool",
    ] {
        ensure!(!names.contains(foreign), "{foreign} is a label");
    }
    ensure!(names.contains("class"), "{names:?}");
    Ok(())
}

/// CL-11: there is no dump to ask for, with or without a name for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_ops_doors_serve_health_and_metrics_alone() -> Result<()> {
    let acme = Acme::start(1, "CANARY-credential").await?;
    let doors = [
        acme.cluster.gateways[0].ports().ops,
        acme.cluster.controller.ports().ops,
    ];
    for door in doors {
        for path in ["/livez", "/readyz", "/metrics"] {
            let answer = Request::get(path).send(door).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
            ensure!(!answer.text().contains("CANARY"), "{path}");
        }
        for path in [
            "/",
            "/config",
            "/config_dump",
            "/debug",
            "/debug/pprof/heap",
            "/env",
            "/dump",
            "/snapshot",
            "/leases",
            "/admin",
            "/metrics/../config",
        ] {
            let answer = Request::get(path).send(door).await?;
            ensure!(answer.status == 404, "{path}: {}", answer.status);
        }
    }
    acme.echo(&acme.cluster.gateways[0], "after").await
}

/// CL-15, the disks: of what the processes wrote, nothing holds a credential or a key. `canary.rs` looks
/// into the stores.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_a_process_holds_a_secret() -> Result<()> {
    let mut acme = Acme::start(2, "CANARY-credential").await?;
    for gateway in &acme.cluster.gateways {
        acme.echo(gateway, "x").await?;
    }
    acme.cluster.stop().await?;
    let mut seen = Vec::new();
    let mut folders = vec![acme.cluster.logs()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)?.flatten() {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && !is_of_the_demo_server(&path) {
                let content = std::fs::read(&path)?;
                let text = String::from_utf8_lossy(&content);
                for secret in ["CANARY", acme.key.as_str(), acme.cluster.bootstrap_token()] {
                    ensure!(!text.contains(secret), "a secret in {}", path.display());
                }
                seen.push(path.display().to_string());
            }
        }
    }
    let wrote = |name: &str| seen.iter().any(|path| path.contains(name));
    ensure!(
        wrote("gateway-1") && wrote("gateway-2") && wrote("controller"),
        "{seen:?}"
    );
    Ok(())
}

/// Neither page promises a test that is not there, and the second leaves no row out.
#[test]
fn every_row_names_tests_that_exist() -> Result<()> {
    let attacks = cited_tests("docs/attack-catalogue.md")?;
    ensure!(attacks > 90, "{attacks} tests are cited");
    let features = cited_tests("docs/features.md")?;
    ensure!(features > 150, "{features} tests are cited");

    let page = std::fs::read_to_string(root().join("docs/features.md"))?;
    for (section, rows) in [
        ("S0", 33),
        ("S1", 31),
        ("S2", 18),
        ("S3", 15),
        ("S4", 61),
        ("X", 7),
    ] {
        for row in 1..=rows {
            let count = page.matches(&format!("\n| {section}-{row} | ")).count();
            ensure!(count == 1, "{section}-{row} stands there {count} times");
        }
    }
    Ok(())
}

/// How many tests a page cites, all of which exist.
fn cited_tests(page: &str) -> Result<usize> {
    let text = std::fs::read_to_string(root().join(page))?;
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cited = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let mut count = 0;
    for name in cited.filter(|text| text.contains("::")) {
        let parts: Vec<_> = name.split("::").collect();
        let (folder, rest) = (folder_of(parts[0])?, &parts[1..]);
        // A module, and in most cases a test in it.
        let module = &rest[..rest.len().saturating_sub(1).max(1)];
        let file = root().join(folder).join(module.join("/"));
        let found: String = [file.with_extension("rs"), file.join("tests.rs")]
            .iter()
            .filter_map(|file| std::fs::read_to_string(file).ok())
            .collect();
        ensure!(!found.is_empty(), "{name}: no such module");
        if let [_, .., test] = rest {
            let there = found.contains(&format!("fn {test}("));
            ensure!(there, "{name}: no such test");
        }
        count += 1;
    }
    Ok(count)
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folder_of(short: &str) -> Result<&'static str> {
    Ok(match short {
        "path" => "gateway/tests/path",
        "limits" => "gateway/tests/limits",
        "gateway" => "gateway/src",
        "controller" => "controller/src",
        "admin_cli" => "admin-cli/src",
        "e2e" => "tests/tests/e2e",
        "database" => "controller/tests/database",
        "mcp" => "crates/mcp/src",
        "policy" => "crates/policy/src",
        "token" => "crates/token/src",
        "egress" => "crates/egress/src",
        "runtime" => "crates/runtime/src",
        other => anyhow::bail!("{other} is explained nowhere"),
    })
}

/// It is the one who must know the credential, and who records what it receives.
fn is_of_the_demo_server(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("demo"))
}

/// Name and value of every label in the Prometheus format.
fn labels(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('{')?.1.rsplit_once('}')?.0))
        .flat_map(|labels| labels.split("\","))
        .filter_map(|label| label.split_once("=\""))
        .map(|(name, value)| (name, value.trim_end_matches('"')))
}

async fn call(acme: &Acme, key: &str, path: &str) -> Result<Response> {
    tool_call(path, "echo", &json!({"text": "x"}))
        .host(Acme::HOST)
        .bearer(key)
        .send(acme.cluster.gateways[0].address())
        .await
}

/// A key that opens every server of the tenant, live on every node.
async fn key_for_all(acme: &Acme) -> Result<String> {
    let create = ["key", "create", "all", "--tenant", "acme", "--all-servers"];
    let more = ["--lifespan", "7d", "--wait", "-o", "json"];
    let created = acme.cluster.aldgate(&[&create[..], &more].concat()).await?;
    let created: serde_json::Value = serde_json::from_str(&created)?;
    Ok(created["key"].as_str().context("a key")?.to_owned())
}

/// An address that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
