//! One grant: what it covers (S4-45, S4-47, S4-49).

use proto::access::v1;

use super::climb::climbs;
use crate::{
    Class, Object, What,
    check::{Check, Effect},
    pattern::Patterns,
};

/// A grant, or with [`Effect::Deny`] a denial.
#[derive(Debug)]
pub(super) struct Grant {
    servers: Patterns,
    access: Access,
    tools: Patterns,
    resources: Patterns,
    prompts: Patterns,
    methods: Patterns,
    effect: Effect,
}

/// Which classes it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    All,
}

impl Grant {
    pub(super) fn compile_all(field: &str, grants: &[v1::Grant], check: &mut Check) -> Box<[Self]> {
        check.grants(field, grants.len());
        let grants = grants.iter().enumerate();
        grants
            .map(|(index, grant)| Self::compile(&format!("{field}[{index}]"), grant, check))
            .collect()
    }

    fn compile(field: &str, grant: &v1::Grant, check: &mut Check) -> Self {
        let servers = format!("{field}.servers");
        if grant.servers.is_empty() {
            check
                .faults
                .add(&servers, "must name servers; write `*` for all");
        }
        check.servers(&servers, &grant.servers);
        check.patterns(&format!("{field}.tools"), &grant.tools);
        check.patterns(&format!("{field}.resources"), &grant.resources);
        check.patterns(&format!("{field}.prompts"), &grant.prompts);
        check.patterns(&format!("{field}.methods"), &grant.methods);
        Self {
            servers: Patterns::compile(&grant.servers),
            access: Access::compile(field, &grant.access, check),
            tools: Patterns::compile(&grant.tools),
            resources: Patterns::compile(&grant.resources),
            prompts: Patterns::compile(&grant.prompts),
            methods: Patterns::compile(&grant.methods),
            effect: if grant.deny {
                Effect::Deny
            } else {
                Effect::Allow
            },
        }
    }

    pub(super) fn effect(&self) -> Effect {
        self.effect
    }

    pub(super) fn is_at(&self, server: &str) -> bool {
        self.servers.matches(server)
    }

    /// Whether it says something of this. Methods have no class: where one is named, the access
    /// does not matter.
    pub(super) fn covers(&self, what: &What<'_>) -> bool {
        let named = |patterns: &Patterns, name| patterns.is_empty() || patterns.matches(name);
        self.is_at(what.server)
            && match what.object {
                Object::Tool { name, class } => {
                    self.access.covers(class) && named(&self.tools, name)
                }
                Object::Resource(uri) => self.access.reads() && self.covers_uri(uri),
                Object::Prompt(name) => self.access.reads() && named(&self.prompts, name),
                Object::Method(name) => self.methods.matches(name) || self.is_total_denial(),
            }
    }

    /// A URI that climbs leads wherever the server takes it: no pattern allows it, and a denial of
    /// any resource denies it.
    fn covers_uri(&self, uri: &str) -> bool {
        let named = self.resources.is_empty() || self.resources.matches(uri);
        match self.effect {
            Effect::Deny => named || climbs(uri),
            Effect::Allow => {
                let plain = self.resources.is_empty() || self.resources.is_any();
                named && (plain || self.resources.names(uri) || !climbs(uri))
            }
        }
    }

    /// The parts of a server of which it covers something.
    pub(super) fn some(&self) -> Parts {
        self.parts(|_| true)
    }

    /// The parts of a server that it covers as a whole.
    pub(super) fn whole(&self) -> Parts {
        self.parts(|patterns| patterns.is_empty() || patterns.is_any())
    }

    fn parts(&self, counts: impl Fn(&Patterns) -> bool) -> Parts {
        let methods = (!self.methods.is_empty() && counts(&self.methods)) || self.is_total_denial();
        Parts::NONE
            .and_if(
                self.access.covers(Class::Read) && counts(&self.tools),
                Parts::READ,
            )
            .and_if(
                self.access.covers(Class::Write) && counts(&self.tools),
                Parts::WRITE,
            )
            .and_if(
                self.access.covers(Class::Ambiguous) && counts(&self.tools),
                Parts::AMBIGUOUS,
            )
            .and_if(
                self.access.reads() && counts(&self.resources),
                Parts::RESOURCES,
            )
            .and_if(self.access.reads() && counts(&self.prompts), Parts::PROMPTS)
            .and_if(methods, Parts::METHODS)
    }

    /// "Nothing at these servers" must not leave methods behind that some other grant names.
    fn is_total_denial(&self) -> bool {
        let lists = [&self.tools, &self.resources, &self.prompts, &self.methods];
        self.effect == Effect::Deny
            && self.access == Access::All
            && lists.iter().all(|list| list.is_empty())
    }
}

impl Access {
    fn compile(field: &str, word: &str, check: &mut Check) -> Self {
        match word {
            "read" => Self::Read,
            "write" => Self::Write,
            "*" => Self::All,
            _ => {
                check
                    .faults
                    .add(format!("{field}.access"), "must be `read`, `write` or `*`");
                Self::All
            }
        }
    }

    /// Writing does not include reading; what nobody knows counts as writing.
    fn covers(self, class: Class) -> bool {
        match self {
            Self::Read => class == Class::Read,
            Self::Write => class != Class::Read,
            Self::All => true,
        }
    }

    /// Resources and prompts are read.
    fn reads(self) -> bool {
        self.covers(Class::Read)
    }
}

/// A set of the kinds of things that a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts(u8);

impl Parts {
    pub(super) const NONE: Self = Self(0);
    const READ: Self = Self(1);
    const WRITE: Self = Self(1 << 1);
    pub(super) const AMBIGUOUS: Self = Self(1 << 2);
    const RESOURCES: Self = Self(1 << 3);
    const PROMPTS: Self = Self(1 << 4);
    const METHODS: Self = Self(1 << 5);
    pub(super) const ALL: Self = Self((1 << 6) - 1);

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn and_if(self, condition: bool, other: Self) -> Self {
        if condition { self.and(other) } else { self }
    }

    /// Whether something is in here that is not in there.
    pub(super) fn exceeds(self, other: Self) -> bool {
        self.0 & !other.0 != 0
    }
}
