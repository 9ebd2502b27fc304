//! The commands for a tenant's authorization server: what operators set up, how a person signs in to the
//! admin API, and what the doctor says of a healthy tenant.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, Ended, Form},
    cli::Cli,
    http::Response,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

use crate::people::People;

#[tokio::test(flavor = "multi_thread")]
async fn operators_set_up_people_programs_and_the_server_itself() -> Result<()> {
    let people = People::start().await?;
    let cli = people.cluster.cli();

    let line = "user create bob --tenant acme --login bob@acme.test --role dev --generate";
    let bob: Value = cli.json(&words(line)).await?;
    ensure!(
        bob["password"]
            .as_str()
            .is_some_and(|made| made.len() >= 12),
        "{bob}"
    );
    let again: Value = cli.json(&words("user get bob --tenant acme")).await?;
    ensure!(
        again["hasPassword"] == true && again.get("password").is_none(),
        "{again}"
    );
    let set = words("user set-password bob --tenant acme --password-file -");
    let set = cli.run_with(&set, "correct horse battery staple\n").await?;
    ensure!(set.code == 0, "{}", set.stderr);
    let disabled: Value = cli
        .json(&words("user update bob --tenant acme --disable"))
        .await?;
    ensure!(disabled["disabled"] == true, "{disabled}");

    let line = "client create ci --tenant acme --grant-type client_credentials --role dev";
    let client: Value = cli.json(&words(line)).await?;
    let rotated: Value = cli
        .json(&words("client rotate-secret ci --tenant acme"))
        .await?;
    for made in [&client, &rotated] {
        let secret = made["secret"].as_str();
        ensure!(
            secret.is_some_and(|secret| secret.starts_with("aldcs") && secret.len() > 40),
            "{made}"
        );
    }
    ensure!(client["secret"] != rotated["secret"], "{rotated}");
    let blocked: Value = cli
        .json(&words("client update ci --tenant acme --trust blocked"))
        .await?;
    ensure!(blocked["trust"] == "CLIENT_TRUST_BLOCKED", "{blocked}");

    let line = "tenant oauth set acme --colour #336699 --access-token-lifetime 10m";
    cli.ok(&words(line)).await?;
    let before: Value = cli.json(&words("tenant oauth get acme")).await?;
    ensure!(before["settings"]["alwaysAsk"] != true, "{before}");
    let line = "tenant oauth set acme --always-ask true";
    cli.ok(&words(line)).await?;
    let settings: Value = cli.json(&words("tenant oauth get acme")).await?;
    ensure!(settings["settings"]["alwaysAsk"] == true, "{settings}");
    ensure!(
        settings["settings"]["branding"]["colour"] == "#336699",
        "{settings}"
    );
    ensure!(
        settings["settings"]["accessTokenLifetime"] == "600s",
        "{settings}"
    );
    ensure!(
        settings["issuer"] == people.origins[0].as_str(),
        "{settings}"
    );

    let line = "tenant oauth set acme --colour blue";
    let wrong = cli.run(&words(line)).await?;
    ensure!(
        wrong.code == 2 && wrong.stderr.contains("--colour"),
        "{}",
        wrong.stderr
    );
    for line in [
        "client delete ci --tenant acme",
        "user delete bob --tenant acme",
    ] {
        let deleted: Value = cli.json(&words(line)).await?;
        ensure!(deleted["revocation"].is_string(), "{deleted}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_confirmed_by_every_node() -> Result<()> {
    let people = People::start().await?;
    let cli = people.cluster.cli();
    let line = "revoke user ada --tenant acme --wait 10s";
    let revoked: Value = cli.json(&words(line)).await?;
    let nodes = revoked["nodes"].as_array().context("nodes")?;
    ensure!(nodes.len() == people.origins.len(), "{revoked}");
    ensure!(
        nodes.iter().all(|node| node["confirmed"] == true),
        "{revoked}"
    );
    let nobody = cli
        .run(&words("revoke user nobody --tenant acme --wait"))
        .await?;
    ensure!(nobody.code == 1, "{nobody:?}");
    Ok(())
}

/// Issue 4: each client that the doctor knows and that registers itself is connected.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_tenant_healthy_for_every_client() -> Result<()> {
    let people = People::start().await?;
    let url = &people.urls()[0];
    for client in [
        "claude",
        "chatgpt",
        "cursor",
        "vscode",
        "inspector",
        "mcp-remote",
        "gemini",
        "codex",
        "copilot-studio",
    ] {
        let args = [
            "doctor",
            "connector",
            "--as",
            client,
            url,
            "--login",
            &people.ada.login,
            "--password-file",
            "-",
            "-o",
            "json",
        ];
        let output = people
            .cluster
            .cli()
            .run_with(&args, &people.ada.password)
            .await?;
        ensure!(
            output.code == 0,
            "{client}: {}{}",
            output.stdout,
            output.stderr
        );
        let report: Value = serde_json::from_str(&output.stdout)?;
        let steps = report["steps"].as_array().context("steps")?;
        ensure!(
            report["ok"] == true && steps.len() == 8,
            "{client}: {report}"
        );
        ensure!(
            steps.iter().all(|step| step["outcome"] == "ok"),
            "{client}: {report}"
        );
    }
    Ok(())
}

/// A person signs in with a browser, works without an admin token, and signs out.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_to_the_admin_api() -> Result<()> {
    let people = People::start().await?;
    let cli = people.cluster.cli();
    cli.ok(&words("user update ada --tenant acme --admin-role admin"))
        .await?;
    let desktop = people.desktop().await?;
    let person = |args: &[&str]| {
        let mut command = desktop.command(&cli.program);
        command
            .args(args)
            .envs(without_token(cli))
            .env_remove("XDG_CONFIG_HOME");
        command
    };
    let before = person(&words("user list --tenant acme")).output().await?;
    ensure!(before.status.code() == Some(4), "{before:?}");
    let login = person(&["login", "--tenant-url", &people.origins[0]])
        .output()
        .await?;
    ensure!(login.status.success(), "{login:?}");
    let listed = person(&words("user list --tenant acme")).output().await?;
    ensure!(listed.status.success(), "{listed:?}");
    let beyond = person(&words("tenant list")).output().await?;
    ensure!(
        beyond.status.code() == Some(4),
        "confined to the tenant: {beyond:?}"
    );
    let logout = person(&["logout"]).output().await?;
    ensure!(logout.status.success(), "{logout:?}");
    let after = person(&words("user list --tenant acme")).output().await?;
    ensure!(after.status.code() == Some(4), "{after:?}");
    Ok(())
}

