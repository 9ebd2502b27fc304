//! Revoking: what was issued and must not count any more. The change is in the database when the call
//! returns; the answer says besides who knows of it.

use std::time::{Duration, Instant};

use proto::{
    admin::v1::{
        self, revocation_service_server::RevocationService, revoke_request::Target as Given,
    },
    name::{ClientName, GrantName, KeyName, SigningKeyName, TenantName, UserName},
};
use tonic::{Request, Response, Status};

use self::target::{Change, Target};
use super::{Actor, Admin, again::again, called, field, key, node};
use crate::{
    error::Error,
    store::{OneTenant, Tx, audit::Entry},
};

/// What can be revoked, and what that means.
mod target;

/// Tokens as they were issued.
mod token;

#[tonic::async_trait]
impl RevocationService for Admin {
    async fn revoke(
        &self,
        request: Request<v1::RevokeRequest>,
    ) -> Result<Response<v1::RevokeResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = again(|| revoke(self, &actor, request.clone())).await?;
        Ok(Response::new(done))
    }
}

async fn revoke(
    admin: &Admin,
    actor: &Actor,
    request: v1::RevokeRequest,
) -> Result<v1::RevokeResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let wait = wait(request.wait)?;
    let target = read(&parent, field::required("target", request.target)?)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let change = target.revoke(&mut tx, &admin.0).await?;
    match commit(tx, change).await? {
        Some(sequence) => Ok(admin.told(sequence, wait).await),
        // It did not count any more before.
        None => Ok(v1::RevokeResponse::default()),
    }
}

/// What is asked for; everything belongs to the parent.
fn read(parent: &TenantName, given: Given) -> Result<Target, Error> {
    let own = |name: &dyn ToString, tenant, field| {
        if parent.tenant == tenant {
            return Ok(());
        }
        let text = format!("`{}` is not the parent's", name.to_string());
        Err(Error::invalid(field, text))
    };
    Ok(match given {
        Given::Token(token) => Target::Token(token.value),
        Given::Grant(text) => {
            let name: GrantName = field::name("grant", &text)?;
            own(&text, name.tenant.clone(), "grant")?;
            Target::Grant(name)
        }
        Given::Key(text) => {
            let name: KeyName = field::name("key", &text)?;
            own(&text, name.tenant.clone(), "key")?;
            Target::Key(name)
        }
        Given::User(text) => {
            let name: UserName = field::name("user", &text)?;
            own(&text, name.tenant.clone(), "user")?;
            Target::User(name)
        }
        Given::Client(text) => {
            let name: ClientName = field::name("client", &text)?;
            own(&text, name.tenant.clone(), "client")?;
            Target::Client(name)
        }
        Given::Everything(true) => Target::Everything,
        Given::Everything(false) => {
            return Err(Error::invalid("everything", "must be true where it is set"));
        }
        Given::SigningKey(text) => {
            let name: SigningKeyName = field::name("signing_key", &text)?;
            own(&text, name.tenant.clone(), "signing_key")?;
            Target::SigningKey(name)
        }
    })
}

fn wait(given: Option<prost_types::Duration>) -> Result<Duration, Error> {
    let wait = match given {
        None => Some(Duration::ZERO),
        Some(wait) => Duration::try_from(wait).ok(),
    };
    wait.filter(|wait| *wait <= LONGEST_WAIT)
        .ok_or_else(|| Error::invalid("wait", "must be from 0 s to 60 s"))
}

/// Commits with a record; the number of the revocation, if it made one.
async fn commit(tx: Tx<OneTenant>, change: Change) -> Result<Option<u64>, Error> {
    let recorded = |resource| Entry {
        resource,
        before: None,
        after: None,
    };
    Ok(match change {
        Change::Nothing => None,
        Change::Recorded(resource) => tx.commit_recorded(&recorded(resource)).await?,
        Change::OfConfig(entry) => tx.commit_change(&entry).await?.revocation,
    })
}

impl Admin {
    /// Who knows of a revocation: Redis within a moment, nodes within `wait`.
    async fn told(&self, sequence: u64, wait: Duration) -> v1::RevokeResponse {
        let parts = &self.0;
        // From here on the database is known to have the number, and to have what it had before: only
        // then does it mean the same to everybody.
        let looking = parts.logs.looked_since(Instant::now(), READ_WITHIN);
        parts.logs.nudge();
        let epoch = looking.await.map_or(0, |log| log.epoch);
        let there_is = |position| parts.logs.reaches(epoch, position);
        let (in_redis, nodes) = tokio::join!(
            parts.redis.carries(epoch, sequence, REDIS_WITHIN),
            parts.registry.wait_revoked(epoch, sequence, there_is, wait),
        );
        v1::RevokeResponse {
            revocation: sequence,
            in_redis,
            nodes: nodes
                .into_iter()
                .map(|said| v1::RevocationReceipt {
                    node: node::name(&said.node),
                    confirmed: said.confirmed,
                    position: said.position,
                })
                .collect(),
        }
    }
}

/// The longest that a caller may wait for nodes.
pub const LONGEST_WAIT: Duration = Duration::from_mins(1);
const READ_WITHIN: Duration = Duration::from_secs(2);
const REDIS_WITHIN: Duration = Duration::from_secs(2);
