//! What a process tree has used, as the kernel counts it.

use std::{collections::HashMap, fs};

/// CPU time and memory of a process with all its descendants.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system time, in microseconds.
    pub(crate) cpu_us: f64,
    /// Proportional set size, in bytes.
    pub(crate) memory: f64,
}

impl Usage {
    /// Of the process `pid` and its descendants, now.
    pub(crate) fn of(pid: u32) -> Self {
        tree(pid)
            .into_iter()
            .filter_map(one)
            .fold(Self::default(), |sum, one| Self {
                cpu_us: sum.cpu_us + one.cpu_us,
                memory: sum.memory + one.memory,
            })
    }
}

fn one(pid: u32) -> Option<Usage> {
    let ticks: f64 = stat(pid)?
        .get(11..13)?
        .iter()
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib: f64 = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())?;
    Some(Usage {
        cpu_us: ticks * 1e6 / TICKS_PER_SECOND,
        memory: kib * 1024.0,
    })
}

/// The fields of `/proc/PID/stat` after the program's name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn tree(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for child in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(parent) = stat(child).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        all.extend(children.get(&pid).into_iter().flatten());
        next += 1;
    }
    all
}

/// The kernel's unit in `/proc`, the same on every Linux that we build for.
const TICKS_PER_SECOND: f64 = 100.0;
