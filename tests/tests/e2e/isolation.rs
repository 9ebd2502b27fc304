//! Tenants do not see, reach or disturb each other (`security.md` TI).

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{http::Request, seed::Seed};

use crate::calls::{Acme, initialize, legacy, text_of, tool_call};

/// Two tenants, each with a server of the same slug; the key of `beta` is the attacker's.
struct Two {
    acme: Acme,
    beta_key: String,
}

impl Two {
    const BETA: &'static str = "beta.test";

    async fn start() -> Result<Self> {
        let acme = Acme::start(1, "the-credential").await?;
        let seed = Seed {
            tenant: "beta",
            host: Self::BETA,
            aliases: &[],
            server: "files",
            url: &acme.demo.url(),
            credential_file: Some(acme.demo.credential_file()),
        };
        let beta_key = seed
            .plant(acme.cluster.cli(), acme.cluster.scratch().path())
            .await?
            .api_key;
        Ok(Self { acme, beta_key })
    }

    async fn beta(&self, request: Request) -> Result<tests::http::Response> {
        request
            .host(Self::BETA)
            .bearer(&self.beta_key)
            .send(self.acme.cluster.gateways[0].address())
            .await
    }
}

/// TI-01, TK-18: a foreign server and a missing one answer alike, on every verb.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_server_is_like_a_missing_one() -> Result<()> {
    let two = Two::start().await?;
    let gateway = &two.acme.cluster.gateways[0];
    two.acme.echo(gateway, "the positive twin").await?;
    let foreign = |request: Request| request.host(Acme::HOST).bearer(&two.beta_key);
    for method in ["POST", "GET", "DELETE", "HEAD"] {
        let mut answers = Vec::new();
        for path in ["/mcp/files", "/mcp/missing"] {
            let request = match method {
                "POST" => tool_call(path, "echo", &json!({"text": "x"})),
                _ => Request::new(method, path).header("accept", "text/event-stream"),
            };
            let answer = foreign(request).send(gateway.address()).await?;
            let mut headers = answer.headers.clone();
            headers.remove("date");
            // The challenge repeats the address that was called.
            let challenge = answer.header("www-authenticate").replace(path, "PATH");
            headers.insert("www-authenticate", challenge.parse()?);
            answers.push((answer.status, headers, answer.body));
        }
        ensure!(answers[0] == answers[1], "{method}: {answers:?}");
        ensure!(answers[0].0 == 401, "{method}: {:?}", answers[0]);
    }
    // Within one's own tenant: not opened by the key and missing are alike, too.
    let create = [
        "server",
        "create",
        "closed",
        "--tenant",
        "acme",
        "--url",
        &two.acme.demo.url(),
        "--wait",
    ];
    two.acme.cluster.aldgate(&create).await?;
    let closed = two
        .acme
        .send(gateway, tool_call("/mcp/closed", "echo", &json!({})))
        .await?;
    let missing = two
        .acme
        .send(gateway, tool_call("/mcp/missing", "echo", &json!({})))
        .await?;
    ensure!(closed.status == 404 && closed.status == missing.status && closed.body == missing.body);
    Ok(())
}

/// TI-02: the other tenant's uid is not an address.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_servers_uid_leads_nowhere() -> Result<()> {
    let two = Two::start().await?;
    let shown: serde_json::Value = serde_json::from_str(
        &two.acme
            .cluster
            .aldgate(&["server", "get", "files", "--tenant", "acme", "-o", "json"])
            .await?,
    )?;
    let uid = shown["uid"].as_str().context("a uid")?;
    let answer = two
        .beta(tool_call(
            &format!("/mcp/{uid}"),
            "echo",
            &json!({"text": "x"}),
        ))
        .await?;
    ensure!(answer.status == 404, "{}", answer.status);
    Ok(())
}

