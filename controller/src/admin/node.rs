//! Gateway nodes and the config that each runs, as the registry knows them.

use proto::{
    admin::v1::{self, node_service_server::NodeService},
    id::NodeId,
};
use tonic::{Request, Response, Status};

use super::{Admin, called, last, page::List, timestamp};
use crate::{
    error::Error,
    store::audit::Entry,
    sync::nodes::{Link, Node, Reject, Severity},
};

#[tonic::async_trait]
impl NodeService for Admin {
    async fn get_node(
        &self,
        request: Request<v1::GetNodeRequest>,
    ) -> Result<Response<v1::GetNodeResponse>, Status> {
        let (_, request) = called(request)?;
        let id = read_name(&request.name)?;
        let found = self.0.registry.find(&id);
        let node = found.ok_or(Error::NotFound(request.name))?;
        Ok(Response::new(v1::GetNodeResponse {
            node: Some(self.node_view(node)),
        }))
    }

    async fn list_nodes(
        &self,
        request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        let (_, request) = called(request)?;
        let list = List {
            of: "nodes.list",
            parent: "",
        };
        let pages = &self.0.pages;
        let page = pages.read(list, request.page_size, &request.page_token)?;
        let mut nodes = self.0.registry.list();
        nodes.retain(|node| node.id.as_str() > page.after.as_str());
        nodes.truncate(page.size + 1);
        let nodes = nodes.into_iter().map(|node| self.node_view(node));
        let mut nodes: Vec<_> = nodes.collect();
        let next_page_token = pages.cut(list, &page, &mut nodes, |node| last(&node.name));
        Ok(Response::new(v1::ListNodesResponse {
            nodes,
            next_page_token,
        }))
    }

    async fn delete_node(
        &self,
        request: Request<v1::DeleteNodeRequest>,
    ) -> Result<Response<v1::DeleteNodeResponse>, Status> {
        let (actor, request) = called(request)?;
        let id = read_name(&request.name)?;
        match self.0.registry.find(&id).map(|node| node.link) {
            None => return Err(Error::NotFound(request.name).into()),
            Some(Link::Connected) => return Err(Error::NodeConnected.into()),
            Some(Link::Disconnected) => {}
        }
        let mut tx = actor.enter_platform(&self.0.store).await?;
        // A node that connected a moment ago may not have been saved yet: no row is no failure.
        tx.delete_node(&id).await.map_err(Error::from)?;
        let entry = Entry {
            resource: request.name,
            before: None,
            after: None,
        };
        tx.commit_recorded_of(None, &entry)
            .await
            .map_err(Error::from)?;
        // Last, so that a deletion that cannot be recorded changes nothing. A node that connected
        // meanwhile stays, and is saved again.
        self.0.registry.forget(&id);
        Ok(Response::new(v1::DeleteNodeResponse {}))
    }
}

impl Admin {
    fn node_view(&self, node: Node) -> v1::Node {
        let state = match node.link {
            Link::Connected => v1::node::State::Connected,
            Link::Disconnected => v1::node::State::Disconnected,
        };
        v1::Node {
            name: name(&node.id),
            pool: node.pool,
            state: state.into(),
            applied_revision: node.applied.revision,
            rejects: self.reject_views(node.rejects),
            connect_time: Some(timestamp(node.connected_at.into())),
            last_seen_time: Some(timestamp(node.seen_at.into())),
            version: node.version,
        }
    }

    /// Rejects with the names that people use.
    pub(super) fn reject_views(&self, rejects: Vec<Reject>) -> Vec<v1::Reject> {
        let state = self.0.states.borrow().clone();
        let shown = |resource: String| match &state {
            Some(state) => state.display_name(&resource),
            None => resource,
        };
        let view = |reject: Reject| v1::Reject {
            resource: shown(reject.resource),
            revision: reject.revision,
            serving_revision: reject.serving_revision,
            reason: reject.reason,
            detail: reject.detail,
            severity: match reject.severity {
                Severity::Warning => v1::reject::Severity::Warning.into(),
                Severity::Error => v1::reject::Severity::Error.into(),
            },
        };
        rejects.into_iter().map(view).collect()
    }
}

pub(super) fn name(id: &NodeId) -> String {
    format!("nodes/{id}")
}

fn read_name(name: &str) -> Result<NodeId, Error> {
    let id = name.strip_prefix("nodes/").and_then(|id| id.parse().ok());
    id.ok_or_else(|| Error::invalid("name", "must have the form `nodes/{node}`"))
}
