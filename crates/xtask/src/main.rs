//! `cargo xtask`: what one does with this repository beside building it.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use xtask::say::say;

mod bench_command;
mod demo_command;
mod docs_command;
mod fuzz;
mod kills;
mod lab_command;
mod matrix_command;
mod test_command;
mod which_lab;

/// Helpers of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a cutover costs clients: the published procedure, regmig, and no migration, in turn
    Bench(bench_command::BenchArgs),
    /// Make the generated pages of docs/ anew, or check them
    Docs(docs_command::DocsArgs),
    /// The main job: a register moves between two machines while clients use it
    Demo(demo_command::DemoArgs),
    /// Inputs that break what reads others' words: journals, configurations, answers
    Fuzz(fuzz::FuzzArgs),
    /// Many migrations, each killed once at a random instant and resumed
    Kills(kills::KillsArgs),
    /// The lab: two machines and a name server on this host
    Lab(lab_command::LabArgs),
    /// Kills at every point and faults in every state, forward and back
    Matrix(matrix_command::MatrixArgs),
    /// All tests: format, lints, documentation, tests without a lab, tests on it, the quick matrix, the demo
    Test(test_command::TestArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(args) => bench_command::run(args),
        Command::Docs(args) => docs_command::run(&args),
        Command::Demo(args) => demo_command::run(args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Kills(args) => kills::run(&args),
        Command::Lab(args) => lab_command::run(args),
        Command::Matrix(args) => matrix_command::run(args),
        Command::Test(args) => test_command::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            tell(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and what it came from, outermost first.
fn tell(error: &(dyn Error + 'static)) {
    say(format_args!("error: {error}"));
    let mut cause = error.source();
    while let Some(error) = cause {
        say(format_args!("  because: {error}"));
        cause = error.source();
    }
}
