//! What a limit counts for: one tenant, principal, client, server or tool. Keys are made of ids and
//! hashes, so nothing that a client or tenant wrote stands in Redis.

use aws_lc_rs::digest::{Context, SHA256};
use uuid::Uuid;

use super::rate::Dimension;
use crate::{authn::Client, policy::Permit};

/// One bucket's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// What is counted.
    pub dimension: Dimension,
    /// Whose.
    pub tenant: Uuid,
    /// Which one of the tenant's.
    pub subject: u128,
}

impl Key {
    /// The key that counts for all those of a tenant that are too many to be counted one by one.
    pub fn rest(self) -> Self {
        Self {
            subject: u128::MAX,
            ..self
        }
    }

    /// Its name in Redis.
    pub fn name(&self) -> String {
        let (dimension, tenant) = (self.dimension.label(), self.tenant.simple());
        format!("{PREFIX}{dimension}:{tenant}:{:032x}", self.subject)
    }
}

/// Who calls what, as limits see it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// Who calls.
    pub principal: Uuid,
    /// On whose behalf software calls, if the credential tells.
    pub client: Option<Client<'a>>,
    /// The server.
    pub server: Uuid,
    /// The tool, if one is called.
    pub tool: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// What a call counts as.
    pub fn of(permit: &'a Permit) -> Self {
        let (caller, server) = (permit.caller(), permit.server().uid);
        let message = permit.call().message();
        let tool = message.filter(|message| message.method() == "tools/call");
        Self {
            tenant: caller.tenant().uid.uuid(),
            principal: caller.principal(),
            client: caller.client(),
            server: server.uuid(),
            tool: tool.and_then(|message| message.name()),
        }
    }

    /// The key in this dimension; none if the call does not count there.
    pub fn key(&self, dimension: Dimension) -> Option<Key> {
        let subject = match dimension {
            Dimension::Tenant => 0,
            Dimension::Principal => self.principal.as_u128(),
            Dimension::Client => match self.client? {
                Client::Key(uid) => uid.uuid().as_u128(),
                Client::Named(name) => hash(&[name.as_bytes()]),
            },
            Dimension::Server => self.server.as_u128(),
            Dimension::Tool => hash(&[self.server.as_bytes(), self.tool?.as_bytes()]),
        };
        Some(Key {
            dimension,
            tenant: self.tenant,
            subject,
        })
    }
}

/// The same on every node, and not to be aimed at another's.
fn hash(parts: &[&[u8]]) -> u128 {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let digest = context.finish();
    let first = digest.as_ref()[..16].try_into();
    u128::from_be_bytes(first.expect("a SHA-256 has 32 bytes"))
}

const PREFIX: &str = "aldgate:limit:";

#[cfg(test)]
mod tests {
    use super::*;

    /// CL-15: a dump of Redis names nobody and nothing.
    #[test]
    fn names_in_redis_hold_ids_and_hashes_only() {
        let subject = Subject {
            tenant: Uuid::from_u128(1),
            principal: Uuid::from_u128(2),
            client: Some(Client::Named("canary-client")),
            server: Uuid::from_u128(3),
            tool: Some("canary_tool"),
        };
        for dimension in Dimension::ALL {
            let name = subject.key(dimension).unwrap().name();
            assert!(!name.contains("canary"), "{name}");
            assert!(name.starts_with("aldgate:limit:"), "{name}");
        }
        let other = Subject {
            server: Uuid::from_u128(4),
            tool: None,
            ..subject
        };
        assert_eq!(other.key(Dimension::Tool), None);
        assert_ne!(other.key(Dimension::Server), subject.key(Dimension::Server));
    }
}
