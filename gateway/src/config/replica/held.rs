//! Which resources are held and at which revisions: what the digest is made of.

use proto::name::StreamName;

use super::{Name, Replica};

impl Replica {
    /// The revision at which a resource is held.
    pub(super) fn held(&self, name: &Name) -> Option<u64> {
        let tenant = |uid| self.tenants.get(uid);
        match name {
            Name::Strange(text) => self.strangers.get(text).copied(),
            Name::Known(StreamName::Tenant(uid)) => Some(tenant(uid)?.own.as_ref()?.held),
            Name::Known(StreamName::Key(uid, key)) => Some(tenant(uid)?.keys.get(key)?.held),
            Name::Known(StreamName::Server(uid, server)) => {
                Some(tenant(uid)?.servers.get(server)?.held)
            }
            Name::Known(StreamName::StaticToken(uid, token)) => {
                Some(tenant(uid)?.tokens.get(token)?.held)
            }
            Name::Known(StreamName::Policy(uid)) => Some(tenant(uid)?.policy.as_ref()?.held),
            Name::Known(StreamName::Defaults) => Some(self.defaults.as_ref()?.held),
        }
    }

    /// The names of everything held.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        let strangers = self.strangers.keys().cloned().map(Name::Strange);
        let known = self.tenants.iter().flat_map(|(&uid, tenant)| {
            let own = tenant.own.iter().map(move |_| StreamName::Tenant(uid));
            let servers = tenant.servers.keys();
            let servers = servers.map(move |&server| StreamName::Server(uid, server));
            let keys = tenant
                .keys
                .keys()
                .map(move |&key| StreamName::Key(uid, key));
            let tokens = tenant.tokens.keys();
            let tokens = tokens.map(move |&token| StreamName::StaticToken(uid, token));
            let policy = tenant.policy.iter().map(move |_| StreamName::Policy(uid));
            own.chain(policy).chain(servers).chain(keys).chain(tokens)
        });
        let defaults = self.defaults.iter().map(|_| StreamName::Defaults);
        strangers.chain(defaults.chain(known).map(Name::Known))
    }

    pub(super) fn count_out(&mut self, name: &Name) {
        if let Some(held) = self.held(name) {
            self.digest.remove(&name.to_string(), held);
        }
    }
}
