//! Whether something may be done, and by which rule. The rule's id is put into words only when
//! somebody asks, because most requests are allowed and nobody does.

use std::{fmt, sync::Arc};

/// The answer of a policy.
#[derive(Debug, Clone)]
#[must_use]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    rule: Rule,
}

/// What decided (S4-55).
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Role { role: Arc<str>, grant: usize },
    Extra { subject: Arc<str>, grant: usize },
    Default,
    Strict,
    Legacy(usize),
    LegacyDefault,
    NoAcl,
    Key,
    Scope,
}

impl Decision {
    /// An API key that no policy restricts may do everything at its servers.
    pub fn unrestricted_key() -> Self {
        Self::allow(Rule::Key)
    }

    /// The credential's scopes do not suffice.
    pub fn missing_scope() -> Self {
        Self::deny(Rule::Scope)
    }

    /// The id of the rule that decided: `dev[1]`, `alice.extra[0]`, `default`, `strict`, `legacy[3]`,
    /// `legacy:default`, `no-acl`, `key`, `scope`.
    pub fn rule(&self) -> String {
        self.rule.to_string()
    }

    pub(crate) fn allow(rule: Rule) -> Self {
        Self {
            allowed: true,
            rule,
        }
    }

    pub(crate) fn deny(rule: Rule) -> Self {
        Self {
            allowed: false,
            rule,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role { role, grant } => write!(f, "{role}[{grant}]"),
            Self::Extra { subject, grant } => write!(f, "{subject}.extra[{grant}]"),
            Self::Default => f.write_str("default"),
            Self::Strict => f.write_str("strict"),
            Self::Legacy(index) => write!(f, "legacy[{index}]"),
            Self::LegacyDefault => f.write_str("legacy:default"),
            Self::NoAcl => f.write_str("no-acl"),
            Self::Key => f.write_str("key"),
            Self::Scope => f.write_str("scope"),
        }
    }
}
