//! The program behind `./dev`: starts, stops and shows the local stack, and runs the conformance
//! suite against one.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person"
)]

use std::{
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use tests::{
    cluster::Cluster,
    conformance,
    dev::{
        Stack, Wanted, down,
        talk::{Follower, exports, welcome},
    },
    postgres::Durability,
    scratch::write_private,
    secrets::Secrets,
    state::State,
};
use tokio::signal::unix::{SignalKind, signal};

/// The local stack of Aldgate.
#[derive(Debug, Parser)]
#[command(name = "./dev")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the stack and say how to connect; Ctrl-C ends it.
    Up(Up),
    /// End a stack, wherever it was started.
    Down,
    /// Show whether a stack runs, and where.
    Status,
    /// Print shell lines that put `aldgate` on the PATH and tell it where the stack is.
    Env,
    /// Run the conformance suite straight at the fixture and through a gateway.
    Conformance,
    /// Make the certificates, keys and tokens that a cluster in containers starts from.
    Secrets(Secrets),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// Return once it runs, and leave it running.
    #[arg(short, long)]
    detach: bool,
    /// The gateways' ports; as many as there shall be gateways.
    #[arg(long, env = "ALDGATE_DEV_PORTS", value_delimiter = ',', default_values_t = [8080, 8081])]
    ports: Vec<u16>,
    /// The port of the admin API; 0 means any.
    #[arg(long, env = "ALDGATE_DEV_ADMIN_PORT", default_value_t = 0)]
    admin_port: u16,
    /// The port of the demo MCP server; 0 means any.
    #[arg(long, env = "ALDGATE_DEV_DEMO_PORT", default_value_t = 0)]
    demo_port: u16,
    /// The log filter of every process.
    #[arg(long, env = "ALDGATE_DEV_LOG", default_value = "info")]
    log: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("./dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up(up) if up.detach => detached(&up).await,
        Command::Up(up) => foreground(up).await,
        Command::Down => {
            let ended = down(&State::path()).await?;
            println!(
                "{}",
                if ended {
                    "The stack is down."
                } else {
                    "No stack runs."
                }
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Status => status(),
        Command::Env => env(),
        Command::Secrets(secrets) => secrets.make().map(|()| ExitCode::SUCCESS),
        Command::Conformance => {
            let cluster = Cluster::builder().start_alone(Durability::Scratch).await?;
            let report = conformance::run(&cluster).await?;
            println!("{report}");
            let all = report.lost().is_empty();
            Ok(if all {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

async fn foreground(up: Up) -> Result<ExitCode> {
    let begin = Instant::now();
    let path = State::path();
    if let Some(state) = State::read(&path)? {
        bail!(
            "a stack runs already ({}); end it with `./dev down`",
            state.mcp_url
        );
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let wanted = Wanted {
        ports: up.ports,
        admin_port: up.admin_port,
        demo_port: up.demo_port,
        log: up.log,
    };
    println!(
        "Starting Postgres, Redis, a controller, {} gateways and a demo server …",
        wanted.ports.len()
    );
    let mut stack = tokio::select! {
        stack = Stack::start(&wanted) => stack?,
        _ = interrupt.recv() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    stack.state.write(&path)?;
    println!(
        "Aldgate is up after {:.1} s.",
        begin.elapsed().as_secs_f64()
    );
    println!("{}\nCtrl-C or `./dev down` ends it.\n", welcome(&stack));

    let names = (1..=wanted.ports.len()).map(|number| format!("gateway-{number}"));
    let mut follower = Follower::new(&stack.cluster.logs(), names.chain(["controller".into()]));
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let broken = loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = interrupt.recv() => break None,
            _ = terminate.recv() => break None,
            _ = hangup.recv() => break None,
        }
        for line in follower.news() {
            println!("{line}");
        }
        if let Some(broken) = stack.broken() {
            break Some(broken);
        }
    };
    // Nothing of the stack is meant to last, so nothing is drained.
    drop(stack);
    std::fs::remove_file(&path)?;
    match broken {
        Some(broken) => bail!(broken),
        None => Ok(ExitCode::SUCCESS),
    }
}

async fn detached(up: &Up) -> Result<ExitCode> {
    let dir = State::path();
    let dir = dir.parent().context("a file in a folder")?;
    std::fs::create_dir_all(dir)?;
    let log_path = dir.join("up.log");
    // What is printed holds the demo key.
    write_private(&log_path, "")?;
    let log = std::fs::File::options().append(true).open(&log_path)?;
    let ports: Vec<_> = up.ports.iter().map(ToString::to_string).collect();
    // A session of its own, so that closing the terminal does not end it.
    let mut child = std::process::Command::new("setsid")
        .arg(std::env::current_exe()?)
        .args(["up", "--ports", &ports.join(",")])
        .args(["--admin-port", &up.admin_port.to_string()])
        .args(["--demo-port", &up.demo_port.to_string()])
        .args(["--log", &up.log])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let end = Instant::now() + Duration::from_mins(2);
    loop {
        if let Some(state) =
            State::read(&State::path())?.filter(|state| state.pids.launcher == child.id())
        {
            print!("{}", std::fs::read_to_string(&log_path)?);
            println!(
                "It goes on in the background (process {}).",
                state.pids.launcher
            );
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(status) = child.try_wait()? {
            bail!(
                "it did not start ({status}):\n{}",
                std::fs::read_to_string(&log_path)?
            );
        }
        if Instant::now() > end {
            bail!("it was not up within 120 s; see {}", log_path.display());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn status() -> Result<ExitCode> {
    let Some(state) = State::read(&State::path())? else {
        println!("No stack runs.");
        return Ok(ExitCode::from(3));
    };
    println!("A stack runs (process {}).", state.pids.launcher);
    println!("  MCP URL   {}", state.mcp_url);
    println!("  gateways  {}", state.gateways.join(", "));
    println!("  admin     {}", state.admin);
    println!("  details   {}", State::path().display());
    Ok(ExitCode::SUCCESS)
}

fn env() -> Result<ExitCode> {
    let state = State::read(&State::path())?.context("no stack runs; start one with `./dev up`")?;
    print!("{}", exports(&state)?);
    Ok(ExitCode::SUCCESS)
}
