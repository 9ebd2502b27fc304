//! A compiled policy: what all requests of a tenant are asked about. Compiling is strict, asking is
//! total; nothing in here can fail while requests flow.

use proto::access::v1;

use crate::{
    Class, Classification, Decision, Fault, Object, Source, What, Who,
    check::{Check, Effect},
    classify_name,
    decision::Rule,
    flat::Flat,
    overrides::Overrides,
    roles::Roles,
};

/// What callers of a tenant may do.
#[derive(Debug)]
pub struct Policy {
    schema: Schema,
    default: Effect,
    strict: bool,
    overrides: Overrides,
}

/// How it is written.
#[derive(Debug)]
enum Schema {
    /// There is none.
    Missing,
    /// There is one that nobody can read.
    Unreadable,
    /// It has a default and nothing else.
    Bare,
    /// Roles, subjects and groups.
    Roles(Roles),
    /// The flat list.
    Flat(Flat),
}

impl Policy {
    /// Where nobody set a policy: everything is denied.
    pub fn none() -> Self {
        Self {
            schema: Schema::Missing,
            default: Effect::Deny,
            strict: false,
            overrides: Overrides::default(),
        }
    }

    /// Where a policy was set and cannot be read: it may concern everybody, and denies everything.
    pub fn unreadable() -> Self {
        Self {
            schema: Schema::Unreadable,
            ..Self::none()
        }
    }

    /// Compiles a policy, or says everything that is wrong with it (at most 50 faults).
    pub fn compile(policy: &v1::Policy) -> Result<Self, Vec<Fault>> {
        let mut check = Check::default();
        let default = match policy.default.as_str() {
            "" => Effect::Deny,
            word => check.effect("default", word),
        };
        let is_flat = !policy.rules.is_empty();
        let has_roles =
            !(policy.roles.is_empty() && policy.subjects.is_empty() && policy.groups.is_empty());
        if has_roles && is_flat {
            check.faults.add(
                "rules",
                "must be empty where there are `roles`, `subjects` or `groups`",
            );
        }
        let roles = has_roles.then(|| Roles::compile(policy, &mut check));
        let flat = is_flat.then(|| Flat::compile(&policy.rules, &mut check));
        let overrides = Overrides::compile(&policy.tool_overrides, &mut check);
        let schema = match (roles, flat) {
            (Some(roles), _) => Schema::Roles(roles),
            (None, Some(flat)) => Schema::Flat(flat),
            (None, None) => Schema::Bare,
        };
        check.faults.none_or(Self {
            schema,
            default,
            strict: policy.strict_classification,
            overrides,
        })
    }

    /// How a tool is classed: by the policy's overrides, else as the server's catalog says, else by
    /// its name alone. Lists and calls both ask this, so that they cannot disagree.
    pub fn classify(&self, server: &str, tool: &str, catalog: Option<Class>) -> Classification {
        let known = |class| Classification {
            class,
            source: Source::Catalog,
            confidence: 1.0,
        };
        self.overridden(server, tool)
            .or_else(|| catalog.map(known))
            .unwrap_or_else(|| classify_name(tool))
    }

    /// How the policy's overrides class a tool, if they do.
    pub fn overridden(&self, server: &str, tool: &str) -> Option<Classification> {
        self.overrides.class(server, tool)
    }

    /// Whether the policy says something of this subject by name: only then does it concern API keys
    /// that nothing else restricts.
    pub fn names_subject(&self, subject: &str) -> bool {
        match &self.schema {
            Schema::Missing | Schema::Bare => false,
            Schema::Unreadable => true,
            Schema::Roles(roles) => roles.names_subject(subject),
            Schema::Flat(flat) => flat.names_subject(subject),
        }
    }

    /// Whether somebody may do something, and by which rule.
    pub fn decide(&self, who: &Who<'_>, what: &What<'_>) -> Decision {
        if self.strict && is_ambiguous(&what.object) {
            return Decision::deny(Rule::Strict);
        }
        let (decided, otherwise) = match &self.schema {
            Schema::Missing | Schema::Unreadable => (None, Rule::NoAcl),
            Schema::Bare => (None, Rule::Default),
            Schema::Roles(roles) => (roles.decide(who, what), Rule::Default),
            Schema::Flat(flat) => (flat.decide(who, what), Rule::LegacyDefault),
        };
        decided.unwrap_or_else(|| match self.default {
            Effect::Allow => Decision::allow(otherwise),
            Effect::Deny => Decision::deny(otherwise),
        })
    }

    /// Whether somebody may do anything at a server. If not, it is to them as if it did not exist.
    /// Where it says no, [`Self::decide`] allows nothing; where it says yes, what is left may still
    /// be nothing, if one pattern hides behind another.
    pub fn reaches(&self, who: &Who<'_>, server: &str) -> bool {
        match &self.schema {
            Schema::Missing | Schema::Unreadable | Schema::Bare => self.default == Effect::Allow,
            Schema::Roles(roles) => roles.reaches(who, server, self.default, self.strict),
            Schema::Flat(flat) => self.default == Effect::Allow || flat.reaches(who, server),
        }
    }
}

fn is_ambiguous(object: &Object<'_>) -> bool {
    matches!(
        object,
        Object::Tool {
            class: Class::Ambiguous,
            ..
        }
    )
}

#[cfg(test)]
mod tests;
