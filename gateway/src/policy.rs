//! May they: target, caller and call → [`Permit`]. Which servers a key opens is all there is to
//! decide so far; it reads the parsed call, never a header.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    authn::Caller,
    config::{
        lease::Lease,
        snapshot::{CredentialUse, Server, ServerSlot},
    },
    error::Error,
    read::Call,
    route::Target,
};

/// Leave to send one call to one server. Only [`authorize`] makes one, and sending takes it by value.
pub struct Permit {
    caller: Caller,
    server: Arc<Server>,
    lease: Option<Arc<Lease>>,
    call: Call,
}

impl Permit {
    /// Who is calling.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What is called.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// What is to be done there.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The credential that goes with it.
    pub fn lease(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref()
    }

    /// Uses the permit up.
    pub fn into_call(self) -> Call {
        self.call
    }
}

/// Decides. A server that does not exist and one that the key does not open are the same to the
/// caller (TI-01).
pub fn authorize(
    target: &Target,
    caller: Caller,
    call: Call,
    now: SystemTime,
    lease_grace: Duration,
) -> Result<Permit, Error> {
    let slot = target
        .server()
        .and_then(|name| caller.tenant().server(name))
        .ok_or(Error::UnknownServer)?;
    let server = match slot {
        ServerSlot::Serving(server) if caller.opens(server.uid) => Arc::clone(server),
        ServerSlot::Quarantined(uid) if caller.opens(*uid) => return Err(Error::ServerQuarantined),
        ServerSlot::Serving(_) | ServerSlot::Quarantined(_) => return Err(Error::UnknownServer),
    };
    let lease = lease(&server, now, lease_grace)?;
    Ok(Permit {
        caller,
        server,
        lease,
        call,
    })
}

/// A server that wants a credential gets no call without it.
fn lease(server: &Server, now: SystemTime, grace: Duration) -> Result<Option<Arc<Lease>>, Error> {
    match &server.credential {
        CredentialUse::None => Ok(None),
        CredentialUse::Attach(lease) if lease.usable(now, grace) => Ok(Some(Arc::clone(lease))),
        CredentialUse::Attach(_) => Err(Error::CredentialUnavailable),
        CredentialUse::Detached => Err(Error::CredentialDetached),
    }
}
