//! The verbs, one file each.

mod check;
mod cost;
mod forward;
mod init;
mod journal;
mod plan;
mod rollback;
mod status;
mod verify;

use crate::cli::{Cli, Command};
use crate::exit_code::Code;
use crate::problem::Problem;

/// Runs what was typed.
pub(crate) async fn run(cli: Cli) -> Result<Code, Problem> {
    match &cli.command {
        Command::Init { profile } => init::run(&cli, profile),
        Command::Check => check::run(&cli).await,
        Command::Plan => plan::run(&cli).await,
        Command::Run(forward) => forward::run(&cli, forward, false).await,
        Command::Resume(forward) => forward::run(&cli, forward, true).await,
        Command::Rollback { to, plan, yes } => rollback::run(&cli, *to, *plan, *yes).await,
        Command::Status { json, offline } => status::run(&cli, *json, *offline).await,
        Command::Verify => verify::run(&cli).await,
        Command::Journal { json } => journal::run(&cli, *json),
    }
}
