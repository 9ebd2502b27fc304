//! Whether the credential of an open stream still counts, by a later snapshot and clock (TK-11,
//! TK-12, TK-16). Nothing is verified again that config cannot change: a signature stays good.

use std::{sync::Arc, time::SystemTime};

use super::caller::{Caller, Credential};
use crate::config::snapshot::{Authenticator, Authenticators, ServerSlot, Snapshot, Tenant};

/// The same caller as of this snapshot; none if they would not be let in any more.
pub(super) fn renewed(caller: &Caller, snapshot: &Snapshot, now: SystemTime) -> Option<Caller> {
    let tenant = snapshot.tenant_by_slug(caller.tenant.slug.as_str());
    let tenant = tenant.filter(|tenant| tenant.uid == caller.tenant.uid)?;
    let authenticators = authenticators(caller, tenant)?;
    let credential = match &caller.credential {
        Credential::Key(held, sha256) => {
            let configured = authenticators.list().iter();
            let mut configured = configured.map(|one| matches!(one, Authenticator::ApiKey(_)));
            configured.find(|found| *found)?;
            let secret = tenant.secret(sha256)?;
            let key = &secret.key;
            if key.uid != held.uid || key.disabled || secret.expired(now) {
                return None;
            }
            Credential::Key(Arc::clone(key), *sha256)
        }
        Credential::Static(..) | Credential::Person(_) => return None,
    };
    let renewed = Caller {
        tenant: Arc::clone(tenant),
        server: caller.server,
        credential,
    };
    let opens = caller.server.is_none_or(|server| renewed.opens(server));
    opens.then_some(renewed)
}

/// What the server asks of its callers now.
fn authenticators<'a>(caller: &Caller, tenant: &'a Tenant) -> Option<&'a Authenticators> {
    let Some(server) = caller.server else {
        return Some(tenant.authenticators());
    };
    match tenant.server_by_uid(server)? {
        ServerSlot::Serving(server) => server.authenticators.as_deref(),
        ServerSlot::Quarantined(_) => None,
    }
    .or(Some(tenant.authenticators()))
}
