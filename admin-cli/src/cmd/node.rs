//! `aldgate node`.

use clap::Subcommand;
use proto::{
    admin::v1::{DeleteNodeRequest, GetNodeRequest, ListNodesRequest, Node},
    id::NodeId,
};

use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with nodes. They are not created: they come with their certificate.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show one node, with all that it rejects
    Get {
        /// The node
        name: NodeId,
    },
    /// List all nodes
    List(ListArgs),
    /// Forget a node that is not connected
    Delete {
        /// The node
        name: NodeId,
    },
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Get { name } => {
            let request = GetNodeRequest {
                name: node_name(&name),
            };
            let answer = session.nodes().get_node(request).await?.into_inner();
            printer.one(&answer.node.unwrap_or_default())
        }
        Verb::List(args) => printer.list(&list(&args, session).await?),
        Verb::Delete { name } => {
            let name = node_name(&name);
            let request = DeleteNodeRequest { name: name.clone() };
            session.nodes().delete_node(request).await?;
            printer.gone(&name)
        }
    }
}

/// All nodes, or as many as were asked for.
pub(super) async fn list(args: &ListArgs, session: &Session) -> Result<Vec<Node>, Failure> {
    let mut nodes = session.nodes();
    let all = gather(args, async |page_size, page_token| {
        let request = ListNodesRequest {
            page_size,
            page_token,
        };
        let page = nodes.list_nodes(request).await?.into_inner();
        Ok((page.nodes, page.next_page_token))
    });
    all.await
}

fn node_name(node: &NodeId) -> String {
    format!("nodes/{node}")
}
