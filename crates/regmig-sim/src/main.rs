//! `regmig-sim`: explores the simulated world.

use std::process::ExitCode;

use clap::Parser as _;

/// A schedule allocates small things all the time: `replay` with the system's allocator took 1.2 times as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<ExitCode> {
    let cli = regmig_sim::Cli::parse();
    regmig_sim::run(&cli, &mut std::io::stdout().lock()).map(ExitCode::from)
}
