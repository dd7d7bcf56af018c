//! `regmig-traffic`: clients that register users, and the verdict on whether any was lost.

mod args;
mod commands;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Run(args) => commands::run(*args).await,
        Command::Audit(args) => commands::audit(args).await,
        Command::Report(args) => commands::report(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // With stderr gone there is nobody left to tell; the exit code still does.
            let _ = writeln!(std::io::stderr(), "regmig-traffic: {}", error.chain());
            ExitCode::from(commands::code_of(&error))
        }
    }
}
