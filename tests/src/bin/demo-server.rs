//! The demo MCP server as a program; `tests::demo` says what it is for.

use std::{
    fs::OpenOptions,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use axum::serve::ListenerExt as _;
use clap::Parser;
use runtime::port_file::PortFile;
use tests::demo::door::{self, Door};

/// An MCP server that wants a bearer credential.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 means any.
    #[arg(long, default_value = "127.0.0.1:0")]
    addr: SocketAddr,
    /// The credentials it takes, one in a line.
    #[arg(long)]
    credential_file: PathBuf,
    /// Record what it receives, as JSON lines. Contains the credentials.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Write the address here once it listens, as JSON.
    #[arg(long)]
    port_file: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let record = args.log.map(|path| {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))
    });
    let door = Door {
        credentials: args.credential_file,
        record: record.transpose()?.map(|file| Arc::new(Mutex::new(file))),
    };
    let listener = tokio::net::TcpListener::bind(args.addr)
        .await
        .with_context(|| format!("listening on {}", args.addr))?;
    if let Some(path) = args.port_file {
        PortFile::new()
            .one("mcp", listener.local_addr()?)
            .write(&path)?;
    }
    let listener = listener.tap_io(|stream| {
        // Small events must not wait for more. A connection that is gone already is noticed later.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, door::router(door)).await?;
    Ok(())
}
