//! Which servers a key opens: all of its tenant's, or some that it names.

use std::collections::BTreeSet;

use proto::{
    admin::v1,
    id::ServerUid,
    name::{ServerName, Slug},
};

use crate::{
    admin::{field::Checks, mask::Mask},
    error::{Error, Violation},
    store::{OneTenant, Tx},
};

/// Which servers a key is to open from now on.
pub(super) enum Reach {
    Same,
    All,
    These(BTreeSet<Slug>),
}

impl Reach {
    /// What the mask and the values ask for. Naming servers narrows a key that opened all of them.
    pub(super) fn asked(
        checks: &mut Checks,
        mask: &Mask,
        given: &v1::Key,
        servers: BTreeSet<Slug>,
    ) -> Option<Self> {
        match (mask.names("all_servers"), mask.names("servers")) {
            (false, false) => Some(Self::Same),
            (true, false) if given.all_servers => Some(Self::All),
            (true, false) => {
                checks.refuse("key.all_servers", "name the servers it opens instead");
                None
            }
            (all_named, true) => {
                let all = all_named && given.all_servers;
                check_reach(checks, all, &given.servers);
                Some(if all { Self::All } else { Self::These(servers) })
            }
        }
    }
}

/// All servers or some of them: no key is made that opens nothing. A name at fault is told already,
/// so it counts as named.
pub(super) fn check_reach(checks: &mut Checks, all: bool, named: &[String]) {
    if all && !named.is_empty() {
        checks.refuse("key.servers", "must be empty when `all_servers` is set");
    } else if !all && named.is_empty() {
        checks.refuse(
            "key.servers",
            "name at least one server, or set `all_servers`",
        );
    }
}

/// The servers named, which must be of the key's own tenant.
pub(super) fn servers(checks: &mut Checks, tenant: &Slug, given: &[String]) -> BTreeSet<Slug> {
    if given.len() > MAX_SERVERS {
        checks.refuse("key.servers", format!("must be at most {MAX_SERVERS}"));
        return BTreeSet::new();
    }
    let mut servers = BTreeSet::new();
    for (at, text) in given.iter().enumerate() {
        let field = format!("key.servers[{at}]");
        let Some(name) = checks.parse::<ServerName>(&field, text) else {
            continue;
        };
        if name.tenant == *tenant {
            servers.insert(name.server);
        } else {
            checks.refuse(field, "must be a server of the key's own tenant");
        }
    }
    servers
}

/// The uids of these servers, which stay until the transaction ends.
pub(super) async fn hold(
    tx: &mut Tx<OneTenant>,
    servers: &BTreeSet<Slug>,
) -> Result<Vec<ServerUid>, Error> {
    let wanted: Vec<Slug> = servers.iter().cloned().collect();
    let found = tx.hold_servers(&wanted).await?;
    let missing: Vec<Violation> = wanted
        .iter()
        .filter(|slug| found.iter().all(|(_, held)| held != slug.as_str()))
        .map(|slug| Violation::new("key.servers", format!("there is no server `{slug}`")))
        .collect();
    if missing.is_empty() {
        Ok(found.into_iter().map(|(uid, _)| uid).collect())
    } else {
        Err(Error::Invalid(missing))
    }
}

const MAX_SERVERS: usize = 250;
