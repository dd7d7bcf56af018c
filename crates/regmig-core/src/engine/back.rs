//! The way back: which steps are undone, and how.

use serde_json::Value;

use super::{Engine, EngineError, Outcome, failure};
use crate::cursor::{Cursor, Direction};
use crate::edge::rollback_path;
use crate::effect::Effect;
use crate::journal::{Event, Failure};
use crate::port::PortError;
use crate::report::Note;
use crate::state::State;
use crate::step::{Patience, Step, StepError, Undo, UndoFn};

/// How often an undo is planned before it has failed for good.
const UNDO_ROUNDS: u32 = 3;

/// What a rollback to `to` would undo, newest first.
///
/// # Errors
///
/// [`EngineError::NoWay`] or [`EngineError::Never`] where that cannot be done.
pub fn rollback_plan<'s, X>(
    steps: &'s [Step<X>],
    cursor: &Cursor,
    to: State,
) -> Result<Vec<&'s Step<X>>, EngineError> {
    let from = cursor.state(steps.iter().map(|step| (step.id, step.enters)));
    let touched: Vec<&Step<X>> = steps
        .iter()
        .rev()
        .filter(|step| step.enters > to && cursor.step(step.id).is_some())
        .collect();
    // Steps of a state that was not entered can be undone without leaving one; and a rollback that
    // is under way has passed the states whose steps are undone already.
    let leaves = touched.iter().any(|step| step.enters <= from);
    if leaves || (touched.is_empty() && cursor.direction() == Direction::Forward) {
        rollback_path(from, to)?;
    }
    for step in &touched {
        if let Undo::Never(reason) = step.undo {
            return Err(EngineError::Never {
                step: step.id,
                reason,
            });
        }
    }
    Ok(touched)
}

impl<X: Sync> Engine<'_, X> {
    /// Undoes every step after `to`, newest first; goes on with a rollback that was begun before.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; an undo that fails for good is an [`Outcome::Stuck`] instead.
    pub async fn rollback(&mut self, to: State) -> Result<Outcome, EngineError> {
        let plan: Vec<&'static str> = rollback_plan(self.steps, &self.cursor, to)?
            .into_iter()
            .map(|step| step.id)
            .collect();
        match self.cursor.direction() {
            Direction::Forward => self.record(Event::RollbackBegun { to }).await?,
            Direction::Back(under_way) if under_way == to => {}
            Direction::Back(under_way) => return Err(EngineError::RollingBack { to: under_way }),
        }
        let mut undone = Vec::new();
        for (index, id) in plan.iter().enumerate() {
            let Some(step) = self.steps.iter().find(|step| step.id == *id) else {
                continue;
            };
            if let Err(failure) = self.undo(step).await? {
                self.report.note(Note::Failed {
                    id: step.id,
                    failure: &failure,
                });
                let step = step.id.to_owned();
                self.record(Event::UndoFailed {
                    step: step.clone(),
                    failure: failure.clone(),
                })
                .await?;
                let left = plan.iter().skip(index).map(|id| (*id).to_owned()).collect();
                return Ok(Outcome::Stuck {
                    step,
                    failure,
                    undone,
                    left,
                });
            }
            undone.push(step.id.to_owned());
        }
        self.record(Event::RollbackEnded { to }).await?;
        self.report.note(Note::Entered(to));
        Ok(Outcome::RolledBack(to))
    }

    async fn undo(&mut self, step: &Step<X>) -> Result<Result<(), Failure>, EngineError> {
        self.report.note(Note::Undoing {
            id: step.id,
            title: step.title,
        });
        self.record(Event::UndoStarted {
            step: step.id.to_owned(),
        })
        .await?;
        let before = self
            .cursor
            .step(step.id)
            .and_then(|state| state.before.clone());
        let mut nothing = None;
        match (&step.undo, before) {
            (Undo::Never(reason), _) => {
                return Err(EngineError::Never {
                    step: step.id,
                    reason,
                });
            }
            (Undo::Nothing(reason), _) => nothing = Some(*reason),
            (Undo::Run(_), None) => nothing = Some("it held before regmig came"),
            (Undo::Run(plan), Some(before)) => {
                if let Err(failure) = self.bring_back(step, *plan, &before).await? {
                    return Ok(Err(failure));
                }
            }
        }
        self.record(Event::Undone {
            step: step.id.to_owned(),
        })
        .await?;
        self.report.note(Note::Undone {
            id: step.id,
            nothing,
        });
        Ok(Ok(()))
    }

    /// Carries out what an undo still names, until it names nothing.
    async fn bring_back(
        &mut self,
        step: &Step<X>,
        plan: UndoFn<X>,
        before: &Value,
    ) -> Result<Result<(), Failure>, EngineError> {
        let mut trouble = None;
        for _ in 0..UNDO_ROUNDS {
            match plan(&self.cx(), before).await {
                Ok(effects) if effects.is_empty() => return Ok(Ok(())),
                Ok(effects) => trouble = self.undo_round(step, plan, before, &effects).await?,
                Err(error @ StepError::Refused(_)) => return Ok(Err(failure(None, &error))),
                Err(error) => {
                    trouble = Some(failure(None, &error));
                    self.sleep(2000).await;
                }
            }
            if trouble.is_none() {
                return Ok(Ok(()));
            }
        }
        Ok(trouble.map_or(Ok(()), Err))
    }

    /// Carries effects of an undo out and waits, as long as the step's patience lasts, until they show.
    async fn undo_round(
        &mut self,
        step: &Step<X>,
        plan: UndoFn<X>,
        before: &Value,
        effects: &[Effect],
    ) -> Result<Option<Failure>, EngineError> {
        if let Err((effect, error)) = self.carry_out(step.id, effects).await? {
            self.sleep(2000).await;
            return Ok(Some(failure(Some(&effect), &StepError::Port(error))));
        }
        let patience = (step.patience)(self.spec);
        let acted_ms = self.now().await?;
        loop {
            let left = match plan(&self.cx(), before).await {
                Ok(effects) if effects.is_empty() => return Ok(None),
                Ok(effects) => Failure {
                    chain: vec![format!(
                        "still needed after it was done: {}",
                        listed(&effects)
                    )],
                    effect: None,
                    outcome_unknown: false,
                    hint: None,
                },
                Err(error) => failure(None, &error),
            };
            if self.has_waited(acted_ms, patience).await? {
                return Ok(Some(left));
            }
            self.sleep(patience.every_ms).await;
        }
    }

    async fn has_waited(&self, since_ms: i64, patience: Patience) -> Result<bool, PortError> {
        let waited = self.now().await?.saturating_sub(since_ms);
        Ok(waited >= i64::try_from(patience.limit_ms).unwrap_or(i64::MAX))
    }
}

fn listed(effects: &[Effect]) -> String {
    effects
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