/// A38, RFC 8628: the command shows a code, a person types it in a browser on another machine, and the
/// command goes on; or is told that it may not.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_typing_a_code_elsewhere() -> Result<()> {
    let people = People::start().await?;
    let cli = people.cluster.cli();
    cli.ok(&words("user update ada --tenant acme --admin-role admin"))
        .await?;
    let desktop = people.desktop().await?;
    let command = |args: &[&str]| {
        let mut command = desktop.command(&cli.program);
        command.args(args).envs(without_token(cli));
        command
    };
    for (decision, code) in [("deny", 4), ("allow", 0)] {
        let mut login = command(&["login", "--device", "--tenant-url", &people.origins[0]])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(login.stderr.take().context("its words")?).lines();
        let shown = timeout(PATIENCE, lines.next_line()).await??;
        let shown = shown.context("where to type which code")?;
        let (place, user_code) = shown
            .strip_prefix("Go to ")
            .and_then(|rest| rest.split_once(" and type the code "))
            .with_context(|| shown.clone())?;
        ensure!(place == format!("{}/device", people.origins[0]), "{shown}");
        decide(&people, user_code, decision).await?;
        let ended = timeout(PATIENCE, login.wait()).await??;
        let mut rest = String::new();
        while let Some(line) = lines.next_line().await? {
            rest.push_str(&line);
        }
        ensure!(ended.code() == Some(code), "{decision}: {ended} {rest}");
        ensure!(
            rest.contains("not allowed in the browser") == (decision == "deny"),
            "{rest}"
        );
        let listed = command(&words("user list --tenant acme")).output().await?;
        ensure!(listed.status.code() == Some(code), "{decision}: {listed:?}");
    }
    Ok(())
}

/// Ada types the code at the other gateway, and says what is to become of it.
async fn decide(people: &People, user_code: &str, decision: &str) -> Result<()> {
    let mut agent = Agent::new(people.cluster.gateways[1].address(), &people.origins[0]);
    let begun = agent.get("/device").await?;
    let Ended::Page(login) = agent.follow(begun).await? else {
        anyhow::bail!("no login page")
    };
    let answer = agent.sign_in(&login.text(), &people.ada).await?;
    let Ended::Page(entry) = agent.follow(answer).await? else {
        anyhow::bail!("no page for codes")
    };
    let typed = [("user_code", user_code)];
    let confirm = agent.submit(&device_form(&entry)?, &typed).await?;
    ensure!(confirm.status == 200, "{}", confirm.text());
    ensure!(confirm.text().contains("Aldgate CLI"), "{}", confirm.text());
    let chosen = [("decision", decision)];
    let done = agent.submit(&device_form(&confirm)?, &chosen).await?;
    ensure!(done.status == 200, "{}", done.text());
    Ok(())
}

fn device_form(page: &Response) -> Result<Form> {
    let html = page.text();
    let mut forms = Form::all(&html).into_iter();
    let form = forms.find(|form| form.action.ends_with("/device"));
    form.with_context(|| format!("a form for codes in {html}"))
}

fn without_token(cli: &Cli) -> Vec<(String, String)> {
    let token = ["ALDGATE_TOKEN", "ALDGATE_TOKEN_FILE"];
    let kept = cli
        .env
        .iter()
        .filter(|(name, _)| !token.contains(&name.as_str()));
    kept.cloned().collect()
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Longer than a command waits between two questions.
const PATIENCE: Duration = Duration::from_secs(30);
