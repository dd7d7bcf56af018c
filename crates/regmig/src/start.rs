//! What the program does from its first line to its exit status.

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::{commands, exit_code, render};

/// Runs what was typed.
pub(crate) fn start() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("REGMIG_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,sled=error,russh=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            render::complain(&format!("error: the runtime could not be started: {error}"));
            return exit_code::Code::Internal.into();
        }
    };
    let code = match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(problem) => {
            render::complain(&problem.text);
            problem.code
        }
    };
    // Nothing that is still running in the background is waited for.
    runtime.shutdown_background();
    code.into()
}
