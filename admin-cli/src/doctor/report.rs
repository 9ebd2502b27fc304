//! What was found out, step by step.

use serde::Serialize;

/// A whole walk.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// As which client.
    pub(super) client: String,
    /// The MCP URL.
    pub(super) url: String,
    pub(super) ok: bool,
    pub(super) steps: Vec<Step>,
}

/// One step of it.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(super) name: &'static str,
    pub(super) outcome: Outcome,
    /// What was found.
    pub(super) found: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<Problem>,
    /// What does not hinder this client, but is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) remarks: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Skipped,
}

/// What breaks the client, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(super) what: String,
    pub(super) fix: String,
}

impl Report {
    pub(super) fn new(client: &str, url: &str) -> Self {
        Self {
            client: client.to_owned(),
            url: url.to_owned(),
            ok: true,
            steps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, step: Step) {
        self.ok &= step.outcome != Outcome::Failed;
        self.steps.push(step);
    }

    /// Whether the client would be connected.
    pub(crate) fn is_ok(&self) -> bool {
        self.ok
    }

    /// As people read it.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} as {}", self.url, self.client)];
        for step in &self.steps {
            let outcome = match step.outcome {
                Outcome::Ok => "ok",
                Outcome::Failed => "failed",
                Outcome::Skipped => "skipped",
            };
            lines.push(format!("  {outcome:<8} {:<18} {}", step.name, step.found));
            for problem in &step.problems {
                lines.push(format!("           problem: {}", problem.what));
                lines.push(format!("           fix: {}", problem.fix));
            }
            for remark in &step.remarks {
                lines.push(format!("           note: {remark}"));
            }
        }
        lines
    }
}

impl Step {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            outcome: Outcome::Ok,
            found: String::new(),
            problems: Vec::new(),
            remarks: Vec::new(),
        }
    }

    pub(super) fn skipped(name: &'static str, why: &str) -> Self {
        Self {
            outcome: Outcome::Skipped,
            found: why.to_owned(),
            ..Self::new(name)
        }
    }

    pub(super) fn problem(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.outcome = Outcome::Failed;
        self.problems.push(Problem {
            what: what.into(),
            fix: fix.into(),
        });
    }

    pub(super) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }
}
