//! Revisions: which changes there were, and waiting until one is live on every node.

use std::time::Duration;

use proto::{
    admin::v1::{self, revision_service_server::RevisionService},
    id::TenantUid,
    name::TenantName,
};
use tonic::{Request, Response, Status};

use super::{
    Actor, Admin, called,
    field::{self, Checks},
    last, node,
    page::List,
    timestamp,
};
use crate::{
    error::Error,
    store::{Reach, revision::Revision},
    sync::nodes::{Answer, Receipt, Verdict},
};

#[tonic::async_trait]
impl RevisionService for Admin {
    async fn get_revision(
        &self,
        request: Request<v1::GetRevisionRequest>,
    ) -> Result<Response<v1::GetRevisionResponse>, Status> {
        let (actor, request) = called(request)?;
        let revision = read(self, &actor, request.name).await?;
        Ok(Response::new(v1::GetRevisionResponse {
            revision: Some(revision),
        }))
    }

    async fn list_revisions(
        &self,
        request: Request<v1::ListRevisionsRequest>,
    ) -> Result<Response<v1::ListRevisionsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(list(self, &actor, request).await?))
    }

    async fn wait_for_revision(
        &self,
        request: Request<v1::WaitForRevisionRequest>,
    ) -> Result<Response<v1::WaitForRevisionResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(wait(self, &actor, request).await?))
    }
}

async fn read(admin: &Admin, actor: &Actor, name: String) -> Result<v1::Revision, Error> {
    let segment = name.strip_prefix("revisions/");
    let asked = match segment {
        Some("head") => None,
        Some(number) if is_number(number) => number.parse::<u64>().ok(),
        _ => {
            let text = "must have the form `revisions/{number}` or be `revisions/head`";
            return Err(Error::invalid("name", text));
        }
    };
    if segment != Some("head") && asked.is_none() {
        return Err(Error::NotFound(name));
    }
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let head = tx.head().await?;
    let number = asked.unwrap_or(head.revision);
    if number == 0 {
        return Ok(v1::Revision {
            name: "revisions/0".to_owned(),
            epoch: head.epoch,
            ..Default::default()
        });
    }
    let found = tx.revision(number).await?;
    found.map(view).ok_or(Error::NotFound(name))
}

async fn list(
    admin: &Admin,
    actor: &Actor,
    request: v1::ListRevisionsRequest,
) -> Result<v1::ListRevisionsResponse, Error> {
    let list = List {
        of: "revisions.list",
        parent: "",
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let before = page.after.parse().unwrap_or(u64::MAX);
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let revisions = tx.revisions(before, page.limit()).await?;
    let mut revisions: Vec<_> = revisions.into_iter().map(view).collect();
    let next_page_token = pages.cut(list, &page, &mut revisions, |revision| last(&revision.name));
    Ok(v1::ListRevisionsResponse {
        revisions,
        next_page_token,
    })
}

async fn wait(
    admin: &Admin,
    actor: &Actor,
    request: v1::WaitForRevisionRequest,
) -> Result<v1::WaitForRevisionResponse, Error> {
    let mut checks = Checks::new();
    let timeout = match request.timeout {
        None => Some(DEFAULT_TIMEOUT),
        Some(timeout) => Duration::try_from(timeout)
            .ok()
            .filter(|timeout| *timeout <= LONGEST_WAIT),
    };
    if timeout.is_none() {
        checks.refuse("timeout", "must be from 0 s to 300 s");
    }
    let (Some(timeout), []) = (timeout, checks.found()) else {
        return Err(checks.into_error());
    };
    let only = only(admin, actor, &request.tenant).await?;
    let outcome = admin.0.registry.wait(request.revision, only, timeout).await;
    let answer = v1::WaitForRevisionResponse {
        revision: request.revision,
        nodes: outcome
            .receipts
            .into_iter()
            .map(|receipt| admin.receipt_view(receipt))
            .collect(),
    };
    match outcome.verdict {
        Verdict::Live => Ok(answer),
        Verdict::Rejected => Err(Error::RevisionRejected(answer)),
        Verdict::Pending => Err(Error::RevisionPending(answer)),
    }
}

/// Whose rejects count. A tenant's token is told of its own tenant's and must say so.
async fn only(admin: &Admin, actor: &Actor, tenant: &str) -> Result<Option<TenantUid>, Error> {
    if tenant.is_empty() {
        return match actor.clearance.reach {
            Reach::Platform => Ok(None),
            Reach::Tenant(_) => Err(Error::invalid("tenant", "is required for a tenant's token")),
        };
    }
    let name: TenantName = field::name("tenant", tenant)?;
    let tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    Ok(Some(tx.tenant().uid))
}

impl Admin {
    fn receipt_view(&self, receipt: Receipt) -> v1::NodeReceipt {
        let state = match receipt.answer {
            Answer::Applied => v1::node_receipt::State::Applied,
            Answer::Rejected => v1::node_receipt::State::Rejected,
            Answer::Missing => v1::node_receipt::State::Missing,
        };
        v1::NodeReceipt {
            node: node::name(&receipt.node),
            state: state.into(),
            applied_revision: receipt.applied_revision,
            rejects: self.reject_views(receipt.rejects),
        }
    }
}

fn view(revision: Revision) -> v1::Revision {
    v1::Revision {
        name: format!("revisions/{}", revision.number),
        number: revision.number,
        epoch: revision.epoch,
        create_time: Some(timestamp(revision.time)),
        actor: revision.actor,
        action: revision.action,
        resources: revision.resources,
    }
}

/// Digits without leading zeros: every revision has one name.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.is_empty()
        && (text == "0" || !text.starts_with('0'))
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that a caller may wait. The door allows the method a little more, so that it answers itself.
pub const LONGEST_WAIT: Duration = Duration::from_mins(5);
