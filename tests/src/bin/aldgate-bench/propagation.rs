//! How long a change takes: from the answer that says it is committed until every node has said that
//! it is live, and from sending the change until then.

use std::time::{Duration, Instant};

use proto::admin::v1::{Server, UpdateServerRequest, WaitForRevisionRequest};
use tests::cluster::Cluster;

/// One change's times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// From the answer to the change until it was live everywhere.
    pub(crate) committed_to_live: Duration,
    /// From sending the change until it was live everywhere.
    pub(crate) sent_to_live: Duration,
}

/// Changes the server's description `count` times, one after the other.
pub(crate) async fn measure(
    cluster: &Cluster,
    name: &str,
    count: u32,
) -> anyhow::Result<Vec<Change>> {
    let mut admin = cluster.admin().await?;
    let mut changes = Vec::new();
    for number in 0..count {
        let server = Server {
            name: name.to_owned(),
            description: format!("change {number}"),
            ..Default::default()
        };
        let update_mask = Some(prost_types::FieldMask {
            paths: vec!["description".to_owned()],
        });
        let sent = Instant::now();
        let answer = admin
            .servers
            .update_server(UpdateServerRequest {
                server: Some(server),
                update_mask,
            })
            .await?;
        let committed = Instant::now();
        let wait = WaitForRevisionRequest {
            revision: answer.into_inner().revision,
            ..Default::default()
        };
        admin.revisions.wait_for_revision(wait).await?;
        changes.push(Change {
            committed_to_live: committed.elapsed(),
            sent_to_live: sent.elapsed(),
        });
    }
    Ok(changes)
}

/// A Markdown table of percentiles.
pub(crate) fn table(changes: &[Change]) -> String {
    let row = |what: &str, field: fn(&Change) -> Duration| {
        let mut all: Vec<Duration> = changes.iter().map(field).collect();
        all.sort();
        let at = |percent: usize| {
            all.get((all.len() * percent / 100).min(all.len().saturating_sub(1)))
                .copied()
        };
        let ms = |percent| at(percent).unwrap_or_default().as_secs_f64() * 1e3;
        format!(
            "| {what} | {:.1} | {:.1} | {:.1} |\n",
            ms(50),
            ms(99),
            ms(100)
        )
    };
    format!(
        "| {} changes | p50 ms | p99 ms | max ms |\n|---|---|---|---|\n{}{}",
        changes.len(),
        row("committed → live on both nodes", |change| change
            .committed_to_live),
        row("sent → live on both nodes", |change| change.sent_to_live),
    )
}
