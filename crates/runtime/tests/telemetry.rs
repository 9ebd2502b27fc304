//! Telemetry as a whole. It is global, so each case runs in a process of its own: this program, started again.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes functions beside tests for production code"
)]

use std::{env, panic, process::Command};

use runtime::{settings::Source, telemetry};
use serde_json::Value;

#[test]
fn logs_are_json_lines_on_stderr() {
    let lines = logged_by("logging_process");
    assert_eq!(lines[0]["message"], "starting");
    assert_eq!(lines[0]["process"], "aldgate-test");
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["message"], "hello");
    assert_eq!(
        (&lines[1]["level"], &lines[1]["answer"]),
        (&"WARN".into(), &42.into())
    );
}

#[test]
fn a_panic_is_logged_with_its_place_but_without_data() {
    let lines = logged_by("panicking_process");
    let literal = &lines[1];
    assert_eq!(
        (&literal["message"], &literal["panic"]),
        (&"panicked".into(), &"a literal".into())
    );
    assert!(
        literal["place"]
            .as_str()
            .unwrap()
            .contains("tests/telemetry.rs:"),
        "{literal}"
    );
    let formatted = lines[2].to_string();
    assert!(
        formatted.contains("panicked") && !formatted.contains("hunter2"),
        "{formatted}"
    );
}

#[test]
fn a_filter_that_is_none_is_refused_with_an_example() {
    let mut source = Source::from_pairs([("ALDGATE_LOG".to_owned(), "gateway=loud".to_owned())]);
    let error = telemetry::init(&mut source, "aldgate-test").err().unwrap();
    assert!(error.to_string().contains("info,gateway=debug"), "{error}");
}

#[test]
#[ignore = "started by logs_are_json_lines_on_stderr"]
fn logging_process() {
    let telemetry = telemetry::init(&mut Source::from_pairs([]), "aldgate-test").unwrap();
    tracing::warn!(answer = 42, "hello");
    tracing::info!("this crate is not one of ours");
    metrics::histogram!("aldgate_wait_seconds").record(0.2);
    let text = telemetry.metrics().render();
    assert!(
        text.contains("aldgate_wait_seconds_bucket{process=\"aldgate-test\",le=\"0.25\"} 1"),
        "{text}"
    );
}

#[test]
#[ignore = "started by a_panic_is_logged_with_its_place_but_without_data"]
fn panicking_process() {
    telemetry::init(&mut Source::from_pairs([]), "aldgate-test").unwrap();
    let secret = String::from("hunter2");
    assert!(panic::catch_unwind(|| panic!("a literal")).is_err());
    assert!(panic::catch_unwind(|| panic!("{secret}")).is_err());
}

fn logged_by(case: &str) -> Vec<Value> {
    let run = Command::new(env::current_exe().unwrap())
        .args(["--exact", case, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8(run.stderr).unwrap();
    assert!(
        run.status.success(),
        "{}{text}",
        String::from_utf8_lossy(&run.stdout)
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
