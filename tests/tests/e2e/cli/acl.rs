//! `aldgate acl`: the policy goes in as a file, and `check` answers with its exit code.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::calls::Acme;

/// S4-54, S4-55: 0 is allow, 1 is deny, and the rule is named.
#[tokio::test(flavor = "multi_thread")]
async fn check_exits_with_the_decision_and_names_the_rule() -> Result<()> {
    let acme = with_tools().await?;
    let cli = acme.cluster.cli();
    let file = ["--tool", "read_file"];
    let unset = cli.run(&[&check("ann")[..], &file].concat()).await?;
    assert_eq!(unset.code, 1, "{unset:?}");
    ensure!(unset.stdout.contains("no-acl"), "{unset:?}");

    let policy = acme.secret_file("policy.yaml", POLICY)?;
    cli.ok(&["acl", "set", "--tenant", "acme", "--file", &policy])
        .await?;
    for (subject, object, code, rule) in [
        ("ann", &["--tool", "read_file"][..], 0, "dev[0]"),
        ("ann", &["--tool", "write_file"], 1, "default"),
        (
            "ann",
            &["--tool", "write_file", "--access", "read"],
            0,
            "dev[0]",
        ),
        ("ann", &["--all-tools"], 1, "default"),
        ("ann", &["--resource", "file:///a"], 0, "dev[0]"),
        ("bob", &["--tool", "write_file"], 0, "bob.extra[0]"),
        ("eve", &["--prompt", "p"], 1, "default"),
        (
            "eve",
            &["--tool", "read_file", "--role", "dev"],
            0,
            "dev[0]",
        ),
        (
            "eve",
            &["--tool", "read_file", "--group", "staff"],
            0,
            "dev[0]",
        ),
    ] {
        let asked = cli.run(&[&check(subject)[..], object].concat()).await?;
        assert_eq!(asked.code, code, "{subject} {object:?}: {asked:?}");
        ensure!(
            asked.stdout.contains(rule),
            "{subject} {object:?}: {asked:?}"
        );
        ensure!(!asked.stderr.contains("error"), "{asked:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_keeps_its_other_exit_codes_and_answers_in_json() -> Result<()> {
    let acme = with_tools().await?;
    let cli = acme.cluster.cli();
    let incomplete = cli.run(&check("ann")).await?;
    assert_eq!(incomplete.code, 2, "{incomplete:?}");
    let stranger = cli.with_token(token::AdminToken::generate().expose());
    let refused = stranger
        .run(&[&check("ann")[..], &["--tool", "x"]].concat())
        .await?;
    assert_eq!(refused.code, 4, "{refused:?}");

    let trial = acme.secret_file("trial.yaml", POLICY)?;
    let asked = ["--tool", "read_file", "--file", &trial, "-o", "json"];
    let asked = cli.run(&[&check("ann")[..], &asked].concat()).await?;
    assert_eq!(asked.code, 0, "{asked:?}");
    let answer: Value = serde_json::from_str(&asked.stdout)?;
    assert_eq!(answer["decisions"][0]["allowed"], json!(true));
    assert_eq!(answer["decisions"][0]["rule"], "dev[0]");
    let stored = cli.run(&["acl", "get", "--tenant", "acme"]).await?;
    ensure!(stored.stdout.is_empty(), "a trial is not kept: {stored:?}");

    let key = [
        "acl", "check", "--tenant", "acme", "--server", "files", "--key", "files",
    ];
    let key = cli
        .run(&[&key[..], &["--tool", "write_file"]].concat())
        .await?;
    assert_eq!(
        key.code, 0,
        "a key without scopes may do everything: {key:?}"
    );
    Ok(())
}

/// S4-53, S4-54.
#[tokio::test(flavor = "multi_thread")]
async fn classify_shows_each_tool_with_its_reason() -> Result<()> {
    let acme = with_tools().await?;
    let cli = acme.cluster.cli();
    let classify = ["acl", "classify", "--tenant", "acme", "--server", "files"];
    let answer: Value = cli.json(&classify).await?;
    let tools = answer["tools"].as_array().context("tools")?;
    let classes: Vec<_> = tools
        .iter()
        .map(|tool| {
            (
                tool["name"].as_str(),
                tool["classification"]["class"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        classes,
        [
            (Some("read_file"), Some("read")),
            (Some("write_file"), Some("write"))
        ]
    );
    let other = acme.secret_file(
        "other.json",
        r#"[{"name":"x","annotations":{"readOnlyHint":true}}]"#,
    )?;
    let table = cli
        .ok(&[&classify[..], &["--tools-file", &other]].concat())
        .await?;
    let line = table.lines().nth(1).context("a row")?;
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(cells, ["x", "read", "annotations", "0.95"]);
    Ok(())
}

/// S4-41: what `get` prints, `set` reads; a mistake is refused with its line and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_read_back_and_a_mistake_changes_nothing() -> Result<()> {
    let acme = with_tools().await?;
    let cli = acme.cluster.cli();
    let good = acme.secret_file("good.yaml", POLICY)?;
    cli.ok(&set(&good)).await?;
    let printed = cli.ok(&["acl", "get", "--tenant", "acme"]).await?;
    let again = acme.secret_file("again.yaml", &printed)?;
    cli.ok(&set(&again)).await?;
    assert_eq!(cli.ok(&["acl", "get", "--tenant", "acme"]).await?, printed);

    for (name, text, says) in [
        (
            "a",
            "roles:\n  dev:\n  - {server: files, acess: read}\n",
            "`acess`",
        ),
        ("b", "default: deny\ndefault: allow\n", "line 2"),
        (
            "c",
            "roles: {dev: [{server: files, access: sometimes}]}\n",
            "roles.dev.grants[0].access",
        ),
        (
            "d",
            "roles: {}\nrules: [{policy: sometimes}]\n",
            "rules[0].policy",
        ),
    ] {
        let bad = acme.secret_file(name, text)?;
        let refused = cli.run(&set(&bad)).await?;
        assert_eq!(refused.code, 2, "{refused:?}");
        ensure!(refused.stderr.contains(says), "{text}: {refused:?}");
    }
    assert_eq!(cli.ok(&["acl", "get", "--tenant", "acme"]).await?, printed);
    cli.ok(&["acl", "remove", "--tenant", "acme"]).await?;
    assert_eq!(cli.ok(&["acl", "get", "--tenant", "acme"]).await?, "");
    cli.ok(&["acl", "remove", "--tenant", "acme"]).await?;
    Ok(())
}

fn set(file: &str) -> [&str; 6] {
    ["acl", "set", "--tenant", "acme", "--file", file]
}

fn check(subject: &str) -> [&str; 8] {
    [
        "acl",
        "check",
        "--tenant",
        "acme",
        "--server",
        "files",
        "--subject",
        subject,
    ]
}

/// With two tools given by hand, so that there is something to class.
async fn with_tools() -> Result<Acme> {
    let acme = Acme::start(0, "the-credential").await?;
    let update = [
        "server",
        "update",
        "files",
        "--tenant",
        "acme",
        "--tool-list-json-file",
        "-",
    ];
    let tools = r#"[{"name":"read_file","annotations":{"readOnlyHint":true}},{"name":"write_file","annotations":{"readOnlyHint":false,"destructiveHint":true}}]"#;
    let updated = acme.cluster.cli().run_with(&update, tools).await?;
    ensure!(updated.code == 0, "{updated:?}");
    Ok(acme)
}

const POLICY: &str = "\
default: deny
roles:
  dev:
    - {server: files, access: read}
subjects:
  ann: {roles: [dev]}
  bob:
    extra:
      - {server: 'f*', access: write}
groups:
  staff: {roles: [dev]}
";
