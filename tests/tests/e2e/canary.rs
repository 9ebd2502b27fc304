//! Secrets leave no trace: not in a log at trace level, a metric, an error, a dump of either store; not
//! plain, in base64, in hex or in a URL (must hold 3; CL-01, CL-02, CL-05, CL-07, CL-08, CL-11, CL-14, CL-15).

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose as base64_of};
use serde_json::json;
use tests::{cluster::Cluster, http::Request};

use crate::calls::{Acme, initialize, legacy, text_of, tool_call};

const CREDENTIAL: &str = "CANARY-credential-6f1d2c9be4";
const COOKIE: &str = "CANARY-cookie-77aa1b02cd";
const FOREIGN: &str = "CANARY-foreign-90ee31fa55";
const BAGGAGE: &str = "CANARY-baggage-1c77d0aa42";

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_sees_its_own_credential_and_nothing_of_the_clients() -> Result<()> {
    let acme = Acme::start(1, CREDENTIAL).await?;
    let gateway = &acme.cluster.gateways[0];
    ensure!(
        text_of(
            &acme
                .send(
                    gateway,
                    tempting(tool_call(Acme::PATH, "echo", &json!({"text": "x"})))
                )
                .await?
        )? == "x"
    );
    let session = acme
        .send(gateway, tempting(initialize(Acme::PATH)))
        .await?
        .header("mcp-session-id")
        .to_owned();
    let within = legacy(Acme::PATH, "tools/list", &json!({}))
        .header("mcp-session-id", &session)
        .header("mcp-protocol-version", "2025-11-25");
    ensure!(acme.send(gateway, tempting(within)).await?.status == 200);

    let received = acme.demo.received()?;
    assert_eq!(received.len(), 3);
    for request in &received {
        let credentials: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name == "authorization")
            .collect();
        assert_eq!(
            credentials,
            [&("authorization".to_owned(), format!("Bearer {CREDENTIAL}"))]
        );
        let all = format!("{request:?}");
        for foreign in [&acme.key, COOKIE, FOREIGN, BAGGAGE, &session, "s1."] {
            ensure!(!all.contains(foreign), "{foreign} in {all}");
        }
        for name in [
            "cookie",
            "proxy-authorization",
            "x-api-key",
            "x-tenant-id",
            "baggage",
            "origin",
            "accept-encoding",
            "x-forwarded-for",
        ] {
            ensure!(
                !request.headers.iter().any(|(found, _)| found == name),
                "{name} in {all}"
            );
        }
    }
    let trace = received[0]
        .headers
        .iter()
        .find(|(name, _)| name == "traceparent");
    ensure!(trace.is_some(), "trace context passes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_a_trace_anywhere() -> Result<()> {
    let acme = Acme::on(
        Cluster::builder().gateways(2).log("trace").start().await?,
        CREDENTIAL,
    )
    .await?;
    let mut said = provoke(&acme).await?;
    for gateway in &acme.cluster.gateways {
        said.push_str(&gateway.metrics().await?);
    }
    said.push_str(
        &Request::get("/metrics")
            .send(acme.cluster.controller.ports().ops)
            .await?
            .text(),
    );
    said.push_str(&acme.cluster.log_text());
    said.push_str(&acme.cluster.database.dump()?);
    said.push_str(&acme.cluster.redis.ask("KEYS *").await?);
    ensure!(
        said.contains("CREATE TABLE") && said.contains("aldgate"),
        "everything was collected"
    );

    let secrets = [
        CREDENTIAL,
        COOKIE,
        FOREIGN,
        BAGGAGE,
        &acme.key,
        acme.cluster.bootstrap_token(),
    ];
    for secret in secrets {
        for form in forms(secret) {
            let at = said.find(&form);
            let around = at.map(|at| said.get(at.saturating_sub(200)..at).unwrap_or_default());
            ensure!(at.is_none(), "a form of {} after: {around:?}", &secret[..8]);
        }
    }
    Ok(())
}

