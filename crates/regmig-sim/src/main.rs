//! `regmig-sim`: explores the simulated world.

use std::process::ExitCode;

use clap::Parser as _;

/// A schedule allocates small things all the time, which took the system's allocator a quarter of the run (perf).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<ExitCode> {
    let cli = regmig_sim::Cli::parse();
    regmig_sim::run(&cli, &mut std::io::stdout().lock()).map(ExitCode::from)
}
