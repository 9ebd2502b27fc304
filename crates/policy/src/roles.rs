//! Roles, subjects and groups. A caller has the union of all grants that its roles, its groups and
//! its own entry give; their order never matters, and a denial always wins (S4-42, S4-46).

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use proto::access::v1;

use self::{
    grant::{Grant, Parts},
    seen::Seen,
};
use crate::{
    Decision, What, Who,
    check::{Check, Effect, shown},
    decision::Rule,
};

mod climb;
mod grant;
mod seen;

/// The roles of a policy, and who has them.
#[derive(Debug)]
pub(crate) struct Roles {
    all: Box<[Role]>,
    by_name: HashMap<Arc<str>, usize>,
    groups: HashMap<Box<str>, Box<[usize]>>,
    subjects: HashMap<Box<str>, Subject>,
}

#[derive(Debug)]
struct Role {
    name: Arc<str>,
    grants: Box<[Grant]>,
}

#[derive(Debug)]
struct Subject {
    name: Arc<str>,
    roles: Box<[usize]>,
    extra: Box<[Grant]>,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy)]
enum Place<'p> {
    Role(&'p Role, usize),
    Extra(&'p Subject, usize),
}

impl Roles {
    pub(crate) fn compile(policy: &v1::Policy, check: &mut Check) -> Self {
        check.entries("roles", policy.roles.len());
        check.entries("subjects", policy.subjects.len());
        check.entries("groups", policy.groups.len());

        let all: Box<[Role]> = sorted(&policy.roles)
            .map(|(name, role)| {
                let field = format!("roles.{}", shown(name));
                check.name(&field, name);
                let grants = Grant::compile_all(&format!("{field}.grants"), &role.grants, check);
                let name = Arc::from(name);
                Role { name, grants }
            })
            .collect();
        let by_name = all
            .iter()
            .enumerate()
            .map(|(index, role)| (Arc::clone(&role.name), index))
            .collect();

        let subjects = sorted(&policy.subjects)
            .map(|(name, subject)| {
                let field = format!("subjects.{}", shown(name));
                check.name(&field, name);
                let subject = Subject {
                    name: name.into(),
                    roles: find(&by_name, &format!("{field}.roles"), &subject.roles, check),
                    extra: Grant::compile_all(&format!("{field}.extra"), &subject.extra, check),
                };
                (name.into(), subject)
            })
            .collect();
        let groups = sorted(&policy.groups)
            .map(|(name, group)| {
                let field = format!("groups.{}", shown(name));
                check.name(&field, name);
                let roles = find(&by_name, &format!("{field}.roles"), &group.roles, check);
                (name.into(), roles)
            })
            .collect();
        Self {
            all,
            by_name,
            groups,
            subjects,
        }
    }

    pub(crate) fn names_subject(&self, subject: &str) -> bool {
        self.subjects.contains_key(subject)
    }

    /// `None` where no grant says anything.
    pub(crate) fn decide(&self, who: &Who<'_>, what: &What<'_>) -> Option<Decision> {
        let mut allowing = None;
        let denying = self.try_each(who, |place, grant| {
            if !grant.covers(what) {
                return ControlFlow::Continue(());
            }
            match grant.effect() {
                Effect::Deny => return ControlFlow::Break(place),
                Effect::Allow => allowing = allowing.or(Some(place)),
            }
            ControlFlow::Continue(())
        });
        match denying {
            ControlFlow::Break(place) => Some(Decision::deny(place.rule())),
            ControlFlow::Continue(()) => Some(Decision::allow(allowing?.rule())),
        }
    }

    /// Whether anything at a server is allowed and not denied as a whole.
    pub(crate) fn reaches(
        &self,
        who: &Who<'_>,
        server: &str,
        default: Effect,
        strict: bool,
    ) -> bool {
        let mut allowed = match default {
            Effect::Allow => Parts::ALL,
            Effect::Deny => Parts::NONE,
        };
        let mut denied = if strict {
            Parts::AMBIGUOUS
        } else {
            Parts::NONE
        };
        let _: ControlFlow<()> = self.try_each(who, |_, grant| {
            if grant.is_at(server) {
                match grant.effect() {
                    Effect::Allow => allowed = allowed.and(grant.some()),
                    Effect::Deny => denied = denied.and(grant.whole()),
                }
            }
            ControlFlow::Continue(())
        });
        allowed.exceeds(denied)
    }

    /// All grants of somebody, those of each role once, until one breaks off.
    fn try_each<'p, B>(
        &'p self,
        who: &Who<'_>,
        mut visit: impl FnMut(Place<'p>, &'p Grant) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut seen = Seen::default();
        let subject = self.subjects.get(who.subject);
        let named = who.roles.iter().chain(who.groups);
        let named = named.filter_map(|name| self.by_name.get(&**name));
        let grouped = who.groups.iter().filter_map(|name| self.groups.get(name));
        let bound = subject.into_iter().flat_map(|subject| &subject.roles);
        for &index in named.chain(grouped.flatten()).chain(bound) {
            if !seen.is_first(index) {
                continue;
            }
            let role = &self.all[index];
            for (place, grant) in role.grants.iter().enumerate() {
                visit(Place::Role(role, place), grant)?;
            }
        }
        if let Some(subject) = subject {
            for (place, grant) in subject.extra.iter().enumerate() {
                visit(Place::Extra(subject, place), grant)?;
            }
        }
        ControlFlow::Continue(())
    }
}

impl Place<'_> {
    fn rule(self) -> Rule {
        match self {
            Self::Role(role, grant) => Rule::Role {
                role: Arc::clone(&role.name),
                grant,
            },
            Self::Extra(subject, grant) => Rule::Extra {
                subject: Arc::clone(&subject.name),
                grant,
            },
        }
    }
}

/// By name, so that the same policy always has the same faults in the same order.
fn sorted<T>(map: &HashMap<String, T>) -> impl Iterator<Item = (&str, &T)> {
    let mut entries: Vec<_> = map
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries.into_iter()
}

/// The places of roles. One that does not exist is a mistake here, unlike in a credential, whose
/// issuer need not know this policy.
fn find(
    by_name: &HashMap<Arc<str>, usize>,
    field: &str,
    names: &[String],
    check: &mut Check,
) -> Box<[usize]> {
    check.names(field, names);
    let mut places = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match by_name.get(name.as_str()) {
            Some(&place) => places.push(place),
            None => check.faults.add(
                format!("{field}[{index}]"),
                format!("must be one of `roles`; there is no `{}`", shown(name)),
            ),
        }
    }
    places.into()
}