/// Uses every secret, rightly and wrongly; returns all that was answered.
async fn provoke(acme: &Acme) -> Result<String> {
    let mut said = String::new();
    for gateway in &acme.cluster.gateways {
        acme.echo(gateway, "fine").await?;
        let call = || tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
        let almost = format!("{}x", acme.key);
        for request in [
            tempting(call()),
            tempting(initialize(Acme::PATH)),
            call().header("authorization", format!("Bearer {}", acme.key)),
            tool_call(
                &format!("/mcp/files?access_token={}", acme.key),
                "echo",
                &json!({}),
            ),
            tool_call(&format!("/mcp/{FOREIGN}"), "echo", &json!({})),
            Request::post(Acme::PATH, format!("{{\"{FOREIGN}\": ")),
            Request::post(
                Acme::PATH,
                format!(
                    "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"{FOREIGN}\":1}}"
                ),
            ),
        ] {
            said.push_str(
                &acme
                    .send(gateway, request)
                    .await?
                    .text()
                    .replace(FOREIGN, "named by the client itself"),
            );
        }
        for key in [almost.as_str(), FOREIGN, "mcp_sk_"] {
            let refused = call()
                .host(Acme::HOST)
                .bearer(key)
                .send(gateway.address())
                .await?;
            ensure!(refused.status == 401, "{}", refused.status);
            said.push_str(&refused.text());
        }
    }
    // The server refuses the credential, and its answer repeats what it got.
    std::fs::write(acme.demo.credential_file(), "another\n")?;
    let refused = acme
        .send(
            &acme.cluster.gateways[0],
            tool_call(Acme::PATH, "echo", &json!({})),
        )
        .await?;
    ensure!(refused.status == 502, "{}", refused.status);
    said.push_str(&refused.text());
    let cli = acme.cluster.cli();
    let wrong = cli.with_token(FOREIGN).run(&["tenant", "list"]).await?;
    ensure!(wrong.code == 4, "{wrong:?}");
    said.push_str(&wrong.stderr);
    let odd = cli
        .run_with(
            &[
                "server",
                "set-credential",
                "files",
                "--tenant",
                "acme",
                "--auth-scheme",
                "bearer",
                "--auth-credential-file",
                "-",
            ],
            &format!("{CREDENTIAL}\u{7}bell"),
        )
        .await?;
    ensure!(odd.code != 0, "a control character is refused");
    said.push_str(&odd.stderr);
    let shown = cli
        .ok(&["server", "get", "files", "--tenant", "acme", "-o", "json"])
        .await
        .context("reading back")?;
    said.push_str(&shown);
    Ok(said)
}

/// The request with everything a client could send that must stay outside.
fn tempting(request: Request) -> Request {
    request
        .header("cookie", format!("session={COOKIE}"))
        .header("proxy-authorization", format!("Basic {FOREIGN}"))
        .header("x-api-key", FOREIGN)
        .header("x-tenant-id", FOREIGN)
        .header("x-forwarded-for", "203.0.113.7")
        .header("baggage", format!("secret={BAGGAGE}"))
        .header("accept-encoding", "gzip")
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
}

/// How a secret might be written down.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let each = |form: fn(&u8) -> String| bytes.iter().map(form).collect::<Vec<_>>().concat();
    let hex = each(|byte| format!("{byte:02x}"));
    let url = each(|byte| format!("%{byte:02X}"));
    let list = format!("{bytes:?}");
    let mut forms = vec![
        secret.to_owned(),
        hex.to_uppercase(),
        hex,
        url,
        list.trim_matches(['[', ']']).to_owned(),
        // Base64 without its last group, which depends on what follows.
        base64_of::STANDARD_NO_PAD.encode(&bytes[..bytes.len() / 3 * 3]),
        base64_of::URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 3 * 3]),
    ];
    // The first characters alone: enough to guess from, and past the public prefix.
    forms.push(secret[..secret.len().min(18)].to_owned());
    forms
}
