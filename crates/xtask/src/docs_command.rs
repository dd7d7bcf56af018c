//! `cargo xtask docs`: its arguments and what it does.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use xtask::program::Program;
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
    // Of the whole workspace, so that its dependencies have the same features as elsewhere, and are compiled once.
    let build = workspace::cargo("build").args(["--quiet", "--workspace", "--bin", "regmig-docs"]);
    let mut made = build.interactive()?;
    if made.success() {
        let check = args.check.then_some("--check");
        made = Program::new(workspace::program("regmig-docs")?)
            .args(check)
            .interactive()?;
    }
    let code = made.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
