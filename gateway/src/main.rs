//! The gateway process: settings, telemetry, run.

use anyhow::Context as _;
use gateway::{app, settings::Settings};
use runtime::{harden, settings::Source, telemetry, tls};

fn main() -> anyhow::Result<()> {
    harden::apply();
    tls::install_provider();
    let mut source = Source::from_env();
    let telemetry = telemetry::init(&mut source, "aldgate-gateway")?;
    let settings = Settings::read(&mut source).context("reading the settings")?;
    for unknown in source.finish() {
        tracing::warn!(variable = unknown, "no such setting");
    }
    app::run(settings, &telemetry)?;
    Ok(())
}
