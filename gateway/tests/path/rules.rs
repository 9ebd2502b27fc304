//! Tenant A with a policy: what tests of access publish in the place of the world's own config.

use std::{collections::HashMap, sync::Arc};

use gateway::config::snapshot::{
    Key, Server, ServerSet, ServerSlot, Snapshot, StaticToken, Tenant,
};
use policy::{Class, Policy, Scopes};
use proto::access::v1;

use token::fixed::verifier;
use zeroize::Zeroizing;

use crate::world::{HOST_A, World, key, secrets, server, spec};

/// `s1` and `s2` of A, which alice and adam both open.
pub(crate) struct Rules {
    pub(crate) revision: u64,
    pub(crate) policy: Option<v1::Policy>,
    pub(crate) alice: Option<Key>,
    pub(crate) adam: Option<Key>,
    pub(crate) s1: Server,
    pub(crate) s2: Server,
    /// Static tokens and their values.
    pub(crate) tokens: Vec<(String, StaticToken)>,
}

/// What verifiers of static tokens are made with.
const PEPPER: [u8; 32] = [9; 32];

/// The shared secret of a JWT issuer, and its uid.
pub(crate) const SECRET: (&str, &[u8]) = ("00000000-0000-0000-0000-0000000000aa", &[5; 32]);

impl Rules {
    /// Nobody is restricted yet.
    pub(crate) fn new(world: &World) -> Self {
        Self {
            revision: 2,
            policy: None,
            alice: Some(key(1, "alice", ServerSet::All)),
            adam: Some(key(2, "adam", ServerSet::All)),
            s1: server(11, "s1", &world.one, Some((1, "Bearer CANARY-A1"))),
            s2: server(12, "s2", &world.two, Some((1, "Bearer CANARY-A2"))),
            tokens: Vec::new(),
        }
    }

    /// Adam has these grants, and alice what her key gives her.
    pub(crate) fn granting(world: &World, grants: impl IntoIterator<Item = v1::Grant>) -> Self {
        let mut rules = Self::new(world);
        rules.policy = Some(v1::Policy {
            subjects: HashMap::from([("keys/adam".to_owned(), extra(grants))]),
            ..v1::Policy::default()
        });
        rules
    }

    /// Adam's key is limited to these scopes.
    pub(crate) fn scoped(world: &World, scopes: &[&str]) -> Self {
        let mut rules = Self::new(world);
        let adam = rules.adam.as_mut().unwrap();
        adam.scopes = Some(Scopes::parse(scopes).unwrap());
        rules
    }

    /// With a tool of `s1` whose definition says what it is.
    pub(crate) fn with_tool(mut self, name: &str, class: Class) -> Self {
        let tools = Arc::make_mut(&mut self.s1.tools);
        tools.insert(name.into(), class);
        self
    }

    pub(crate) fn publish(self, world: &World) {
        let revision = self.revision;
        let secrets = secrets()
            .with_pepper("1", Zeroizing::new(PEPPER))
            .with_jwt_secret(SECRET.0, SECRET.1);
        let mut tenant =
            Tenant::new(spec(1, "a", HOST_A), Arc::default()).with_secrets(Arc::new(secrets));
        for (value, token) in self.tokens {
            let verifier = verifier(&PEPPER, token.kind, value.as_bytes());
            tenant = tenant.with_static_token(verifier, Arc::new(token));
        }
        for server in [self.s1, self.s2] {
            let slug = server.slug.clone();
            tenant = tenant.with_server(&slug, ServerSlot::Serving(Arc::new(server)));
        }
        for (text, key) in [(&world.alice, self.alice), (&world.adam, self.adam)] {
            if let Some(key) = key {
                let hash = token::ApiKey::parse(text).unwrap().sha256();
                tenant = tenant.with_key(hash, Arc::new(key));
            }
        }
        if let Some(policy) = &self.policy {
            let policy = Policy::compile(policy).unwrap();
            tenant = tenant.with_policy(Arc::new(policy), revision);
        }
        let snapshot = Snapshot::of(revision, [Arc::new(tenant)]);
        world.config.publish(Arc::new(snapshot));
    }
}

/// Everything of a class at `s1`.
pub(crate) fn grant(access: &str) -> v1::Grant {
    v1::Grant {
        servers: vec!["s1".into()],
        access: access.into(),
        ..v1::Grant::default()
    }
}

fn extra(grants: impl IntoIterator<Item = v1::Grant>) -> v1::Subject {
    v1::Subject {
        extra: grants.into_iter().collect(),
        ..v1::Subject::default()
    }
}
