//! The flat list: the first rule that matches decides (S4-43, S4-50). It speaks of tools, as
//! `{server}__{tool}`; reading resources, getting prompts and all other methods are left to the
//! default, and their lists are open to whoever reaches the server.

use std::collections::HashSet;

use proto::access::v1;

use self::joined::Joined;
use crate::{
    Decision, Object, What, Who,
    check::{Check, Effect},
    decision::Rule,
    pattern::Patterns,
};

mod joined;

/// The rules of a policy.
#[derive(Debug)]
pub(crate) struct Flat {
    /// In their order.
    lines: Box<[Line]>,
    /// Whom they name.
    subjects: HashSet<Box<str>>,
}

#[derive(Debug)]
struct Line {
    subjects: Names,
    roles: Names,
    /// `None` is any.
    tools: Option<Patterns>,
    effect: Effect,
}

#[derive(Debug)]
enum Names {
    Any,
    /// Sorted: lists are short, and hashing a name for each rule would cost more than comparing it.
    Of(Box<[Box<str>]>),
}

impl Flat {
    pub(crate) fn compile(rules: &[v1::Rule], check: &mut Check) -> Self {
        check.entries("rules", rules.len());
        let compile = |(index, rule)| Line::compile(&format!("rules[{index}]"), rule, check);
        let lines: Box<[Line]> = rules.iter().enumerate().map(compile).collect();
        let subjects = lines.iter().flat_map(|line| line.subjects.listed());
        Self {
            subjects: subjects.cloned().collect(),
            lines,
        }
    }

    pub(crate) fn names_subject(&self, subject: &str) -> bool {
        self.subjects.contains(subject)
    }

    /// `None` where no rule says anything.
    pub(crate) fn decide(&self, who: &Who<'_>, what: &What<'_>) -> Option<Decision> {
        let Object::Tool { name, .. } = what.object else {
            return None;
        };
        let joined = Joined::new(what.server, name);
        let tool = joined.as_str();
        let matches = |line: &Line| line.is_for(who) && line.is_about(tool);
        let index = self.lines.iter().position(matches)?;
        let rule = Rule::Legacy(index);
        Some(match self.lines[index].effect {
            Effect::Allow => Decision::allow(rule),
            Effect::Deny => Decision::deny(rule),
        })
    }

    /// Whether some tool of a server can be allowed by a rule: one that is not behind a denial of
    /// all its tools.
    pub(crate) fn reaches(&self, who: &Who<'_>, server: &str) -> bool {
        let joined = Joined::new(server, "");
        let start = joined.as_str();
        for line in self.lines.iter().filter(|line| line.is_for(who)) {
            let tools = line.tools.as_ref();
            match line.effect {
                Effect::Allow if tools.is_none_or(|tools| tools.can_begin(start)) => return true,
                Effect::Deny if tools.is_none_or(|tools| tools.covers_all_beginning(start)) => {
                    return false;
                }
                Effect::Allow | Effect::Deny => {}
            }
        }
        false
    }
}

impl Line {
    fn compile(field: &str, rule: &v1::Rule, check: &mut Check) -> Self {
        let tools = format!("{field}.tools");
        check.patterns(&tools, &rule.tools);
        for (index, pattern) in rule.tools.iter().enumerate() {
            if !pattern.is_empty() && !pattern.contains('*') && !pattern.contains("__") {
                check.faults.add(
                    format!("{tools}[{index}]"),
                    "must be `{server}__{tool}`, or have a `*` for any text",
                );
            }
        }
        Self {
            subjects: Names::compile(&format!("{field}.subjects"), &rule.subjects, check),
            roles: Names::compile(&format!("{field}.roles"), &rule.roles, check),
            tools: (!rule.tools.is_empty()).then(|| Patterns::compile(&rule.tools)),
            effect: check.effect(&format!("{field}.policy"), &rule.policy),
        }
    }

    fn is_for(&self, who: &Who<'_>) -> bool {
        let mut roles = who.roles.iter().chain(who.groups);
        self.subjects.has(who.subject)
            && (matches!(self.roles, Names::Any) || roles.any(|role| self.roles.has(role)))
    }

    fn is_about(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.matches(tool))
    }
}

impl Names {
    fn compile(field: &str, names: &[String], check: &mut Check) -> Self {
        check.names(field, names);
        for (index, name) in names.iter().enumerate() {
            if name.len() > 1 && name.contains('*') {
                check.faults.add(
                    format!("{field}[{index}]"),
                    "must be a whole name, or `*` for any",
                );
            }
        }
        if names.is_empty() || names.iter().any(|name| name == "*") {
            Self::Any
        } else {
            let mut names: Box<[Box<str>]> =
                names.iter().map(|name| name.as_str().into()).collect();
            names.sort_unstable();
            Self::Of(names)
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Of(names) => names.binary_search_by(|own| (**own).cmp(name)).is_ok(),
        }
    }

    fn listed(&self) -> &[Box<str>] {
        match self {
            Self::Any => &[],
            Self::Of(names) => names,
        }
    }
}
