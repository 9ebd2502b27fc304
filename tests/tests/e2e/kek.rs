//! The key-encryption key: the wrong one opens nothing and changes nothing (must hold 10; F-47, CR-01).

use anyhow::{Result, ensure};
use serde_json::json;

use tests::{cluster::Cluster, controller::Controller, scratch::write_private, seed::Seed};

use crate::calls::{Acme, tool_call};

/// F-47.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_refuses_to_boot_and_writes_nothing() -> Result<()> {
    let mut cluster = Cluster::builder().gateways(0).start().await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    cluster.controller.stop().await?;
    let before = cluster.database.dump()?;

    let other = cluster.scratch().path().join("other.kek");
    write_private(&other, "11".repeat(32))?;
    let mut settings = cluster.controller.settings().clone();
    settings.env.retain(|(name, _)| name != "ALDGATE_KEK_FILE");
    settings
        .env
        .push(("ALDGATE_KEK_FILE".into(), other.display().to_string()));
    let said = Controller::refuses(&settings).await?;
    ensure!(said.contains("kek_"), "names the keys: {said}");
    assert_eq!(cluster.database.dump()?, before, "it wrote nothing");

    cluster.controller.restart().await?;
    cluster.aldgate(&["tenant", "get", "acme"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_may_read_refuses_to_boot() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut cluster = Cluster::builder().gateways(0).start().await?;
    cluster.controller.stop().await?;
    let settings = cluster.controller.settings().clone();
    let (_, kek) = settings
        .env
        .iter()
        .find(|(name, _)| name == "ALDGATE_KEK_FILE")
        .expect("it has one");
    std::fs::set_permissions(kek, std::fs::Permissions::from_mode(0o644))?;
    let said = Controller::refuses(&settings).await?;
    ensure!(
        said.contains("0600") || said.contains("0400"),
        "says how to mend it: {said}"
    );
    Ok(())
}

/// CR-01: a ciphertext opens in its own row only.
#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_ciphertexts_swapped_in_the_database_do_not_decrypt() -> Result<()> {
    let mut acme = Acme::start(1, "credential-of-acme").await?;
    let beta = Seed {
        tenant: "beta",
        host: "beta.test",
        aliases: &[],
        server: "files",
        url: &acme.demo.url(),
        credential_file: Some(acme.demo.credential_file()),
    };
    let beta_key = beta
        .plant(acme.cluster.cli(), acme.cluster.scratch().path())
        .await?
        .api_key;
    acme.echo(&acme.cluster.gateways[0], "before").await?;
    let served = acme.demo.received()?.len();

    let mut owner = acme.cluster.database.connect().await?;
    let swapped = sqlx::query(
        "UPDATE credentials c SET sealed = o.sealed FROM credentials o WHERE o.tenant_id <> c.tenant_id",
    )
    .execute(&mut owner)
    .await?;
    ensure!(swapped.rows_affected() == 2);

    acme.cluster.controller.restart().await?;
    acme.cluster.gateways[0].restart().await?;
    let gateway = &acme.cluster.gateways[0];
    for (host, key) in [(Acme::HOST, &acme.key), ("beta.test", &beta_key)] {
        let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}))
            .host(host)
            .bearer(key);
        let answer = request.send(gateway.address()).await?;
        assert_eq!(answer.status, 503, "{host}: {}", answer.text());
    }
    assert_eq!(acme.demo.received()?.len(), served, "nothing was sent");
    let nodes = acme
        .cluster
        .aldgate(&["node", "list", "-o", "json"])
        .await?;
    ensure!(
        nodes.matches("CREDENTIAL_UNREADABLE").count() == 2,
        "{nodes}"
    );
    ensure!(
        nodes.contains("tenants/acme/servers/files")
            && nodes.contains("tenants/beta/servers/files")
    );
    Ok(())
}
