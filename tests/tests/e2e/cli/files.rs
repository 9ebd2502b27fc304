//! Servers and authenticators from files: what is expanded, what is refused, and what is left of a
//! credential that came to nothing.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::calls::Acme;

/// S4-13, S4-14: expanded in the file; a variable that is not set leaves no credential rather than an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_comes_from_a_file_with_the_variables_of_the_environment() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let file = "server:\n  url: http://127.0.0.1:9/mcp\n  description: of ${TEAM}\nauthenticators: [{session: {}}]\ncredential: {scheme: bearer, value: '${FILES_TOKEN}'}\n";
    let file = acme.secret_file("server.yaml", file)?;
    let mut cli = acme.cluster.cli().clone();
    cli.env.push(("TEAM".into(), "storage".into()));
    let create = |name| {
        [
            "server", "create", name, "--tenant", "acme", "--file", &file, "-o", "json",
        ]
    };

    let without = cli.run(&create("without")).await?;
    ensure!(without.code == 0, "{without:?}");
    ensure!(
        without.stderr.contains("${FILES_TOKEN} is not set"),
        "{without:?}"
    );
    assert_eq!(without.stderr.matches("is not set").count(), 1);
    ensure!(
        without.stderr.contains("the server gets none"),
        "{without:?}"
    );
    let shown: Value = serde_json::from_str(&without.stdout)?;
    assert_eq!(shown["description"], "of storage");
    assert_eq!(shown["credential"]["state"], "STATE_ABSENT");
    ensure!(
        shown["authenticators"]["list"][0].get("session").is_some(),
        "{shown}"
    );

    cli.env
        .push(("FILES_TOKEN".into(), "CANARY-${TEAM}".into()));
    let with = cli.run(&create("with")).await?;
    ensure!(
        with.code == 0 && !with.stderr.contains("warning"),
        "{with:?}"
    );
    let shown: Value = serde_json::from_str(&with.stdout)?;
    assert_eq!(shown["credential"]["state"], "STATE_ACTIVE");
    ensure!(!with.stdout.contains("CANARY"), "{with:?}");
    Ok(())
}

/// S4-20, S4-30: the old scalar is refused with a message and never means "no authentication".
#[tokio::test(flavor = "multi_thread")]
async fn the_old_scalar_provider_is_refused_with_a_message() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let old = acme.secret_file("old.yaml", "provider: api_key\n")?;
    let unknown = acme.secret_file("unknown.yaml", "- {apikey: {}}\n")?;
    for (file, says) in [(&old, "provider"), (&unknown, "`apikey`")] {
        for args in [
            &["tenant", "authenticators", "set", "acme", "--file", file][..],
            &[
                "server",
                "update",
                "files",
                "--tenant",
                "acme",
                "--authenticators-file",
                file,
            ],
        ] {
            let refused = cli.run(args).await?;
            assert_eq!(refused.code, 2, "{args:?}: {refused:?}");
            ensure!(refused.stderr.contains(says), "{args:?}: {refused:?}");
        }
    }
    let get = ["tenant", "authenticators", "get", "acme"];
    assert_eq!(cli.ok(&get).await?, "", "nothing was set");
    Ok(())
}

/// S4-19: several kinds, in their order, and back again.
#[tokio::test(flavor = "multi_thread")]
async fn authenticators_are_printed_as_they_are_set() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let text = "list:\n- session: {}\n- api_key: {}\n- anonymous:\n    roles:\n    - guest\n";
    let file = acme.secret_file("authenticators.yaml", text)?;
    cli.ok(&["tenant", "authenticators", "set", "acme", "--file", &file])
        .await?;
    let get = ["tenant", "authenticators", "get", "acme"];
    assert_eq!(cli.ok(&get).await?, text);
    cli.ok(&["tenant", "authenticators", "reset", "acme"])
        .await?;
    assert_eq!(cli.ok(&get).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_shown_as_they_are_set() -> Result<()> {
    let acme = Acme::start(0, "the-credential").await?;
    let cli = acme.cluster.cli();
    let get = ["limits", "get", "--tenant", "acme"];
    ensure!(
        cli.ok(&get).await?.contains("the defaults"),
        "none of its own"
    );
    let set = [
        "limits",
        "set",
        "--tenant",
        "acme",
        "--limit",
        "tenant=100/s",
        "--limit",
        "principal=10/m:20",
    ];
    cli.ok(&set).await?;
    let shown = cli.ok(&get).await?;
    for says in ["tenant=100/s", "principal=10/m:20", "the tenant's own"] {
        ensure!(shown.contains(says), "{says}: {shown}");
    }
    cli.ok(&["limits", "set", "--limit", "server=5/s"]).await?;
    ensure!(
        !cli.ok(&get).await?.contains("server=5/s"),
        "its own still hold"
    );
    cli.ok(&["limits", "reset", "--tenant", "acme"]).await?;
    let shown = cli.ok(&get).await?;
    ensure!(
        shown.contains("server=5/s") && shown.contains("the defaults"),
        "{shown}"
    );
    let large = cli
        .run(&["limits", "set", "--limit", "tool=4000000/s"])
        .await?;
    assert_eq!(large.code, 2, "{large:?}");
    ensure!(large.stderr.contains("--limit"), "{large:?}");
    Ok(())
}
