//! What else must not leak: internals in errors, memory in core files, secrets in the process table
//! (CL-03, CL-09, CL-10, CL-12).

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tests::{cluster::Cluster, postgres::Durability};

use crate::calls::Acme;

/// CL-03: with the database gone, an error says what to do and nothing of the inside.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_shows_no_internals() -> Result<()> {
    let cluster = Cluster::builder()
        .gateways(0)
        .start_alone(Durability::Scratch)
        .await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(cluster.postgres().pid())?).expect("it runs"),
        Signal::INT,
    )?;
    let refused = cluster
        .cli()
        .run(&["tenant", "create", "beta", "--host", "beta.test"])
        .await?;
    ensure!(refused.code != 0, "{refused:?}");
    for inside in [
        "SELECT",
        "INSERT",
        "sqlx",
        "postgres",
        "relation \"",
        "/run/",
        "/tmp/",
        ".sock",
        "127.0.0.1:",
    ] {
        ensure!(
            !refused.stderr.contains(inside),
            "{inside} in {}",
            refused.stderr
        );
    }
    Ok(())
}

/// CL-09.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_writes_no_core_and_no_other_user_reads_the_memory() -> Result<()> {
    let mut acme = Acme::start(1, "the-credential").await?;
    for pid in [
        acme.cluster.controller.pid(),
        acme.cluster.gateways[0].pid(),
    ] {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap_or_default();
        // The hard limit too: a soft one of 0 is what many machines start with.
        let limits: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(limits, ["0", "0"], "{core}");
        // Not dumpable: the kernel gives its memory to root alone.
        let owner =
            std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{pid}/mem"))?);
        assert_eq!(owner, 0);
    }
    let before = cores(&acme)?;
    acme.cluster.gateways[0].process().signal(Signal::ABORT);
    acme.cluster.controller.process().signal(Signal::ABORT);
    acme.cluster.gateways[0]
        .process()
        .wait(std::time::Duration::from_secs(10))
        .await?;
    acme.cluster
        .controller
        .process()
        .wait(std::time::Duration::from_secs(10))
        .await?;
    assert_eq!(cores(&acme)?, before);
    Ok(())
}

fn cores(acme: &Acme) -> Result<usize> {
    let names = std::fs::read_dir(acme.cluster.logs())?.chain(std::fs::read_dir(".")?);
    Ok(names
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("core"))
        .count())
}

/// CL-10.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_table_shows_no_key() -> Result<()> {
    let acme = Acme::start(1, "CANARY-credential").await?;
    let kek = acme
        .cluster
        .controller
        .settings()
        .env
        .iter()
        .find(|(name, _)| name == "ALDGATE_KEK_FILE");
    let kek = std::fs::read_to_string(&kek.expect("it has one").1)?;
    for pid in [
        acme.cluster.controller.pid(),
        acme.cluster.gateways[0].pid(),
    ] {
        for file in ["cmdline", "environ"] {
            let shown = std::fs::read(format!("/proc/{pid}/{file}"))?;
            let shown = String::from_utf8_lossy(&shown);
            for secret in [
                kek.trim(),
                "CANARY",
                acme.cluster.bootstrap_token(),
                &acme.key,
            ] {
                ensure!(!shown.contains(secret), "a secret in {file}");
            }
        }
    }
    Ok(())
}

/// CL-12 (CVE-2026-32625): no template language in what a tenant enters.
#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_in_a_credential_is_just_text() -> Result<()> {
    let acme = Acme::start(1, "${ALDGATE_KEK_FILE}{{.Env}}").await?;
    acme.echo(&acme.cluster.gateways[0], "literally").await?;
    let create = [
        "server",
        "create",
        "templated",
        "--tenant",
        "acme",
        "--url",
        "http://127.0.0.1:9/${HOME}",
    ];
    let created = acme.cluster.cli().run(&create).await?;
    if created.code == 0 {
        let shown = acme
            .cluster
            .aldgate(&[
                "server",
                "get",
                "templated",
                "--tenant",
                "acme",
                "-o",
                "json",
            ])
            .await?;
        ensure!(!shown.contains("/root"), "{shown}");
    }
    Ok(())
}
