//! Exit codes and what is said with them: scripts go by the code, people by the flag that is named.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{cli::Cli, cluster::Cluster};

#[tokio::test(flavor = "multi_thread")]
async fn each_exit_code_has_its_occasion() -> Result<()> {
    let cluster = with_files(1).await?;
    let cli = cluster.cli();
    let viewer: Value = cli.json(&["token", "create", "--role", "viewer"]).await?;
    let viewer = cli.with_token(viewer["token"].as_str().context("a token")?);
    let stranger = cli.with_token(token::AdminToken::generate().expose());
    let mut nobody = cli.clone();
    nobody
        .env
        .retain(|(name, _)| !name.starts_with("ALDGATE_TOKEN"));
    let elsewhere = elsewhere(cli)?;

    let create = &["tenant", "create", "beta", "--host", "beta.test"][..];
    let again = &["tenant", "create", "acme", "--host", "other.test"][..];
    let get = &["server", "get", "files", "--tenant", "acme"][..];
    let missing = &["server", "get", "missing", "--tenant", "acme"][..];
    let stale = &[
        "tenant",
        "update",
        "acme",
        "--display-name",
        "x",
        "--etag",
        "0",
    ][..];
    let future = &["wait", "--revision", "999", "--timeout", "250ms"][..];
    for (cli, args, code, says) in [
        (cli, get, 0, ""),
        (cli, missing, 1, "not found"),
        (cli, &["tenant", "create"][..], 2, "--host"),
        (cli, future, 3, "revision 999 is not live"),
        (&nobody, get, 4, "ALDGATE_TOKEN"),
        (&stranger, get, 4, "UNAUTHENTICATED"),
        (&viewer, create, 4, "tenants.create"),
        (cli, again, 5, "NAME: "),
        (cli, stale, 5, "read it again"),
        (&elsewhere, get, 6, "does not answer"),
    ] {
        let output = cli.run(args).await?;
        ensure!(output.code == code, "{args:?}: {output:?}");
        ensure!(output.stderr.contains(says), "{args:?}: {output:?}");
        ensure!(
            code == 0 || output.stdout.is_empty(),
            "{args:?}: {output:?}"
        );
    }
    Ok(())
}

/// The message starts with the flag, whether the grammar or the controller found the fault.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_flag_to_mend() -> Result<()> {
    let cluster = with_files(0).await?;
    let server = &["server", "update", "files", "--tenant", "acme"][..];
    let key = &["key", "create", "k", "--tenant", "acme", "--lifespan", "7d"][..];
    for (command, wrong, flag) in [
        (server, &["--url", "ftp://x/"][..], "--url: "),
        (server, &["--url", "http://u:p@127.0.0.1/"], "--url: "),
        (server, &["--timeout", "2h"], "--timeout: "),
        (server, &["--timeout", "soon"], "--timeout <TIME>"),
        (server, &["--display-name", "a\nb"], "--display-name: "),
        (
            server,
            &["--tool-list-json-file", "-"],
            "--tool-list-json-file: ",
        ),
        (key, &["--server", "missing"], "--server: "),
        (key, &[], "--server"),
        (
            &["tenant", "create", "beta", "--host"],
            &["beta.test/path"],
            "--host: ",
        ),
        (
            &["tenant", "create", "Beta", "--host"],
            &["beta.test"],
            "<NAME>",
        ),
        (&["wait", "--revision"], &["-1"], "--revision"),
    ] {
        is_refused_for(&cluster, &[command, wrong].concat(), flag).await?;
    }
    let taken = ["tenant", "create", "beta", "--host", "acme.test"];
    let output = cluster.cli().run(&taken).await?;
    ensure!(
        output.code == 5 && output.stderr.contains("--host: "),
        "{output:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_about_a_secret_names_the_flag_to_mend() -> Result<()> {
    let cluster = with_files(0).await?;
    let empty = cluster.scratch().path().join("empty");
    tests::scratch::write_private(&empty, "")?;
    let empty = empty.to_str().context("a path in UTF-8")?;
    let set = [
        "server",
        "set-credential",
        "files",
        "--tenant",
        "acme",
        "--auth-scheme",
    ];
    let (none, bearer, api_key) = (&["none"][..], &["bearer"][..], &["api_key"][..]);
    let (file, header) = ("--auth-credential-file", "--auth-header-name");
    for (scheme, wrong, flag) in [
        (&[][..], &[][..], "--auth-scheme"),
        (&["basic"], &[], "--auth-scheme"),
        (bearer, &[], "--auth-credential-file: "),
        (none, &[file, "-"], "--auth-credential-file: "),
        (bearer, &[file, "/nowhere"], "--auth-credential-file: "),
        (bearer, &[file, empty], "--auth-credential-file: "),
        (bearer, &[header, "X-A", file, "-"], "--auth-header-name: "),
        (
            api_key,
            &[header, "Host", file, "-"],
            "--auth-header-name: ",
        ),
    ] {
        is_refused_for(&cluster, &[&set[..], scheme, wrong].concat(), flag).await?;
    }
    let config = [
        "client-config",
        "--tenant",
        "acme",
        "--server",
        "files",
        "--key-file",
    ];
    for source in ["-", empty, "/nowhere"] {
        is_refused_for(&cluster, &[&config[..], &[source]].concat(), "--key-file: ").await?;
    }
    Ok(())
}

async fn is_refused_for(cluster: &Cluster, args: &[&str], flag: &str) -> Result<()> {
    let output = cluster.cli().run_with(args, "not json").await?;
    ensure!(output.code == 2, "{args:?}: {output:?}");
    ensure!(output.stderr.contains(flag), "{args:?}: {output:?}");
    Ok(())
}

/// AD-18, S1-18: what is secret is no argument, because every process can read those.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_taken_from_the_command_line() -> Result<()> {
    let cluster = with_files(0).await?;
    let set = [
        "server",
        "set-credential",
        "files",
        "--tenant",
        "acme",
        "--auth-scheme",
        "bearer",
    ];
    let config = ["client-config", "--tenant", "acme", "--server", "files"];
    for (command, secret) in [
        (&set[..], &["CANARY"][..]),
        (&set, &["--auth-credential", "CANARY"]),
        (&set, &["--auth-credential-file=-", "CANARY"]),
        (&config, &["--key", "CANARY"]),
        (&config, &["--key-file=-", "CANARY"]),
        (&["status"], &["--token", "CANARY"]),
    ] {
        let args = [command, secret].concat();
        let output = cluster.cli().run_with(&args, "value").await?;
        ensure!(output.code == 2, "{args:?}: {output:?}");
    }
    let from_stdin = [&set[..], &["--auth-credential-file", "-"]].concat();
    let output = cluster.cli().run_with(&from_stdin, "value\n").await?;
    ensure!(output.code == 0, "the positive twin: {output:?}");
    Ok(())
}

/// Tenant `acme` with a server `files`.
async fn with_files(gateways: usize) -> Result<Cluster> {
    let cluster = Cluster::builder().gateways(gateways).start().await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    cluster
        .aldgate(&[
            "server",
            "create",
            "files",
            "--tenant",
            "acme",
            "--url",
            "http://127.0.0.1:9/mcp",
        ])
        .await?;
    Ok(cluster)
}

/// The program, pointed at a port that nobody listens on.
fn elsewhere(cli: &Cli) -> Result<Cli> {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut cli = cli.clone();
    cli.env.retain(|(name, _)| name != "ALDGATE_ENDPOINT");
    cli.env
        .push(("ALDGATE_ENDPOINT".into(), format!("https://{closed}")));
    Ok(cli)
}
