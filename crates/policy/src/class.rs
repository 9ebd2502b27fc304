//! What a tool does: read, write, or nobody knows (S4-53). What a definition says of itself counts
//! first, then the words in it. A server can lie in both; operators who do not trust one class its
//! tools by overrides.

use std::fmt;

use serde_json::Value;

use self::score::Score;

mod lexicon;
mod score;
mod words;

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It only reads.
    Read,
    /// It changes something.
    Write,
    /// Nobody knows. Counts as writing, or is denied to everybody if the policy is strict.
    Ambiguous,
}

/// What a class was concluded from, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The policy's `tool_overrides`.
    Override,
    /// The server's catalog, which was classed earlier; what from is not known any more.
    Catalog,
    /// `readOnlyHint` and `destructiveHint` of the definition.
    Annotations,
    /// The words of the definition.
    Heuristics,
    /// The words of the name alone; there was no definition.
    Name,
}

/// How a tool is classed, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classification {
    /// What it does.
    pub class: Class,
    /// What that was concluded from.
    pub source: Source,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
}

/// Classes an MCP tool definition, the object that `tools/list` returns: by its annotations, else
/// by the words of its name, description and schema.
pub fn classify_definition(definition: &Value) -> Classification {
    annotated(definition).unwrap_or_else(|| Score::of(definition).conclude(Source::Heuristics))
}

/// Classes a tool of which only the name is known.
pub fn classify_name(name: &str) -> Classification {
    Score::of_name(name).conclude(Source::Name)
}

/// Whoever says both that it only reads and that it does not is taken to write. That it is not
/// destructive alone says nothing: adding is writing, too.
fn annotated(definition: &Value) -> Option<Classification> {
    let hint = |name| definition.get("annotations")?.get(name)?.as_bool();
    let class = match (hint("readOnlyHint"), hint("destructiveHint")) {
        (Some(false), _) | (_, Some(true)) => Class::Write,
        (Some(true), _) => Class::Read,
        (None, Some(false) | None) => return None,
    };
    Some(Classification {
        class,
        source: Source::Annotations,
        confidence: 0.95,
    })
}

impl Class {
    /// `read`, `write` or `ambiguous`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Source {
    /// `override`, `catalog`, `annotations`, `heuristics` or `name`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Catalog => "catalog",
            Self::Annotations => "annotations",
            Self::Heuristics => "heuristics",
            Self::Name => "name",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
