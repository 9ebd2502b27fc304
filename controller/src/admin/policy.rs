//! A tenant's policy: what callers may do. It is checked by compiling it, as nodes will.

use policy::Fault;
use prost::Message as _;
use proto::{
    access,
    admin::v1,
    name::{PolicyName, TenantName},
};

use super::{Actor, Admin, check_etag, digest, etag, field, timestamp};
use crate::{
    error::{Error, Violation},
    store::{OneTenant, Tx, audit::Entry, policy::StoredPolicy},
};

/// How tools are classed.
pub(super) mod classify;

/// What somebody may do, and why.
pub(super) mod explain;

pub(super) async fn get(
    admin: &Admin,
    actor: &Actor,
    request: &v1::GetPolicyRequest,
) -> Result<v1::GetPolicyResponse, Error> {
    let name: PolicyName = field::name("name", &request.name)?;
    let mut tx = actor
        .enter(&admin.0.store, &name.tenant, &request.name)
        .await?;
    let stored = tx.policy().await?;
    Ok(v1::GetPolicyResponse {
        policy: Some(view(&name, stored)),
    })
}

pub(super) async fn set(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetPolicyRequest,
) -> Result<v1::SetPolicyResponse, Error> {
    let given = field::required("policy", request.policy)?;
    let name: PolicyName = field::name("policy.name", &given.name)?;
    if let Some(policy) = &given.policy {
        compile("policy.policy", policy)?;
        if policy.encoded_len() > MAX_BYTES {
            return Err(Error::invalid("policy.policy", "must be smaller than 1 MB"));
        }
    }

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    lock(&mut tx, &name).await?;
    let before = tx.policy().await?;
    let revision = before.as_ref().map_or(0, |before| before.revision);
    check_etag(&given.etag, revision)?;
    match &given.policy {
        Some(policy) => tx.set_policy(policy).await?,
        // Nothing to remove is no change, and has no revision of its own.
        None if !tx.delete_policy().await? => {
            return Ok(v1::SetPolicyResponse {
                policy: Some(view(&name, None)),
                revision: 0,
            });
        }
        None => {}
    }
    let entry = Entry {
        resource: name.to_string(),
        before: before.map(|before| sum(&before.policy)),
        after: given.policy.as_ref().map(sum),
    };
    let committed = tx.commit_change(&entry).await?;
    let after = given
        .policy
        .map(|policy| StoredPolicy::after(policy, committed));
    Ok(v1::SetPolicyResponse {
        policy: Some(view(&name, after)),
        revision: committed.revision,
    })
}

/// The compiled policy, or all its faults, each under `field`.
fn compile(field: &str, given: &access::v1::Policy) -> Result<policy::Policy, Error> {
    policy::Policy::compile(given).map_err(|faults| {
        let violation =
            |Fault {
                 field: place,
                 problem,
             }| { Violation::new(format!("{field}.{place}"), problem) };
        Error::Invalid(faults.into_iter().map(violation).collect())
    })
}

async fn lock(tx: &mut Tx<OneTenant>, name: &PolicyName) -> Result<(), Error> {
    let locked = tx.lock_tenant().await?;
    let gone = || {
        let tenant = name.tenant.clone();
        Error::NotFound(TenantName { tenant }.to_string())
    };
    locked.map(drop).ok_or_else(gone)
}

fn view(name: &PolicyName, stored: Option<StoredPolicy>) -> v1::AccessPolicy {
    let name = name.to_string();
    match stored {
        None => v1::AccessPolicy {
            name,
            etag: etag(0),
            ..v1::AccessPolicy::default()
        },
        Some(stored) => v1::AccessPolicy {
            name,
            policy: Some(stored.policy),
            update_time: Some(timestamp(stored.updated_at)),
            etag: etag(stored.revision),
            revision: stored.revision,
        },
    }
}

fn sum(policy: &access::v1::Policy) -> [u8; 32] {
    digest::of("aldgate.access.v1.Policy", policy)
}

/// What a node takes of one resource, with room for its name.
const MAX_BYTES: usize = 1_000_000;
