//! Who is calling the admin API. The gRPC door makes an [`Actor`] for every call; handlers reach a
//! tenant's rows only through it.

use proto::name::Slug;

pub use crate::store::token::Role;
use crate::{
    error::Error,
    store::{Author, OneTenant, Platform, Reach, Store, Tx},
};

/// How far a token reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clearance {
    /// Whose rows.
    pub reach: Reach,
    /// To do what.
    pub role: Role,
}

/// Who is calling, on one call, after the permission was checked.
#[derive(Debug, Clone)]
pub struct Actor {
    /// What is recorded of the call.
    pub author: Author,
    /// How far the token reaches.
    pub clearance: Clearance,
}

impl Actor {
    /// The caller of this request, as the door established it.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Error> {
        let actor = request.extensions().get::<Self>();
        actor.cloned().ok_or(Error::Unauthenticated)
    }

    /// A transaction on one tenant's rows. Another tenant's is not found, as if it did not exist;
    /// `name` is what the caller asked for.
    pub async fn enter(
        &self,
        store: &Store,
        tenant: &Slug,
        name: impl ToString,
    ) -> Result<Tx<OneTenant>, Error> {
        let found = store
            .tenant(self.author.clone(), self.clearance.reach, tenant)
            .await?;
        found.ok_or_else(|| Error::NotFound(name.to_string()))
    }

    /// A transaction on the installation's rows, for tokens that are confined to no tenant.
    pub async fn enter_platform(&self, store: &Store) -> Result<Tx<Platform>, Error> {
        match self.clearance.reach {
            Reach::Platform => Ok(store.platform(self.author.clone()).await?),
            Reach::Tenant(_) => Err(Error::Denied {
                permission: self.author.action.clone(),
            }),
        }
    }
}
