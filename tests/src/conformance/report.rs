//! What came out of the suite's runs: which scenarios hold straight and which through the gateways.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use super::checks_of;

/// One run of one requirement set against one target.
#[derive(Debug, Clone)]
pub struct Run {
    target: String,
    scenarios: BTreeMap<String, Scenario>,
    output: PathBuf,
}

/// How one scenario went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scenario {
    score: Score,
    passed: u32,
    failed: u32,
}

/// Whether the requirement set counts a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Score {
    Counts,
    Informs,
}

/// Every run, by requirement set.
#[derive(Debug, Default)]
pub struct Report {
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Set {
    requirements: String,
    direct: Run,
    through: [Run; 2],
}

impl Run {
    /// Reads what the suite printed.
    pub fn read(target: &str, text: &str, output: &Path) -> Result<Self> {
        let mut scenarios: BTreeMap<String, Scenario> = BTreeMap::new();
        let mut unscored = false;
        for line in text.lines().map(str::trim) {
            unscored |= line.starts_with("Not scored for ");
            let Some(line) = line.strip_prefix(['✓', '✗']).map(str::trim) else {
                continue;
            };
            if unscored {
                let name = line.split(' ').next().unwrap_or_default();
                if let Some(scenario) = scenarios.get_mut(name) {
                    scenario.score = Score::Informs;
                }
            } else if let Some((name, scenario)) = counted(line) {
                scenarios.insert(name, scenario);
            }
        }
        ensure!(!scenarios.is_empty(), "the suite printed no result");
        Ok(Self {
            target: target.to_owned(),
            scenarios,
            output: output.to_owned(),
        })
    }

    fn holds(&self, scenario: &str) -> bool {
        self.scenarios
            .get(scenario)
            .is_some_and(|scenario| scenario.failed == 0)
    }

    fn scored(&self) -> impl Iterator<Item = &String> {
        let counts = |scenario: &Scenario| scenario.score == Score::Counts;
        self.scenarios
            .iter()
            .filter(move |(_, scenario)| counts(scenario))
            .map(|(name, _)| name)
    }

    fn why(&self, scenario: &str) -> String {
        let checks = checks_of(&self.output, scenario)
            .and_then(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok());
        let Some(serde_json::Value::Array(checks)) = checks else {
            return "      it left no checks\n".to_owned();
        };
        let failed = checks.iter().filter(|check| check["status"] == "FAILURE");
        let lines = failed.map(|check| format!("      {}: {}", check["id"], check["errorMessage"]));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }
}

/// `name: 2 passed, 0 failed`.
fn counted(line: &str) -> Option<(String, Scenario)> {
    let (name, counts) = line.split_once(": ")?;
    let (passed, failed) = counts.split_once(" passed, ")?;
    let scenario = Scenario {
        score: Score::Counts,
        passed: passed.parse().ok()?,
        failed: failed.strip_suffix(" failed")?.parse().ok()?,
    };
    Some((name.to_owned(), scenario))
}

impl Report {
    /// Adds the runs of a requirement set.
    pub fn add(&mut self, requirements: &str, direct: Run, through: [Run; 2]) {
        self.sets.push(Set {
            requirements: requirements.to_owned(),
            direct,
            through,
        });
    }

    /// The scored scenarios that hold straight at the fixture and not through the gateways, each as
    /// `set target scenario`.
    pub fn lost(&self) -> Vec<String> {
        let lost = self.lost_runs();
        lost.map(|(set, run, scenario)| format!("{} {} {scenario}", set.requirements, run.target))
            .collect()
    }

    /// How many scored scenarios hold straight at the fixture, by set.
    pub fn baseline(&self) -> Vec<usize> {
        let holding = |set: &Set| {
            let scored = set.direct.scored();
            scored.filter(|scenario| set.direct.holds(scenario)).count()
        };
        self.sets.iter().map(holding).collect()
    }

    fn lost_runs(&self) -> impl Iterator<Item = (&Set, &Run, &String)> {
        self.sets.iter().flat_map(|set| {
            let held = set.direct.scored().filter(|name| set.direct.holds(name));
            held.flat_map(move |name| {
                let lost = set.through.iter().filter(|run| !run.holds(name));
                lost.map(move |run| (set, run, name))
            })
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12} {:<18} {:>8} {:>16}",
            "set", "target", "scored", "checks"
        )?;
        for set in &self.sets {
            for run in [&set.direct].into_iter().chain(&set.through) {
                let scored: Vec<_> = set.direct.scored().collect();
                let held = scored.iter().filter(|name| run.holds(name)).count();
                let sum =
                    |part: fn(&Scenario) -> u32| run.scenarios.values().map(part).sum::<u32>();
                let (passed, failed) = (sum(|one| one.passed), sum(|one| one.failed));
                let held = format!("{held}/{}", scored.len());
                let checks = format!("{passed} ok, {failed} not");
                writeln!(
                    f,
                    "{:<12} {:<18} {held:>8} {checks:>16}",
                    set.requirements, run.target
                )?;
            }
        }
        for (set, run, scenario) in self.lost_runs() {
            writeln!(f, "  lost: {} {} {scenario}", set.requirements, run.target)?;
            f.write_str(&run.why(scenario))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: &str = "✓ ping: 2 passed, 0 failed\n✗ tasks: 1 passed, 8 failed\n\nTotal: 3 passed\n\nNot scored for 2025-11-25: 1\n  ✗ tasks (extension)\n";

    #[test]
    fn a_scored_scenario_that_fails_only_through_a_gateway_is_lost() {
        let run = |text: &str| Run::read("gateway", text, Path::new("/nowhere")).unwrap();
        let mut report = Report::default();
        let broken = DIRECT.replace("✓ ping: 2 passed, 0", "✗ ping: 1 passed, 1");
        report.add("2025-11-25", run(DIRECT), [run(DIRECT), run(&broken)]);
        assert_eq!(report.baseline(), [1]);
        assert_eq!(report.lost(), ["2025-11-25 gateway ping"]);
    }

    #[test]
    fn a_scenario_that_was_not_run_is_lost() {
        let run = |text: &str| Run::read("gateway", text, Path::new("/nowhere")).unwrap();
        let mut report = Report::default();
        let other = DIRECT.replace("ping", "pong");
        report.add("2025-11-25", run(DIRECT), [run(DIRECT), run(&other)]);
        assert_eq!(report.lost().len(), 1);
    }
}
