//! `cargo xtask test`: its arguments and what they do.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use xtask::say::print;
use xtask::suite::Suite;

use crate::which_lab::WhichLab;

/// Arguments of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Only what needs no lab
    #[arg(long, conflicts_with = "lab")]
    hermetic: bool,
    /// Only what needs the lab
    #[arg(long)]
    lab: bool,
    /// Of what needs the lab only this: a test target, `matrix` or `demo`; may be given again
    #[arg(long, value_name = "NAME", requires = "lab")]
    part: Vec<String>,
    #[command(flatten)]
    on: WhichLab,
}

/// Runs `cargo xtask test`.
pub(crate) fn run(args: &TestArgs) -> Result<ExitCode, Box<dyn Error>> {
    let suite = Suite {
        hermetic: !args.lab,
        on_lab: !args.hermetic,
        parts: args.part.clone(),
        lab: args.on.config(),
    };
    suite.run()?;
    print("\nEverything passed.");
    Ok(ExitCode::SUCCESS)
}
