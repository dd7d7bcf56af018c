//! `cargo xtask docs`: its arguments and what it does.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use xtask::workspace;

/// Arguments of `cargo xtask docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Change nothing; fail with a diff where a page is out of date
    #[arg(long)]
    check: bool,
}

/// Runs `cargo xtask docs`.
///
/// A program of its own makes the pages: it is built of regmig, which the lab must not wait for.
pub(crate) fn run(args: &DocsArgs) -> Result<ExitCode, Box<dyn Error>> {
    let mut program = workspace::cargo("run").args(["--quiet", "--package", "regmig-docs", "--"]);
    if args.check {
        program = program.args(["--check"]);
    }
    let status = program.interactive()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
