//! `aldgate status`: the newest revision, and what each node runs and rejects.

use proto::admin::v1::{Node, Revision, node::State};
use serde::Serialize;

use super::{node, revision};
use crate::{
    args::ListArgs,
    connect::Session,
    failure::Failure,
    output::{Printer, Proto, node_state, reject_line, slug},
};

pub(super) async fn run(session: &Session, printer: &Printer) -> Result<(), Failure> {
    // The head first: a node that then shows less is behind, not merely read earlier.
    let head = revision::get(revision::Which::Head, session).await?;
    let nodes = node::list(&ListArgs { limit: None }, session).await?;
    let status = Status {
        head: Proto(&head),
        nodes: nodes.iter().map(Proto).collect(),
    };
    printer.text(&status, &lines(&head, &nodes))
}

/// As scripts read it.
#[derive(Serialize)]
struct Status<'a> {
    head: Proto<'a, Revision>,
    nodes: Vec<Proto<'a, Node>>,
}

fn lines(head: &Revision, nodes: &[Node]) -> Vec<String> {
    let connected = nodes
        .iter()
        .filter(|node| node.state() == State::Connected)
        .count();
    let rejects = nodes.iter().map(|node| node.rejects.len()).sum::<usize>();
    let mut lines = vec![format!(
        "revision {}, {connected} of {} nodes connected, {rejects} rejects",
        head.number,
        nodes.len()
    )];
    for node in nodes {
        lines.push(format!(
            "  {} {}, {}",
            slug(&node.name),
            node_state(node),
            distance(head, node)
        ));
        lines.extend(
            node.rejects
                .iter()
                .map(|reject| format!("    rejects {}", reject_line(reject))),
        );
    }
    lines
}

fn distance(head: &Revision, node: &Node) -> String {
    match head.number.saturating_sub(node.applied_revision) {
        0 => format!("runs revision {}", node.applied_revision),
        behind => format!("runs revision {}, {behind} behind", node.applied_revision),
    }
}

#[cfg(test)]
mod tests {
    use proto::admin::v1::Reject;

    use super::*;

    #[test]
    fn it_shows_who_is_behind_and_what_is_rejected() {
        let head = Revision {
            number: 17,
            ..Revision::default()
        };
        let reject = Reject {
            resource: "tenants/acme/servers/files".into(),
            revision: 16,
            serving_revision: 12,
            reason: "CREDENTIAL_UNREADABLE".into(),
            detail: "the credential cannot be opened".into(),
            ..Reject::default()
        };
        let nodes = [
            node("nodes/gw-1", State::Connected, 17, vec![reject]),
            node("nodes/gw-2", State::Disconnected, 15, vec![]),
        ];
        insta::assert_snapshot!(lines(&head, &nodes).join("\n"), @r"
        revision 17, 1 of 2 nodes connected, 1 rejects
          gw-1 connected, runs revision 17
            rejects tenants/acme/servers/files at revision 16: the credential cannot be opened (CREDENTIAL_UNREADABLE); revision 12 of it serves on
          gw-2 disconnected, runs revision 15, 2 behind
        ");
    }

    fn node(name: &str, state: State, applied_revision: u64, rejects: Vec<Reject>) -> Node {
        Node {
            name: name.into(),
            state: state.into(),
            applied_revision,
            rejects,
            ..Node::default()
        }
    }
}
