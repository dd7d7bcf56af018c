//! Walking back: steps on the way home are taken, steps forward are undone.

use serde_json::Value;

use super::way::{Leg, WayBack, is_home, way_back};
use super::{Engine, EngineError, Outcome, TRIES, Taken, failure};
use crate::cursor::Direction;
use crate::edge::Failback;
use crate::effect::{Effect, Query};
use crate::journal::{Event, Failure};
use crate::machine::Machine;
use crate::port::PortError;
use crate::report::Note;
use crate::state::State;
use crate::step::{Patience, PlanFn, Probe, Step, StepError, Undo, UndoFn};

/// How often an undo is planned before it has failed for good.
const UNDO_ROUNDS: u32 = 3;

impl<'e, X: Sync> Engine<'e, X> {
    /// Asks the machines whether a failback can be had now, or why not.
    async fn ready(&self, by: Failback) -> Result<(), String> {
        match self.ask(self.procedure.homeward(by).ready).await {
            Ok(Probe::Holds(_)) => Ok(()),
            Ok(Probe::Absent(missing)) => Err(missing),
            Ok(Probe::Conflict(refusal)) => Err(refusal.to_string()),
            Err(error) => Err(error.one_line()),
        }
    }

    /// The way back as it would be walked now.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoWay`] or [`EngineError::Never`] where there is none.
    pub async fn plan_back(&self, to: State) -> Result<WayBack<'e, X>, EngineError> {
        let mut cursor = self.cursor.clone();
        for (step, _) in self.undecided() {
            if !matches!(self.probe(step).await, Ok(Probe::Holds(_))) {
                cursor = cursor.without(step.id);
            }
        }
        let hoped = way_back(self.procedure, &cursor, to, |_| Ok(()))?;
        let Some(cheapest) = hoped.failback() else {
            return Ok(hoped);
        };
        if is_home(self.procedure, &cursor) {
            return Ok(hoped);
        }
        let replication = self.ready(Failback::Replication).await;
        let copy = self.ready(Failback::Copy).await;
        let ready = |by| match by {
            Failback::Replication => replication.clone(),
            Failback::Copy => copy.clone(),
        };
        let mut way = way_back(self.procedure, &cursor, to, ready)?;
        way.ruled_out = ready(cheapest).err().map(|reason| (cheapest, reason));
        Ok(way)
    }

    /// Returns to `to`; goes on with a rollback that was begun before, or gives it another target.
    ///
    /// What dest has accepted is brought home before anything behind it is undone.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; a step on the way home that fails is an [`Outcome::Halted`], and an undo that fails
    /// for good an [`Outcome::Stuck`] instead.
    pub async fn rollback(&mut self, to: State) -> Result<Outcome, EngineError> {
        self.settle().await?;
        if let Some(halted) = self.prove_fence_again().await? {
            return Ok(halted);
        }
        if let Some(halted) = self.decide().await? {
            return Ok(halted);
        }
        let way = self.plan_back(to).await?;
        if self.cursor.direction() != Direction::Back(to) {
            self.record(Event::RollbackBegun { to }).await?;
        }
        // What is still undecided now was withdrawn.
        for (step, _) in self.undecided() {
            let step = step.id.to_owned();
            self.record(Event::UndoStarted { step: step.clone() })
                .await?;
            self.record(Event::Undone { step }).await?;
        }
        let mut undone = Vec::new();
        for (index, leg) in way.legs.iter().enumerate() {
            let step = leg.step();
            let failed = match leg {
                Leg::Home(_) => match self.take_home(step).await? {
                    Taken::Reached => continue,
                    Taken::Stopped => return Ok(Outcome::Stopped(self.state())),
                    Taken::Halted(failure) => return self.halted(step, failure).await,
                },
                Leg::Reopen(_) | Leg::Undo(_) => self.undo(step).await?,
            };
            if let Err(failure) = failed {
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
                let left = way.legs.iter().skip(index);
                let left = left.map(|leg| leg.step().id.to_owned()).collect();
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

    /// Steps that may have opened dest or not, each with what names the effects after which it cannot any more.
    fn undecided(&self) -> Vec<(&'e Step<X>, PlanFn<X>)> {
        let open = |step: &&Step<X>| {
            let state = self.cursor.step(step.id);
            state.is_some_and(|state| state.reached.is_none())
        };
        let steps = self.procedure.steps.iter().filter(open);
        steps
            .filter_map(|step| match step.undo {
                Undo::OnceHomeUnless { withdraw, .. } => Some((step, withdraw)),
                _ => None,
            })
            .collect()
    }

    /// Sees to it that a step which may or may not have opened dest cannot do so any more, and records it as reached
    /// if it has. One that has not stays as it is.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; where it cannot be seen to, an [`Outcome::Halted`] instead.
    pub async fn decide(&mut self) -> Result<Option<Outcome>, EngineError> {
        for (step, withdraw) in self.undecided() {
            if self.cursor.direction() != Direction::Forward {
                // It was withdrawn before the rollback began.
                continue;
            }
            let mut round = 1;
            let mut lost = false;
            let trouble = loop {
                let mut trouble = match self.withdraw(step, withdraw).await? {
                    Ok(Probe::Holds(evidence)) => {
                        let now = self.now().await?;
                        self.reached(step, now, evidence, Vec::new()).await?;
                        break None;
                    }
                    Ok(Probe::Conflict(_)) => break None,
                    Ok(Probe::Absent(missing)) => failure(None, &StepError::Broken(missing)),
                    Err(trouble) => trouble,
                };
                lost |= trouble.outcome_unknown;
                trouble.outcome_unknown = lost;
                if round == TRIES {
                    break Some(trouble);
                }
                round += 1;
                self.sleep(2000).await;
            };
            if let Some(trouble) = trouble {
                return self.halted(step, trouble).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn withdraw(
        &mut self,
        step: &Step<X>,
        withdraw: PlanFn<X>,
    ) -> Result<Result<Probe, Failure>, EngineError> {
        let effects = match withdraw(&self.cx()).await {
            Ok(effects) => effects,
            Err(error) => return Ok(Err(failure(None, &error))),
        };
        if let Err((effect, error)) = self.carry_out(step.id, &effects).await? {
            return Ok(Err(failure(Some(&effect), &StepError::Port(error))));
        }
        Ok(self
            .probe(step)
            .await
            .map_err(|error| failure(None, &error)))
    }

    /// Waits for what a process that has ended may have left under way: an undo that looks before it has
    /// taken place would find nothing to do.
    async fn settle(&self) -> Result<(), PortError> {
        let Some(since_ms) = self.cursor.in_flight_ms() else {
            return Ok(());
        };
        for machine in Machine::BOTH {
            let query = Query::Settled { machine, since_ms };
            let mut tries = 1;
            while let Err(error) = self.world.observe(&query).await {
                if tries == TRIES || matches!(error, PortError::Refused { .. }) {
                    return Err(error);
                }
                tries += 1;
                self.sleep(2000).await;
            }
        }
        Ok(())
    }

    /// Somebody may have opened dest again after its fence had held; then nothing proven since counts.
    async fn prove_fence_again(&mut self) -> Result<Option<Outcome>, EngineError> {
        let Some(fence) = self.procedure.homeward(Failback::Copy).steps.first() else {
            return Ok(None);
        };
        let opened =
            |step: &&Step<X>| step.undo.opens_dest() && self.cursor.step(step.id).is_some();
        let dest_may_serve = self.procedure.steps.iter().any(|step| opened(&step));
        if !self.cursor.is_reached(fence.id) || !dest_may_serve {
            return Ok(None);
        }
        let broken = match self.probe(fence).await {
            Ok(Probe::Holds(_)) => return Ok(None),
            Ok(Probe::Absent(_)) => (fence.before)(&self.cx()).await,
            Ok(Probe::Conflict(refusal)) => Err(StepError::Refused(refusal)),
            Err(error) => Err(error),
        };
        match broken {
            Ok(before) => {
                let step = fence.id.to_owned();
                self.record(Event::Started { step, before }).await?;
                Ok(None)
            }
            Err(error) => self.halted(fence, failure(None, &error)).await.map(Some),
        }
    }

    async fn take_home(&mut self, step: &Step<X>) -> Result<Taken, EngineError> {
        if self.cursor.is_reached(step.id) {
            return Ok(Taken::Reached);
        }
        self.take(step).await
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
            (
                Undo::Run(plan) | Undo::OnceHome(plan) | Undo::OnceHomeUnless { undo: plan, .. },
                Some(before),
            ) => {
                if let Err(failure) = self.bring_back(step, *plan, &before).await? {
                    return Ok(Err(failure));
                }
            }
            (_, None) => nothing = Some("it held before regmig came"),
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
        let mut lost = false;
        for _ in 0..UNDO_ROUNDS {
            match plan(&self.cx(), before).await {
                Ok(effects) if effects.is_empty() => return Ok(Ok(())),
                Ok(effects) => trouble = self.undo_round(step, plan, before, &effects).await?,
                Err(error @ StepError::Refused(_)) => {
                    trouble = Some(failure(None, &error));
                    break;
                }
                Err(error) => {
                    trouble = Some(failure(None, &error));
                    self.sleep(2000).await;
                }
            }
            match &trouble {
                None => return Ok(Ok(())),
                Some(failure) => lost |= failure.outcome_unknown,
            }
        }
        Ok(trouble.map_or(Ok(()), |mut failure| {
            // What an earlier round had sent may still take place.
            failure.outcome_unknown |= lost;
            Err(failure)
        }))
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