/// TI-03, TI-04, TI-05: a session id is worth nothing in other hands, and its owner keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_id_opens_nothing_and_ends_nothing() -> Result<()> {
    let two = Two::start().await?;
    let gateway = &two.acme.cluster.gateways[0];
    let answer = two.acme.send(gateway, initialize(Acme::PATH)).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    let session = answer.header("mcp-session-id").to_owned();
    ensure!(session.starts_with("s1."), "{session}");

    let within = |request: Request| {
        request
            .header("mcp-session-id", &session)
            .header("mcp-protocol-version", "2025-11-25")
    };
    let call = || {
        within(legacy(
            Acme::PATH,
            "tools/call",
            &json!({"name": "echo", "arguments": {"text": "mine"}}),
        ))
    };
    ensure!(text_of(&two.acme.send(gateway, call()).await?)? == "mine");

    ensure!(two.beta(call()).await?.status == 404, "TI-03");
    let attach = within(Request::get(Acme::PATH).header("accept", "text/event-stream"));
    ensure!(two.beta(attach).await?.status == 404, "TI-04");
    ensure!(
        two.beta(within(Request::new("DELETE", Acme::PATH)))
            .await?
            .status
            == 404,
        "TI-05"
    );

    // Another key of the same tenant is another principal.
    let created = two
        .acme
        .cluster
        .aldgate(&[
            "key",
            "create",
            "other",
            "--tenant",
            "acme",
            "--all-servers",
            "--lifespan",
            "7d",
            "--wait",
            "-o",
            "json",
        ])
        .await?;
    let other: serde_json::Value = serde_json::from_str(&created)?;
    let other = other["key"].as_str().context("a key")?;
    let stolen = call()
        .host(Acme::HOST)
        .bearer(other)
        .send(gateway.address())
        .await?;
    ensure!(stolen.status == 404, "{}", stolen.status);

    ensure!(
        text_of(&two.acme.send(gateway, call()).await?)? == "mine",
        "the owner's session lives"
    );
    Ok(())
}

/// TI-10: the same URL with two credentials, calls interleaved on the same node.
#[tokio::test(flavor = "multi_thread")]
async fn connections_of_two_tenants_to_one_url_never_mix() -> Result<()> {
    let two = Two::start().await?;
    std::fs::write(
        two.acme.demo.credential_file(),
        "canary-of-acme\ncanary-of-beta\n",
    )?;
    for tenant in ["acme", "beta"] {
        let file = two
            .acme
            .secret_file(tenant, &format!("canary-of-{tenant}"))?;
        let set = [
            "server",
            "set-credential",
            "files",
            "--tenant",
            tenant,
            "--auth-scheme",
            "bearer",
        ];
        two.acme
            .cluster
            .aldgate(&[&set[..], &["--auth-credential-file", &file, "--wait"]].concat())
            .await?;
    }
    let before = two.acme.demo.received()?.len();
    for round in 0..200 {
        let call = |tenant: &str| {
            tool_call(
                Acme::PATH,
                "echo",
                &json!({"text": format!("{tenant}-{round}")}),
            )
        };
        let (acme, beta) = tokio::join!(
            two.acme.send(&two.acme.cluster.gateways[0], call("acme")),
            two.beta(call("beta"))
        );
        ensure!(text_of(&acme?)? == format!("acme-{round}"));
        ensure!(text_of(&beta?)? == format!("beta-{round}"));
    }
    let received = two.acme.demo.received()?.split_off(before);
    assert_eq!(received.len(), 400);
    for request in received {
        let tenant = if request.body.contains("acme-") {
            "acme"
        } else {
            "beta"
        };
        let credential = request
            .headers
            .iter()
            .find(|(name, _)| name == "authorization")
            .map(|(_, value)| value.as_str());
        assert_eq!(
            credential,
            Some(format!("Bearer canary-of-{tenant}").as_str())
        );
    }
    Ok(())
}

/// TI-15, TI-16: the admin API, with another tenant's token.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_admin_cannot_see_or_change_another_tenant() -> Result<()> {
    let two = Two::start().await?;
    let token = two
        .acme
        .cluster
        .aldgate(&[
            "token", "create", "--tenant", "beta", "--role", "admin", "-o", "json",
        ])
        .await?;
    let token: serde_json::Value = serde_json::from_str(&token)?;
    let beta = two
        .acme
        .cluster
        .cli()
        .with_token(token["token"].as_str().context("a token")?);
    beta.ok(&["server", "get", "files", "--tenant", "beta"])
        .await?;

    for tenant in ["acme", "no-such-tenant"] {
        for args in [
            &["server", "get", "files", "--tenant", tenant][..],
            &["server", "list", "--tenant", tenant],
            &["server", "delete", "files", "--tenant", tenant],
            &[
                "server",
                "create",
                "x",
                "--tenant",
                tenant,
                "--url",
                "http://127.0.0.1:9/mcp",
            ],
            &[
                "server",
                "set-credential",
                "files",
                "--tenant",
                tenant,
                "--auth-scheme",
                "none",
            ],
            &["key", "list", "--tenant", tenant],
            &[
                "key",
                "create",
                "x",
                "--tenant",
                tenant,
                "--all-servers",
                "--lifespan",
                "7d",
            ],
        ] {
            let output = beta.run(args).await?;
            ensure!(
                output.code == 1 && output.stderr.contains("not found"),
                "{args:?}: {output:?}"
            );
            ensure!(
                output.stderr.replace(tenant, "T") == beta_twin(&beta, args, tenant).await?,
                "{args:?}: {output:?}"
            );
        }
    }
    two.acme
        .echo(&two.acme.cluster.gateways[0], "acme is whole")
        .await?;
    Ok(())
}

