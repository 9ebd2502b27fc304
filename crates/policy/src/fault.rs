//! What is wrong with a policy, and where. Every mistake is reported, not the first alone, so that
//! an operator repairs a file once; the report is bounded all the same.

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Fault {
    /// Where, as a path: `roles.dev.grants[1].access`.
    pub field: String,
    /// What, as the rest of a sentence that begins with the field: ``must be `allow` or `deny` ``.
    pub problem: String,
}

/// The most mistakes that are reported.
const MOST: usize = 50;

/// Mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Notes one.
    pub(crate) fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Fault {
                field: field.into(),
                problem: problem.into(),
            });
        }
    }

    /// The value, if there were none.
    pub(crate) fn none_or<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }
}
