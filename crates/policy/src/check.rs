//! The checks that names, patterns and words of a policy go through on their way in, and what all
//! of them may amount to together: a node evaluates policies in the path of requests.

use std::collections::HashSet;

use crate::fault::Faults;

/// The most roles, subjects, groups, rules and overrides; of each.
pub(crate) const ENTRIES: usize = 1_000;
/// The most grants in a policy.
const GRANTS: usize = 10_000;
/// The most patterns in a policy.
const PATTERNS: usize = 20_000;
/// The longest name, in bytes.
const NAME: usize = 256;
/// The longest pattern, in bytes.
const PATTERN: usize = 1_024;

/// Collects mistakes and counts.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// Mistakes so far.
    pub(crate) faults: Faults,
    grants: usize,
    patterns: usize,
}

/// Whether something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

impl Check {
    /// `allow` or `deny`.
    pub(crate) fn effect(&mut self, field: &str, word: &str) -> Effect {
        match word {
            "allow" => Effect::Allow,
            "deny" => Effect::Deny,
            _ => {
                self.faults.add(field, "must be `allow` or `deny`");
                Effect::Deny
            }
        }
    }

    /// That there are not too many of something.
    pub(crate) fn entries(&mut self, field: &str, count: usize) {
        if count > ENTRIES {
            self.faults
                .add(field, format!("must be at most {ENTRIES}, not {count}"));
        }
    }

    /// That a list of grants fits in what is left.
    pub(crate) fn grants(&mut self, field: &str, count: usize) {
        let before = self.grants;
        self.grants += count;
        if before <= GRANTS && self.grants > GRANTS {
            let problem = format!("must be at most {GRANTS} in the whole policy");
            self.faults.add(field, problem);
        }
    }

    /// A name of a role, subject or group.
    pub(crate) fn name(&mut self, field: &str, name: &str) {
        if name.is_empty() {
            self.faults.add(field, "must have a name");
        } else if name.len() > NAME {
            let problem = format!("must have a name of at most {NAME} bytes");
            self.faults.add(field, problem);
        } else if name.chars().any(char::is_control) {
            self.faults
                .add(field, "must have a name without control characters");
        } else if name.trim() != name {
            self.faults
                .add(field, "must have a name without spaces around it");
        }
    }

    /// Names in a list: each a name, and none twice.
    pub(crate) fn names(&mut self, field: &str, names: &[String]) {
        self.entries(field, names.len());
        self.distinct(field, names);
        for (index, name) in names.iter().enumerate() {
            self.name(&format!("{field}[{index}]"), name);
        }
    }

    /// Patterns in a list.
    pub(crate) fn patterns(&mut self, field: &str, patterns: &[String]) {
        let before = self.patterns;
        self.patterns += patterns.len();
        if before <= PATTERNS && self.patterns > PATTERNS {
            let problem = format!("must be at most {PATTERNS} in the whole policy");
            self.faults.add(field, problem);
        }
        self.distinct(field, patterns);
        for (index, pattern) in patterns.iter().enumerate() {
            self.pattern(&format!("{field}[{index}]"), pattern);
        }
    }

    /// Patterns for servers: what cannot be part of a slug is a mistake, not a server.
    pub(crate) fn servers(&mut self, field: &str, servers: &[String]) {
        self.patterns(field, servers);
        for (index, pattern) in servers.iter().enumerate() {
            let fits = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'*')
            };
            if !pattern.is_empty() && !pattern.bytes().all(fits) {
                self.faults.add(
                    format!("{field}[{index}]"),
                    "must be a server's name, in which `*` stands for any text",
                );
            }
        }
    }

    fn pattern(&mut self, field: &str, pattern: &str) {
        if pattern.is_empty() {
            self.faults
                .add(field, "must not be empty; write `*` for all");
        } else if pattern.len() > PATTERN {
            let problem = format!("must be at most {PATTERN} bytes");
            self.faults.add(field, problem);
        } else if pattern.chars().any(char::is_control) {
            self.faults.add(field, "must have no control characters");
        } else if pattern.trim() != pattern {
            self.faults.add(field, "must have no spaces around it");
        }
    }

    fn distinct(&mut self, field: &str, texts: &[String]) {
        let mut seen = HashSet::new();
        for (index, text) in texts.iter().enumerate() {
            if !seen.insert(text) {
                self.faults
                    .add(format!("{field}[{index}]"), "is in this list twice");
            }
        }
    }
}

/// The part of a field's path that a tenant chose: made short and visible.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
    if name.chars().nth(64).is_some() {
        shown.push('…');
    }
    shown
}
