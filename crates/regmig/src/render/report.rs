//! What a run prints while it goes on: one line a step, its effects beneath it.

use regmig_core::report::{Note, Report};
use regmig_procedure::steps::live::section::{Rehearsed, rehearsed};

use super::progress::Bars;
use super::span;

/// Prints notes of the engine as lines.
pub(crate) struct Lines {
    bars: Bars,
}

impl Lines {
    pub(crate) fn new(bars: Bars) -> Self {
        Self { bars }
    }
}

impl Report for Lines {
    fn note(&self, note: Note<'_>) {
        let now = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        let line = match note {
            Note::Step { id, title } => format!("{now}  {id}: {title}"),
            Note::Acting(effect) => format!("           {effect}"),
            Note::Waiting(what) => format!(
                "           waiting: {}",
                what.replace('\n', "\n           ")
            ),
            Note::Again { reason, after_ms } => format!(
                "           again in {}: {reason}",
                span(i64::try_from(after_ms).unwrap_or(0))
            ),
            Note::Reached { id, ms, evidence } => {
                let line = format!("{now}  {id} holds after {}", span(ms));
                match rehearsed(id, evidence) {
                    Some(Rehearsed { ms, way_out_ms }) => format!(
                        "{line}\n           all that it asks took {}; after {} the timers take the way out by themselves",
                        span(ms),
                        span(i64::try_from(way_out_ms).unwrap_or(i64::MAX))
                    ),
                    None => line,
                }
            }
            Note::Entered(state) => format!("{now}  == {state}: {}", state.meaning()),
            Note::Failed { id, .. } => format!("{now}  {id} FAILED"),
            Note::Undoing { id, title } => format!("{now}  undoing {id}: {title}"),
            Note::Undone { id, nothing: None } => format!("{now}  {id} is undone"),
            Note::Undone {
                id,
                nothing: Some(reason),
            } => format!("{now}  {id}: nothing to undo, {reason}"),
        };
        self.bars.say(&line);
    }
}