/// What the same command says of a tenant that never was.
async fn beta_twin(beta: &tests::cli::Cli, args: &[&str], tenant: &str) -> Result<String> {
    let twin: Vec<&str> = args
        .iter()
        .map(|word| if *word == tenant { "never-was" } else { word })
        .collect();
    Ok(beta.run(&twin).await?.stderr.replace("never-was", "T"))
}

/// TI-17.
#[tokio::test(flavor = "multi_thread")]
async fn the_public_door_has_no_side_doors() -> Result<()> {
    let two = Two::start().await?;
    let gateway = &two.acme.cluster.gateways[0];
    for path in [
        "/metrics",
        "/readyz",
        "/livez",
        "/debug",
        "/config",
        "/debug/pprof",
    ] {
        let open = Request::get(path)
            .host(Acme::HOST)
            .send(gateway.address())
            .await?;
        ensure!(
            open.status == 404 || open.status == 401,
            "{path}: {}",
            open.status
        );
        let known = two.acme.send(gateway, Request::get(path)).await?;
        ensure!(known.status == 404, "{path}: {}", known.status);
        let ops = Request::get(path).send(gateway.ports().ops).await?;
        let served = ["/metrics", "/readyz", "/livez"].contains(&path);
        ensure!(
            ops.status == if served { 200 } else { 404 },
            "{path} on ops: {}",
            ops.status
        );
    }
    Ok(())
}

/// TI-18: a tenant of the same name is another tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_slug_inherits_nothing() -> Result<()> {
    let two = Two::start().await?;
    let acme = &two.acme;
    let gateway = &acme.cluster.gateways[0];
    let answer = acme.send(gateway, initialize(Acme::PATH)).await?;
    let session = answer.header("mcp-session-id").to_owned();
    acme.cluster
        .aldgate(&["tenant", "delete", "acme", "--wait"])
        .await?;
    let gone = acme
        .send(
            gateway,
            tool_call(Acme::PATH, "echo", &json!({"text": "x"})),
        )
        .await?;
    ensure!(gone.status == 421, "its host is unknown: {}", gone.status);

    acme.cluster
        .aldgate(&["tenant", "create", "acme", "--host", Acme::HOST])
        .await?;
    acme.cluster
        .aldgate(&[
            "server",
            "create",
            "files",
            "--tenant",
            "acme",
            "--url",
            &acme.demo.url(),
            "--wait",
        ])
        .await?;
    let shown = acme
        .cluster
        .aldgate(&["server", "get", "files", "--tenant", "acme", "-o", "json"])
        .await?;
    ensure!(!shown.contains("STATE_ACTIVE"), "no credential: {shown}");
    let old_key = acme
        .send(
            gateway,
            tool_call(Acme::PATH, "echo", &json!({"text": "x"})),
        )
        .await?;
    ensure!(old_key.status == 401, "{}", old_key.status);

    let created = acme
        .cluster
        .aldgate(&[
            "key",
            "create",
            "new",
            "--tenant",
            "acme",
            "--all-servers",
            "--lifespan",
            "7d",
            "--wait",
            "-o",
            "json",
        ])
        .await?;
    let created: serde_json::Value = serde_json::from_str(&created)?;
    let key = created["key"].as_str().context("a key")?;
    let request = legacy(Acme::PATH, "tools/list", &json!({})).header("mcp-session-id", &session);
    let answer = request
        .host(Acme::HOST)
        .bearer(key)
        .send(gateway.address())
        .await?;
    ensure!(answer.status == 404, "the old session: {}", answer.status);
    Ok(())
}
