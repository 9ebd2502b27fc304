//! The record that every change leaves, in the transaction that makes it.

mod record;
mod step;

use anyhow::{Context, Result, ensure};
use tests::{admin::Admin, cluster::Cluster};
use tonic::Code;
use tonic_types::StatusExt as _;

use self::{
    record::{hex, records},
    step::{Step, World},
};
use super::new_tenant;

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_leaves_exactly_one_record_of_itself() -> Result<()> {
    let (cluster, mut admin) = with_a_gone_node().await?;
    let mut seen = records(&cluster).await?.len();
    let mut world = World::default();
    for step in Step::ALL {
        let revision = step.run(&mut admin, &mut world).await?;
        let all = records(&cluster).await?;
        let (action, resource) = step.records(&world);
        assert_eq!(all.len(), seen + 1, "{action}");
        let record = all.last().context("a record")?;
        seen = all.len();

        assert_eq!(
            (record.action.as_str(), record.resource.as_str()),
            (action, resource.as_str())
        );
        assert_eq!(record.revision, revision, "{action}");
        record.is_complete(&cluster)?;
        let (before, after) = (record.before.is_some(), record.after.is_some());
        let expected = match action.split_once('.').context("a dot")?.1 {
            "create" => (false, true),
            "delete" => (true, false),
            _ => (true, true),
        };
        // A node has no public form to make a digest of.
        if action != "nodes.delete" {
            assert_eq!((before, after), expected, "{action}");
            ensure!(record.before != record.after, "{action}");
        }
    }
    Ok(())
}

/// Only what was done is recorded: no call that reads, none that is refused.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_leaves_no_record() -> Result<()> {
    let (cluster, mut admin) = super::with_acme().await?;
    let before = records(&cluster).await?.len();
    cluster.aldgate(&["tenant", "get", "acme"]).await?;
    cluster.aldgate(&["tenant", "list"]).await?;
    cluster.aldgate(&["status"]).await?;
    let taken = admin
        .tenants
        .create_tenant(new_tenant("acme", "x.test"))
        .await;
    assert_eq!(taken.unwrap_err().code(), Code::AlreadyExists);
    let invalid = admin
        .tenants
        .create_tenant(new_tenant("..", "x.test"))
        .await;
    assert_eq!(invalid.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(records(&cluster).await?.len(), before);
    super::create_server(&mut admin, "files").await?;
    assert_eq!(
        records(&cluster).await?.len(),
        before + 1,
        "the positive twin"
    );
    Ok(())
}

/// CR-07: what cannot be recorded is not done.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_recorded_does_not_happen() -> Result<()> {
    let (cluster, mut admin) = with_a_gone_node().await?;
    let mut world = World::default();
    for step in Step::ALL {
        let mut superuser = cluster.database.connect().await?;
        sqlx::query("REVOKE INSERT ON audit_records FROM aldgate_app")
            .execute(&mut superuser)
            .await?;
        let before = cluster.database.dump()?;
        let (action, _) = step.records(&world);
        let refused = step
            .run(&mut admin, &mut world)
            .await
            .err()
            .context("it was refused")?;
        assert_eq!(refused.code(), Code::Internal, "{action}: {refused:?}");
        let details = refused.get_error_details();
        ensure!(
            details.request_info().is_some(),
            "{action}: a correlation id"
        );
        ensure!(
            !refused.message().contains("audit"),
            "{action}: {}",
            refused.message()
        );
        ensure!(
            cluster.database.dump()? == before,
            "{action} changed something"
        );

        sqlx::query("GRANT INSERT ON audit_records TO aldgate_app")
            .execute(&mut superuser)
            .await?;
        step.run(&mut admin, &mut world)
            .await
            .with_context(|| format!("{action}: the positive twin"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_holds_a_secret() -> Result<()> {
    let (cluster, mut admin) = with_a_gone_node().await?;
    let mut world = World::default();
    for step in Step::ALL {
        step.run(&mut admin, &mut world).await?;
    }
    let text: String = sqlx::query_scalar(
        "SELECT string_agg(a::text || encode(canonical, 'escape'), ' ') FROM audit_records a",
    )
    .fetch_one(&mut cluster.database.connect().await?)
    .await?;
    ensure!(
        text.contains("servers.setCredential"),
        "it was read: {text}"
    );
    ensure!(
        world.secrets.len() == 10,
        "each of them: {}",
        world.secrets.len()
    );
    world.secrets.push(cluster.bootstrap_token().to_owned());
    for secret in &world.secrets {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
        let hash = hex(hash.as_ref());
        for form in [secret, &hash] {
            ensure!(!text.contains(form.as_str()), "{form} in {text}");
        }
    }
    Ok(())
}

/// A cluster that knows a node which is not there any more.
async fn with_a_gone_node() -> Result<(Cluster, Admin)> {
    let mut cluster = Cluster::builder().gateways(1).start().await?;
    cluster.gateways[0].stop().await?;
    // A restart forgets nothing, but closes every stream.
    cluster.controller.restart().await?;
    let admin = cluster.admin().await?;
    Ok((cluster, admin))
}
