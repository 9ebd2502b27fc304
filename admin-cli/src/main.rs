#![doc = include_str!("../README.md")]

/// What can be written on the command line.
mod args;

/// The verbs, one file each.
mod cmd;

/// Where the controller is, and who we are to it.
mod connect;

/// Signing in as a person, in place of an admin token.
mod login;

/// What a client would run into.
mod doctor;

/// HTTP towards a tenant's public address.
mod web;

/// Where a browser comes back to.
mod callback;

/// What ties an authorization to the one who asked.
mod pkce;

/// For tests: a server of which the test holds the other end.
#[cfg(test)]
mod scripted;

/// Values too long or too secret for the command line.
mod input;

/// Files that operators write, read strictly.
mod operator_file;

/// Lists that come in pages.
mod page;

/// Waiting until a change is live.
mod live;

/// Why a command failed: what is said, and the exit code.
mod failure;

/// The only place that prints.
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, failure::Failure, output::Printer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(cli.global.output);
    let result = tokio::select! {
        // The command first: until it waits for an answer, Ctrl-C simply ends the process, also while
        // stdin is read.
        biased;
        result = cmd::run(cli, &printer) => result,
        _ = tokio::signal::ctrl_c() => Err(Failure::Cancelled),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit_code().into()
        }
    }
}
