//! The verbs, one file each.

mod check;
mod cost;
mod forward;
mod init;
mod journal;
mod plan;
mod rollback;
mod status;
mod truth;
mod verify;

use regmig_core::state::State;
use regmig_procedure::procedure;

use crate::cli::{Cli, Command};
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::session::Configured;

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

/// Refuses a state in which a migration cannot rest; `otherwise` are commands that lead to where it can.
fn must_rest(configured: &Configured, state: State, otherwise: [&str; 2]) -> Result<(), Problem> {
    if procedure::rests(configured.spec.strategy, state) {
        return Ok(());
    }
    let [one, other] = otherwise.map(|words| configured.command(words));
    Err(Problem::refused(format!(
        "error: found `{state}` as the state to end at, expected one in which a migration can rest; with strategy `live` clients \
         would wait there, until timers take the way out\n  hint: type `{one}` or `{other}`"
    )))
}
