//! Which rows to read, and what the statements are given for it.

use proto::name::StreamName;
use uuid::Uuid;

/// Which rows to read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// All of them.
    All,
    /// Those of these resources.
    These(&'a [StreamName]),
}

/// The ids of the wanted rows as statement parameters: `NULL` means every row.
pub(super) struct Wanted {
    pub(super) tenants: Option<Vec<Uuid>>,
    pub(super) resources: Option<Vec<Uuid>>,
}

impl Which<'_> {
    fn pick(self, id: impl Fn(StreamName) -> Option<Uuid>) -> Wanted {
        let Self::These(names) = self else {
            return Wanted {
                tenants: None,
                resources: None,
            };
        };
        let (tenants, resources) = names
            .iter()
            .filter_map(|&name| Some((name.tenant().uuid(), id(name)?)))
            .unzip();
        Wanted {
            tenants: Some(tenants),
            resources: Some(resources),
        }
    }

    pub(super) fn tenants(self) -> Wanted {
        self.pick(|name| match name {
            StreamName::Tenant(tenant) => Some(tenant.uuid()),
            _ => None,
        })
    }

    pub(super) fn policies(self) -> Wanted {
        self.pick(|name| match name {
            StreamName::Policy(tenant) => Some(tenant.uuid()),
            _ => None,
        })
    }

    pub(super) fn defaults(self) -> Wanted {
        self.pick(|name| match name {
            StreamName::Defaults => Some(Uuid::nil()),
            _ => None,
        })
    }

    pub(super) fn servers(self) -> Wanted {
        self.pick(|name| match name {
            StreamName::Server(_, server) => Some(server.uuid()),
            _ => None,
        })
    }

    pub(super) fn static_tokens(self) -> Wanted {
        self.pick(|name| match name {
            StreamName::StaticToken(_, token) => Some(token.uuid()),
            _ => None,
        })
    }

    pub(super) fn keys(self) -> Wanted {
        self.pick(|name| match name {
            StreamName::Key(_, key) => Some(key.uuid()),
            _ => None,
        })
    }
}

impl Wanted {
    pub(super) fn is_nothing(&self) -> bool {
        self.resources.as_ref().is_some_and(Vec::is_empty)
    }
}
