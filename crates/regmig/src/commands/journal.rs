//! `regmig journal`: what happened, in order.

use regmig_core::journal::Event;

use crate::cli::Cli;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render::{self, time};
use crate::session::Configured;

pub(super) fn run(cli: &Cli, json: bool) -> Result<Code, Problem> {
    let configured = Configured::load(cli)?;
    let (contents, _) = configured.read()?;
    for record in &contents.records {
        if json {
            render::say(&serde_json::to_string(record).unwrap_or_default());
        } else {
            render::say(&format!(
                "{:>4}  {}  {}",
                record.seq,
                time(record.at_ms),
                words(&record.event)
            ));
        }
    }
    if contents.torn > 0 {
        render::complain(&format!(
            "note: {} bytes of a torn last record follow",
            contents.torn
        ));
    }
    Ok(Code::Done)
}

fn words(event: &Event) -> String {
    match event {
        Event::Begun(begun) => format!("migration {} began (regmig {})", begun.id, begun.regmig),
        Event::Agreed { state } => format!("the operator agreed to enter `{state}`"),
        Event::Started { step, .. } => format!("{step} started"),
        Event::Acting { effect, .. } => format!("  {effect}"),
        Event::Reached { step, .. } => format!("{step} holds"),
        Event::Failed { step, failure } => format!("{step} FAILED: {}", failure.chain.join(": ")),
        Event::RollbackBegun { to } => format!("rollback to `{to}` began"),
        Event::UndoStarted { step } => format!("undo of {step} started"),
        Event::Undone { step } => format!("{step} undone"),
        Event::UndoFailed { step, failure } => {
            format!("undo of {step} FAILED: {}", failure.chain.join(": "))
        }
        Event::RollbackEnded { to } => format!("rollback to `{to}` ended"),
        Event::Probed { from_ms, to_ms } => {
            format!(
                "regmig asked both DNS servers for every user from {} to {}",
                time(*from_ms),
                time(*to_ms)
            )
        }
    }
}
