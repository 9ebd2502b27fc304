#![doc = include_str!("../README.md")]

/// `ALDGATE_…` variables, read once at start.
pub mod settings;

/// What this process may not do: leave a core file.
pub mod harden;

/// Logs and metrics.
pub mod telemetry;

/// TLS between our own processes, and on the public door.
pub mod tls;

/// The private port: health and metrics.
pub mod ops;

/// Where a process that was told port 0 says what it got.
pub mod port_file;

/// Signals, tokens and tasks with owners.
pub mod shutdown;

/// The wall clock as a value.
pub mod clock;
