//! How operators class tools, whatever these say of themselves (S4-53).

use proto::access::v1::ToolOverride;

use crate::{Class, Classification, Source, check::Check, pattern::Patterns};

/// The overrides of a policy. Their order does not matter: writing counts wherever two disagree.
#[derive(Debug, Default)]
pub(crate) struct Overrides(Box<[Override]>);

#[derive(Debug)]
struct Override {
    servers: Option<Patterns>,
    read: Patterns,
    write: Patterns,
}

impl Overrides {
    pub(crate) fn compile(entries: &[ToolOverride], check: &mut Check) -> Self {
        check.entries("tool_overrides", entries.len());
        let compile = |(index, entry)| Override::compile(index, entry, check);
        Self(entries.iter().enumerate().map(compile).collect())
    }

    /// How a tool of a server is classed, if that is said.
    pub(crate) fn class(&self, server: &str, tool: &str) -> Option<Classification> {
        let mut found = None;
        for entry in &self.0 {
            if !entry.is_of(server) {
                continue;
            }
            if entry.write.matches(tool) {
                return Some(decided(Class::Write));
            }
            if entry.read.matches(tool) {
                found = Some(decided(Class::Read));
            }
        }
        found
    }
}

impl Override {
    fn compile(index: usize, entry: &ToolOverride, check: &mut Check) -> Self {
        let field = format!("tool_overrides[{index}]");
        check.servers(&format!("{field}.servers"), &entry.servers);
        check.patterns(&format!("{field}.read"), &entry.read);
        check.patterns(&format!("{field}.write"), &entry.write);
        if entry.read.is_empty() && entry.write.is_empty() {
            check
                .faults
                .add(&field, "must name tools in `read` or `write`");
        }
        for (place, pattern) in entry.write.iter().enumerate() {
            if entry.read.contains(pattern) {
                check
                    .faults
                    .add(format!("{field}.write[{place}]"), "is in `read`, too");
            }
        }
        Self {
            servers: (!entry.servers.is_empty()).then(|| Patterns::compile(&entry.servers)),
            read: Patterns::compile(&entry.read),
            write: Patterns::compile(&entry.write),
        }
    }

    fn is_of(&self, server: &str) -> bool {
        self.servers
            .as_ref()
            .is_none_or(|servers| servers.matches(server))
    }
}

fn decided(class: Class) -> Classification {
    Classification {
        class,
        source: Source::Override,
        confidence: 1.0,
    }
}
