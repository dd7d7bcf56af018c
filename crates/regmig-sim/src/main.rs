//! `regmig-sim`: explores the simulated world.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> std::io::Result<ExitCode> {
    let cli = regmig_sim::Cli::parse();
    regmig_sim::run(&cli, &mut std::io::stdout().lock()).map(ExitCode::from)
}
