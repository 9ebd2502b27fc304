//! May they: target, caller and call → [`Permit`]. It reads the parsed call, never a header, and
//! decides by names alone. What a caller may see of a list is decided by the same function.

mod denial;
mod rights;
mod sight;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use self::{
    denial::{CODE as DENIED, Denial},
    sight::Sight,
};

use self::rights::{Asked, Rights, Verdict};
use crate::{
    authn::Caller,
    config::{
        lease::Lease,
        snapshot::{CredentialUse, EgressMode, Server, ServerSlot, Snapshot},
    },
    error::Error,
    read::Call,
    route::Target,
};

/// Leave to send one call to one server. Only [`authorize`] makes one, and sending takes it by value.
pub struct Permit {
    grant: Grant,
    call: Call,
}

/// Who was let in, where to, and with what; it outlives the call for the sake of the answer.
pub struct Grant {
    caller: Caller,
    server: Arc<Server>,
    lease: Option<Arc<Lease>>,
}

impl Permit {
    /// Who is calling.
    pub fn caller(&self) -> &Caller {
        &self.grant.caller
    }

    /// What is called.
    pub fn server(&self) -> &Arc<Server> {
        &self.grant.server
    }

    /// What is to be done there.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// What may be presented there.
    pub fn lease(&self) -> Option<&Arc<Lease>> {
        self.grant.lease.as_ref()
    }

    /// Whether something at the server is kept from the caller.
    pub fn is_restricted(&self) -> bool {
        !self.grant.rights().are_whole()
    }

    /// Uses the permit up.
    pub fn into_parts(self) -> (Grant, Call) {
        (self.grant, self.call)
    }
}

impl Grant {
    /// Who is calling.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What is called.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// What may be presented there.
    pub fn lease(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref()
    }

    /// What the caller may see of the server's lists.
    pub fn sight(&self, now: SystemTime) -> Sight {
        Sight::new(self.caller.clone(), Arc::clone(&self.server), now)
    }

    fn rights(&self) -> Rights<'_> {
        Rights::at(&self.caller, &self.server)
    }

    /// When the caller's credential stops working.
    pub fn expires(&self) -> Option<SystemTime> {
        self.caller.expires()
    }

    /// Whether an open stream may go on under this grant as it began under that one: what it leaves
    /// out was decided then. Nothing is left out for who may do everything.
    pub fn may_as_much_as(&self, before: &Self) -> bool {
        let whole = |grant: &Self| grant.rights().are_whole();
        let scopes = self.caller.scopes() == before.caller.scopes();
        let revision = |grant: &Self| grant.caller.tenant().policy_revision();
        whole(self) || (!whole(before) && scopes && revision(self) == revision(before))
    }

    /// Whether a snapshot has the caller's tenant as it was when the grant was made.
    pub fn is_current(&self, snapshot: &Snapshot) -> bool {
        let tenant = self.caller.tenant();
        snapshot
            .tenant_by_slug(tenant.slug.as_str())
            .is_some_and(|current| Arc::ptr_eq(current, tenant))
    }

    /// Without what may be presented, which was: a stream that stays open must not keep it.
    #[must_use]
    pub fn without_lease(self) -> Self {
        Self {
            lease: None,
            ..self
        }
    }

    /// The same grant, without what may be presented, as of a later snapshot; none if the caller would not be let in any more.
    pub fn renewed(&self, snapshot: &Snapshot, now: SystemTime) -> Option<Self> {
        let caller = self.caller.renewed(snapshot, now)?;
        let slot = caller.tenant().server_by_uid(self.server.uid)?;
        let server = match slot {
            ServerSlot::Serving(server) => server,
            // No worse than it was.
            ServerSlot::Quarantined(_) => &self.server,
        };
        let server = Arc::clone(server);
        let allowed = matches!(
            Rights::at(&caller, &server).verdict(&Asked::Anything),
            Verdict::Allowed
        );
        (allowed && rights::reaches(&caller, server.slug.as_str())).then(|| Self {
            caller,
            server,
            lease: None,
        })
    }
}

/// Decides. A server that does not exist, one that the credential does not open and one where the
/// policy allows nothing are the same to the caller (TI-01).
pub fn authorize(
    target: &Target,
    caller: Caller,
    call: Call,
    now: SystemTime,
    lease_grace: Duration,
) -> Result<Permit, Error> {
    let found = target.server().and_then(|name| {
        let slot = caller.tenant().server(name)?;
        (caller.opens(slot.uid()) && rights::reaches(&caller, name)).then_some(slot)
    });
    let server = match found.ok_or(Error::UnknownServer)? {
        ServerSlot::Serving(server) => Arc::clone(server),
        ServerSlot::Quarantined(_) => return Err(Error::ServerQuarantined),
    };
    Rights::at(&caller, &server).check(&call, target)?;
    let lease = lease(&caller, &server, now, lease_grace)?;
    let grant = Grant {
        caller,
        server,
        lease,
    };
    Ok(Permit { grant, call })
}

/// What the call carries of ours; where it wants something, it does not go without.
fn lease(
    caller: &Caller,
    server: &Server,
    now: SystemTime,
    grace: Duration,
) -> Result<Option<Arc<Lease>>, Error> {
    let token = caller.static_token().filter(|token| token.has_headers);
    if server.egress != EgressMode::Shared && token.is_none() {
        return Ok(None);
    }
    let suffices =
        |lease: &Lease| token.is_none_or(|token| lease.token_headers(token.uid).is_some());
    match &server.credential {
        CredentialUse::None if token.is_none() => Ok(None),
        CredentialUse::Attach(lease) if !lease.usable(now, grace) => {
            Err(Error::CredentialUnavailable)
        }
        CredentialUse::Attach(lease) if suffices(lease) => Ok(Some(Arc::clone(lease))),
        _ => Err(Error::CredentialDetached),
    }
}
