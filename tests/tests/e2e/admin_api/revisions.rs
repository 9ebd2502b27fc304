//! Revisions: every committed change answers with its own, and there are no gaps.

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use proto::admin::v1::{GetRevisionRequest, ListRevisionsRequest};
use tests::cluster::Cluster;
use tonic::Code;

use super::{new_server, refused, with_acme};

/// Many writers at once, some of which fail after they wrote.
#[tokio::test(flavor = "multi_thread")]
async fn revisions_are_dense_whoever_writes_at_once() -> Result<()> {
    let (cluster, mut admin) = with_acme().await?;
    // Two of each name: one of the two loses.
    let writes = (0..40).map(|number| {
        let mut servers = admin.servers.clone();
        async move {
            servers
                .create_server(new_server(&format!("s{}", number / 2)))
                .await
        }
    });
    let (mut revisions, mut lost) = (vec![1], 0);
    for answer in join_all(writes).await {
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                let server = answer.server.context("a server")?;
                assert_eq!(server.revision, answer.revision);
                assert_eq!(server.etag, answer.revision.to_string());
                revisions.push(answer.revision);
            }
            Err(status) => {
                ensure!(status.code() == Code::AlreadyExists, "{status:?}");
                lost += 1;
            }
        }
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=21).collect::<Vec<_>>());
    assert_eq!(lost, 20);
    assert_eq!(history(&cluster).await?, (21, (1..=21).collect()));

    let request = GetRevisionRequest {
        name: "revisions/head".into(),
    };
    let head = admin
        .revisions
        .get_revision(request)
        .await?
        .into_inner()
        .revision
        .context("a revision")?;
    assert_eq!((head.number, head.action.as_str()), (21, "servers.create"));
    let request = ListRevisionsRequest {
        page_size: 1000,
        ..Default::default()
    };
    let listed = admin
        .revisions
        .list_revisions(request)
        .await?
        .into_inner()
        .revisions;
    let numbers: Vec<_> = listed.iter().map(|revision| revision.number).collect();
    assert_eq!(numbers, (1..=21).rev().collect::<Vec<_>>(), "newest first");
    for missing in ["revisions/22", "revisions/99999999999999999999"] {
        let request = GetRevisionRequest {
            name: missing.into(),
        };
        refused(admin.revisions.get_revision(request).await, Code::NotFound)?;
    }
    Ok(())
}

/// The head, and the revisions that have entries in the log.
async fn history(cluster: &Cluster) -> Result<(i64, Vec<i64>)> {
    let mut database = cluster.database.connect().await?;
    let (head,): (i64,) = sqlx::query_as("SELECT revision FROM config_head")
        .fetch_one(&mut database)
        .await?;
    let logged: Vec<(i64,)> = sqlx::query_as("SELECT DISTINCT revision FROM change_log ORDER BY 1")
        .fetch_all(&mut database)
        .await?;
    Ok((
        head,
        logged.into_iter().map(|(revision,)| revision).collect(),
    ))
}
