//! Interleaved rounds: every contender once per round, so that what else the machine does hits all
//! alike; then medians, and medians of the ratios within each round.

use std::path::Path;

use crate::load::{Contender, Measured};

/// What all rounds gave for one number of connections, one entry per contender.
pub(crate) struct Rounds {
    names: Vec<&'static str>,
    measured: Vec<Vec<Measured>>,
}

impl Rounds {
    /// Measures every contender `rounds` times, in turn.
    pub(crate) fn run(
        contenders: &[Contender],
        dir: &Path,
        connections: usize,
        rounds: usize,
        seconds: u32,
    ) -> anyhow::Result<Self> {
        let mut measured = vec![Vec::new(); contenders.len()];
        for _ in 0..rounds {
            for (contender, results) in contenders.iter().zip(&mut measured) {
                results.push(contender.load(dir, connections, seconds)?);
            }
        }
        let names: Vec<_> = contenders.iter().map(|contender| contender.name).collect();
        Ok(Self::of(&names, measured))
    }

    /// What was measured in turn for contenders of these names.
    pub(crate) fn of(names: &[&'static str], measured: Vec<Vec<Measured>>) -> Self {
        Self {
            names: names.to_vec(),
            measured,
        }
    }

    /// A Markdown table; ratios are to the contender called `base`.
    pub(crate) fn table(&self, base: &str) -> String {
        let mut rows = vec![
            format!(
                "| contender | CPU µs per request | × {base} (min – max) | requests/s | p50 µs | p99 µs |"
            ),
            "|---|---|---|---|---|---|".to_owned(),
        ];
        for (name, results) in self.names.iter().zip(&self.measured) {
            let of = |field: fn(&Measured) -> f64| median(results.iter().map(field).collect());
            let ratios = self.ratios(name, base);
            rows.push(format!(
                "| {name} | {:.1} | {:.2} ({:.2} – {:.2}) | {:.0} | {:.0} | {:.0} |",
                of(|m| m.cpu_us),
                median(ratios.clone()),
                ratios.iter().copied().fold(f64::INFINITY, f64::min),
                ratios.iter().copied().fold(0.0, f64::max),
                of(|m| m.rate),
                of(|m| m.p50_us),
                of(|m| m.p99_us),
            ));
        }
        rows.join("\n")
    }

    /// CPU time of `name` over that of `base`, round by round.
    pub(crate) fn ratios(&self, name: &str, base: &str) -> Vec<f64> {
        let find = |wanted: &str| {
            self.names
                .iter()
                .position(|name| *name == wanted)
                .map(|at| &self.measured[at])
        };
        let (Some(ours), Some(theirs)) = (find(name), find(base)) else {
            return Vec::new();
        };
        ours.iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours.cpu_us / theirs.cpu_us)
            .collect()
    }
}

/// The middle value; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
