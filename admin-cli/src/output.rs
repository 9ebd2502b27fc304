//! The only place that prints: data to stdout in the format asked for, messages to stderr.

mod document;
mod resource;
mod table;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use serde::Serialize;

pub(crate) use document::{POOL, Proto, written};
pub(crate) use resource::{Resource, Shown, node_state, reject_line, slug};

use self::document::List;

use crate::{args::Format, failure::Failure, operator_file::Written};

/// Prints in one format.
pub(crate) struct Printer {
    format: Format,
}

impl Printer {
    /// A printer for the format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// One resource.
    pub(crate) fn one<T: Shown>(&self, resource: &T) -> Result<(), Failure> {
        self.facts(&Proto(resource), &resource.facts())
    }

    /// A resource with a secret that was made for it, if one was: in JSON it is called `name`.
    pub(crate) fn with_secret<T: Shown>(
        &self,
        resource: &T,
        name: &'static str,
        secret: &str,
    ) -> Result<(), Failure> {
        if secret.is_empty() {
            return self.one(resource);
        }
        let document = WithSecret {
            resource: Proto(resource),
            secret: BTreeMap::from([(name, secret)]),
        };
        let mut facts = resource.facts();
        facts.push((name, secret.to_owned()));
        self.facts(&document, &facts)
    }

    /// Resources of one kind.
    pub(crate) fn list<T: Resource>(&self, resources: &[T]) -> Result<(), Failure> {
        out(&match self.format {
            Format::Table => table::of_rows(T::COLUMNS, resources.iter().map(Resource::cells)),
            Format::Json | Format::Yaml => self.data(&List(resources)),
        })
    }

    /// A message; for people, what an operator would write into a file to get the part of it that
    /// they may change.
    pub(crate) fn written<T: Shown, M: Written>(
        &self,
        whole: &T,
        part: Option<&M>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => out(&part.map(written).unwrap_or_default()),
            Format::Json | Format::Yaml => out(&self.data(&Proto(whole))),
        }
    }

    /// A document, and what people read of it.
    pub(crate) fn facts(
        &self,
        document: &impl Serialize,
        facts: &[(&'static str, String)],
    ) -> Result<(), Failure> {
        out(&match self.format {
            Format::Table => table::of_facts(facts),
            Format::Json | Format::Yaml => self.data(document),
        })
    }

    /// A document, and lines of text for people.
    pub(crate) fn text(&self, document: &impl Serialize, lines: &[String]) -> Result<(), Failure> {
        out(&match self.format {
            Format::Table => table::of_lines(lines),
            Format::Json | Format::Yaml => self.data(document),
        })
    }

    /// A document that people paste somewhere: JSON unless YAML was asked for.
    pub(crate) fn paste(&self, document: &impl Serialize) -> Result<(), Failure> {
        out(&match self.format {
            Format::Table | Format::Json => document::json(document),
            Format::Yaml => document::yaml(document),
        })
    }

    /// That a resource was deleted by a revision.
    pub(crate) fn deleted(&self, name: &str, revision: u64) -> Result<(), Failure> {
        let revision = revision.to_string();
        let line = format!("deleted {name} (revision {revision})");
        let document = Deleted {
            name,
            revision: Some(revision),
        };
        self.text(&document, &[line])
    }

    /// That something was deleted, and what was issued with it revoked.
    pub(crate) fn deleted_and_revoked(&self, name: &str, revocation: u64) -> Result<(), Failure> {
        let revocation = revocation.to_string();
        let line = format!("deleted {name} (revocation {revocation})");
        self.text(&Revoked { name, revocation }, &[line])
    }

    /// That something was deleted that has no revisions.
    pub(crate) fn gone(&self, name: &str) -> Result<(), Failure> {
        let line = format!("deleted {name}");
        self.text(
            &Deleted {
                name,
                revision: None,
            },
            &[line],
        )
    }

    /// A message beside the data.
    #[expect(clippy::unused_self, reason = "printing is asked of the printer alone")]
    pub(crate) fn note(&self, text: &str) {
        // Parts of it may come from a server: nothing in them commands the terminal.
        let text: Vec<_> = text.lines().map(table::printable).collect();
        let text = text.join("\n");
        // A message that cannot be written has nobody to read it.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Why the command failed, with all its causes and what to do.
    pub(crate) fn failure(&self, failure: &Failure) {
        // What was denied or does not work, and why, is the data that was asked for.
        if matches!(failure, Failure::Denied | Failure::Unwell) {
            return;
        }
        let mut text = format!("error: {failure}");
        let mut cause = std::error::Error::source(failure);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.note(&text);
        if let Some(remedy) = failure.remedy() {
            self.note(&format!("fix: {remedy}"));
        }
    }

    fn data(&self, document: &impl Serialize) -> String {
        match self.format {
            Format::Yaml => document::yaml(document),
            Format::Table | Format::Json => document::json(document),
        }
    }
}

/// What is left of a deleted resource.
#[derive(Serialize)]
struct Deleted<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// What is left of a deleted resource whose tokens are refused with it.
#[derive(Serialize)]
struct Revoked<'a> {
    name: &'a str,
    revocation: String,
}

/// A resource, and beside its fields a secret that is shown once.
#[derive(Serialize)]
#[serde(bound = "")]
struct WithSecret<'a, T: Shown> {
    #[serde(flatten)]
    resource: Proto<'a, T>,
    #[serde(flatten)]
    secret: BTreeMap<&'static str, &'a str>,
}

/// Writes to stdout. A reader that went away, such as `head`, has all it wanted.
fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
