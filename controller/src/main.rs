//! `aldgate-controller`: settings → app → run.

use controller::{app, settings::Settings};
use runtime::{harden, ops::Ops, settings::Source, telemetry, tls};

/// Faster than the system's at a refresh grant (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    tls::install_provider();
    let mut source = Source::from_env();
    let telemetry = telemetry::init(&mut source, "aldgate-controller")?;
    harden::apply();
    let settings = Settings::read(&mut source)?;
    for name in source.finish() {
        tracing::warn!(name, "unknown variable; is it misspelt?");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(app::run(settings, Ops::new(telemetry.metrics())))?;
    Ok(())
}
