//! A static token's life on the command line: made, pasted into a client, changed, deleted.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{http::Request, scratch::write_private};

use crate::calls::{Acme, text_of, tool_call};

/// S0-5 … S0-11, S0-17 … S0-20: what was made is pasted into a client, and works until it is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_static_token_of_each_type_works_as_client_config_prints_it() -> Result<()> {
    let acme = open_to_static_tokens(1).await?;
    let cli = acme.cluster.cli();
    let password = acme.secret_file("password", "pa:ss word\n")?;
    let pasted = acme.secret_file("pasted", "a-pasted-value\n")?;
    for (kind, input, header) in [
        ("bearer", vec!["--generate"], "Authorization"),
        ("api-key", vec!["--generate"], "Api-Key"),
        ("x-api-key", vec!["--value-file", &pasted], "X-API-Key"),
        (
            "basic",
            vec!["--user", "ann", "--password-file", &password],
            "Authorization",
        ),
    ] {
        let create = [&create(kind)[..], &["--type", kind, "--wait"], &input].concat();
        let created: Value = cli.json(&create).await?;
        assert_eq!(created["header_name"], header);
        let value = created["header_value"].as_str().context("a value")?;
        let file = acme.secret_file(&format!("value-{kind}"), value)?;
        let config = [
            "client-config",
            "--tenant",
            "acme",
            "--server",
            "files",
            "--static-token",
            kind,
            "--value-file",
            &file,
        ];
        let config: Value = serde_json::from_str(&cli.ok(&config).await?)?;
        let entries = config["mcpServers"].as_object().context("an object")?;
        let (name, entry) = entries.iter().next().context("an entry")?;
        ensure!(name.starts_with("mcp-") && name.len() == 12, "{name}");
        assert_eq!(entry["headers"], json!({header: value}), "{kind}");

        assert_eq!(status(&acme, header, value).await?, 200, "{kind}");
        let delete = ["static-token", "delete", kind, "--tenant", "acme", "--wait"];
        cli.ok(&delete).await?;
        assert_eq!(
            status(&acme, header, value).await?,
            401,
            "{kind} is deleted"
        );
    }
    Ok(())
}

/// S0-9, S0-11: neither a value nor a password stands on the command line, and neither is shown again.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_no_argument_and_is_shown_once() -> Result<()> {
    let acme = open_to_static_tokens(0).await?;
    let cli = acme.cluster.cli();
    let base = [&create("ci")[..], &["--type", "bearer"]].concat();
    for secret in [
        &["--value", "CANARY-1234567"][..],
        &["--password", "CANARY-1234567"],
    ] {
        let refused = cli.run(&[&base[..], secret].concat()).await?;
        assert_eq!(refused.code, 2, "{refused:?}");
    }
    let given = [&base[..], &["--value-file", "-"]].concat();
    let created = cli.run_with(&given, "CANARY-1234567\n").await?;
    ensure!(created.code == 0, "{created:?}");
    ensure!(
        created.stdout.contains("Bearer CANARY-1234567"),
        "{created:?}"
    );
    for format in ["table", "json", "yaml"] {
        for verb in [
            &["static-token", "get", "ci"][..],
            &["static-token", "list"],
            &["static-token", "update", "ci", "--display-name", "x"],
        ] {
            let shown = cli
                .run(&[verb, &["--tenant", "acme", "-o", format]].concat())
                .await?;
            ensure!(shown.code == 0, "{shown:?}");
            let all = shown.stdout + &shown.stderr;
            ensure!(
                all.contains("ci") && !all.contains("CANARY"),
                "{verb:?}: {all}"
            );
        }
    }
    Ok(())
}

/// S0-13, S0-14, S0-16: headers come from a file, and only their names and switches are shown.
#[tokio::test(flavor = "multi_thread")]
async fn custom_headers_come_from_a_file_and_their_values_stay_hidden() -> Result<()> {
    let acme = open_to_static_tokens(0).await?;
    let mut cli = acme.cluster.cli().clone();
    cli.env
        .push(("UPSTREAM_KEY".into(), "CANARY-upstream".into()));
    let headers = "- {name: X-Org, value: acme, passthrough: true}\n- {name: X-Hidden, value: '${UPSTREAM_KEY}'}\n";
    let headers = acme.secret_file("headers.yaml", headers)?;
    let create = [
        &create("ci")[..],
        &["--type", "bearer", "--generate", "--headers-file", &headers],
    ];
    cli.ok(&create.concat()).await?;
    let get = ["static-token", "get", "ci", "--tenant", "acme"];
    let shown: Value = cli.json(&get).await?;
    let switches: Vec<_> = shown["headers"]
        .as_array()
        .context("headers")?
        .iter()
        .map(|header| (header["name"].clone(), header["passthrough"].clone()))
        .collect();
    assert_eq!(
        switches,
        [
            (json!("X-Org"), json!(true)),
            (json!("X-Hidden"), json!(false))
        ]
    );
    ensure!(!shown.to_string().contains("CANARY"), "{shown}");
    Ok(())
}

/// What stands in the way is said when the token is made, not when its first call fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_will_be_denied_is_spoken_of() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let base = |name| [&create(name)[..], &["--type", "bearer", "--generate"]].concat();
    let first = cli.run(&base("first")).await?;
    ensure!(
        first.stderr.contains("does not accept static tokens"),
        "{first:?}"
    );
    ensure!(first.stderr.contains("aldgate acl set"), "{first:?}");
    allow_static_tokens(&acme).await?;
    let second = cli.run(&base("second")).await?;
    ensure!(!second.stderr.contains("note: "), "{second:?}");
    Ok(())
}

fn create(name: &str) -> [&str; 9] {
    [
        "static-token",
        "create",
        name,
        "--tenant",
        "acme",
        "--server",
        "files",
        "--lifespan",
        "7d",
    ]
}

async fn open_to_static_tokens(gateways: usize) -> Result<Acme> {
    let acme = Acme::start(gateways, "the-credential").await?;
    allow_static_tokens(&acme).await?;
    Ok(acme)
}

async fn allow_static_tokens(acme: &Acme) -> Result<()> {
    let cli = acme.cluster.cli();
    for (args, text) in [
        (
            ["tenant", "authenticators", "set", "acme"],
            "- api_key: {}\n- static: {}\n",
        ),
        (["acl", "set", "--tenant", "acme"], "default: allow\n"),
    ] {
        let file = acme.cluster.scratch().path().join("document.yaml");
        write_private(&file, text)?;
        cli.ok(&[&args[..], &["--file", path(&file)?, "--wait"]].concat())
            .await?;
    }
    Ok(())
}

async fn status(acme: &Acme, header: &'static str, value: &str) -> Result<u16> {
    let request: Request = tool_call(Acme::PATH, "echo", &json!({"text": "pasted"}));
    let answer = request
        .host(Acme::HOST)
        .header(header, value)
        .send(acme.cluster.gateways[0].address())
        .await?;
    if answer.status.is_success() {
        assert_eq!(text_of(&answer)?, "pasted");
    }
    Ok(answer.status.as_u16())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}
