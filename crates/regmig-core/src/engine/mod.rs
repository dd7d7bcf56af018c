//! The only loop: probe, record the intent, act, probe, record.

mod back;
mod said;
mod way;

use serde_json::Value;

use self::said::Said;
use crate::cursor::{Cursor, Direction, Nonsense};
use crate::edge::NoWay;
use crate::effect::{Answer, Effect, Query};
use crate::journal::{Begun, Event, Failure, Journal, JournalError, Record};
use crate::port::{Act, PortError};
use crate::report::{Note, Report};
use crate::state::State;
use crate::step::{Cx, Probe, ProbeFn, Procedure, Refusal, Step, StepError};

/// How often something that did not happen is tried again.
const TRIES: u32 = 4;

pub use way::{Leg, WayBack, way_back};

/// What the engine asks of whoever runs it.
pub trait Operator: Sync {
    /// Whether a state that asks first may be entered.
    fn agrees(&self, state: State) -> bool;
    /// Whether the run shall stop at the next safe point.
    fn wants_stop(&self) -> bool;
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The state that was asked for is entered, or was before.
    Reached(State),
    /// A step failed; what was true before it is still safe.
    Halted {
        /// Which step.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// The operator stopped the run at a safe point.
    Stopped(State),
    /// The operator did not agree to enter a state.
    Declined(State),
    /// A rollback has ended.
    RolledBack(State),
    /// An undo failed for good.
    Stuck {
        /// Of which step.
        step: String,
        /// Why.
        failure: Failure,
        /// Steps that were undone in this run, newest first.
        undone: Vec<String>,
        /// Steps that are not undone, this one included, newest first.
        left: Vec<String>,
    },
}

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal could not be written; nothing was done after that.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine would have written nonsense.
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    /// A rollback is under way.
    #[error("a rollback to `{to}` is under way; forward is refused until it has ended")]
    RollingBack {
        /// Where it goes.
        to: State,
    },
    /// There is no way back.
    #[error(transparent)]
    NoWay(#[from] NoWay),
    /// A step on the way back can never be undone.
    #[error("step {step} cannot be undone: {reason}")]
    Never {
        /// Which.
        step: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The clock of the operator's machine could not be read, or a machine did not say whether it has settled.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Walks the steps of a procedure, forward and back.
pub struct Engine<'a, X: 'static> {
    /// Every step.
    pub procedure: &'a Procedure<X>,
    /// What the operator configured.
    pub spec: &'a X,
    /// The machines.
    pub world: &'a dyn Act,
    /// Whoever watches.
    pub report: &'a dyn Report,
    /// Whoever decides.
    pub operator: &'a dyn Operator,
    /// Where records go.
    pub journal: &'a mut dyn Journal,
    /// The fold of what is recorded so far.
    pub cursor: Cursor,
}

enum Taken {
    Reached,
    Halted(Failure),
    Stopped,
}

impl<X: Sync> Engine<'_, X> {
    /// The state in which the migration rests.
    pub fn state(&self) -> State {
        self.cursor.state(self.procedure.order())
    }

    /// Whether a run may stop between two steps: not while nobody accepts writes, nor on the way there or out.
    fn is_safe_point(&self) -> bool {
        let state = self.state();
        let left = |step: &Step<X>| step.enters > state && self.cursor.step(step.id).is_some();
        let in_window = self
            .procedure
            .steps
            .iter()
            .any(|step| left(step) && step.enters.writes() != state.writes());
        state.writes().is_some() && !in_window
    }

    /// Records the head of a new journal.
    ///
    /// # Errors
    ///
    /// [`EngineError::Journal`] if it could not be written.
    pub async fn begin(&mut self, begun: Begun) -> Result<(), EngineError> {
        self.record(Event::Begun(Box::new(begun))).await
    }

    /// Takes every step up to and including those that enter `until`.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; a step that fails is an [`Outcome::Halted`] instead.
    pub async fn forward(&mut self, until: State) -> Result<Outcome, EngineError> {
        if let Direction::Back(to) = self.cursor.direction() {
            return Err(EngineError::RollingBack { to });
        }
        let ids = self.procedure.steps.iter().map(|step| step.id);
        let ahead = self.procedure.steps.iter().skip(self.cursor.passed(ids));
        for step in ahead.filter(|step| step.enters <= until) {
            let state = self.state();
            if self.is_safe_point() && self.operator.wants_stop() {
                return Ok(Outcome::Stopped(state));
            }
            if step.enters.asks_first() && !self.cursor.has_agreed(step.enters) {
                if !self.operator.agrees(step.enters) {
                    return Ok(Outcome::Declined(step.enters));
                }
                self.record(Event::Agreed { state: step.enters }).await?;
            }
            match self.take(step).await? {
                Taken::Reached => {
                    if self.state() == step.enters {
                        self.report.note(Note::Entered(step.enters));
                    }
                }
                Taken::Halted(failure) => return self.halted(step, failure).await,
                Taken::Stopped => return Ok(Outcome::Stopped(self.state())),
            }
        }
        Ok(Outcome::Reached(self.state()))
    }

    /// What the current state promises and does not hold any more: step by step, why not.
    ///
    /// # Errors
    ///
    /// A machine that cannot be asked.
    pub async fn drift(&self) -> Result<Vec<(&'static str, Refusal)>, StepError> {
        let state = self.state();
        let mut drifted = Vec::new();
        // On its way to the next state a migration changes what the one before promised.
        let on_its_way =
            |step: &Step<X>| step.enters > state && self.cursor.step(step.id).is_some();
        if self.procedure.steps.iter().any(on_its_way) {
            return Ok(drifted);
        }
        let promised =
            |step: &&Step<X>| step.enters == state && step.stays && self.cursor.is_reached(step.id);
        for step in self.procedure.steps.iter().filter(promised) {
            match self.probe(step).await? {
                Probe::Holds(_) => {}
                Probe::Conflict(refusal) => drifted.push((step.id, *refusal)),
                Probe::Absent(missing) => drifted.push((
                    step.id,
                    Refusal {
                        what: step.title.to_owned(),
                        found: missing,
                        expected: "what this step had brought about".to_owned(),
                        hint: "something else changed it since".to_owned(),
                    },
                )),
            }
        }
        Ok(drifted)
    }

    /// Records that a step did not come to hold.
    async fn halted(&mut self, step: &Step<X>, failure: Failure) -> Result<Outcome, EngineError> {
        self.report.note(Note::Failed {
            id: step.id,
            failure: &failure,
        });
        let step = step.id.to_owned();
        self.record(Event::Failed {
            step: step.clone(),
            failure: failure.clone(),
        })
        .await?;
        Ok(Outcome::Halted { step, failure })
    }

    async fn take(&mut self, step: &Step<X>) -> Result<Taken, EngineError> {
        let mut lost = false;
        let mut taken = self.take_in_rounds(step, &mut lost).await?;
        if let Taken::Halted(failure) = &mut taken {
            // What an earlier round had sent may still take place, however the last one ended.
            failure.outcome_unknown |= lost;
        }
        Ok(taken)
    }

    /// `lost` says whether it is unknown how an effect ended.
    async fn take_in_rounds(
        &mut self,
        step: &Step<X>,
        lost: &mut bool,
    ) -> Result<Taken, EngineError> {
        self.report.note(Note::Step {
            id: step.id,
            title: step.title,
        });
        let begun_ms = self.now().await?;
        match self.probe(step).await {
            Ok(Probe::Holds(evidence)) => {
                return self.reached(step, begun_ms, evidence, Vec::new()).await;
            }
            Ok(Probe::Conflict(refusal)) => return Ok(Taken::Halted(Failure::from(&*refusal))),
            Ok(Probe::Absent(_)) => {}
            Err(error) => return Ok(Taken::Halted(failure(None, &error))),
        }
        let before = match (step.before)(&self.cx()).await {
            Ok(before) => before,
            Err(error) => return Ok(Taken::Halted(failure(None, &error))),
        };
        self.record(Event::Started {
            step: step.id.to_owned(),
            before,
        })
        .await?;

        let mut round = 1;
        let answers = loop {
            let plan = match (step.plan)(&self.cx()).await {
                Ok(plan) => plan,
                Err(error) => return Ok(Taken::Halted(failure(None, &error))),
            };
            match self.carry_out(step.id, &plan).await? {
                Ok(answers) => break answers,
                Err((effect, error @ PortError::OutcomeUnknown { .. })) if round < TRIES => {
                    // Remote commands end by themselves within their limit; then the effects,
                    // which say what shall be true, are simply asked for again.
                    round += 1;
                    *lost = true;
                    let reason = error.one_line();
                    self.report.note(Note::Again {
                        reason: &reason,
                        after_ms: 2000,
                    });
                    self.sleep(2000).await;
                    match self.probe(step).await {
                        Ok(Probe::Holds(evidence)) => {
                            return self.reached(step, begun_ms, evidence, Vec::new()).await;
                        }
                        Ok(Probe::Conflict(refusal)) => {
                            return Ok(Taken::Halted(Failure::from(&*refusal)));
                        }
                        Ok(Probe::Absent(_)) => {}
                        Err(_) => {
                            return Ok(Taken::Halted(failure(
                                Some(&effect),
                                &StepError::Port(error),
                            )));
                        }
                    }
                }
                Err((effect, error)) => {
                    return Ok(Taken::Halted(failure(
                        Some(&effect),
                        &StepError::Port(error),
                    )));
                }
            }
        };

        let patience = (step.patience)(self.spec);
        let acted_ms = self.now().await?;
        let mut said = Said::default();
        loop {
            let missing = match self.probe(step).await {
                Ok(Probe::Holds(evidence)) => {
                    return self.reached(step, begun_ms, evidence, answers).await;
                }
                Ok(Probe::Conflict(refusal)) => return Ok(Taken::Halted(Failure::from(&*refusal))),
                Ok(Probe::Absent(missing)) => missing,
                Err(error) => return Ok(Taken::Halted(failure(None, &error))),
            };
            let now_ms = self.now().await?;
            if said.is_news(&missing, now_ms) {
                self.report.note(Note::Waiting(&missing));
            }
            if step.waits && self.operator.wants_stop() {
                return Ok(Taken::Stopped);
            }
            let waited = now_ms.saturating_sub(acted_ms);
            if waited >= i64::try_from(patience.limit_ms).unwrap_or(i64::MAX) {
                return Ok(Taken::Halted(Failure {
                    chain: vec![format!(
                        "{missing}, after waiting {:.1} s",
                        waited as f64 / 1000.0
                    )],
                    effect: None,
                    outcome_unknown: false,
                    hint: None,
                }));
            }
            self.sleep(patience.every_ms).await;
        }
    }

    async fn reached(
        &mut self,
        step: &Step<X>,
        begun_ms: i64,
        evidence: Value,
        answers: Vec<Answer>,
    ) -> Result<Taken, EngineError> {
        let evidence =
            if evidence.is_null() && answers.iter().any(|answer| *answer != Answer::Nothing) {
                serde_json::to_value(&answers).unwrap_or_default()
            } else {
                evidence
            };
        self.record(Event::Reached {
            step: step.id.to_owned(),
            evidence: evidence.clone(),
        })
        .await?;
        let ms = self.cursor.last_ms().saturating_sub(begun_ms);
        self.report.note(Note::Reached {
            id: step.id,
            ms,
            evidence: &evidence,
        });
        Ok(Taken::Reached)
    }

    /// Carries effects out in order, each after its record. The inner error names the effect that failed.
    async fn carry_out(
        &mut self,
        step: &str,
        effects: &[Effect],
    ) -> Result<Result<Vec<Answer>, (Effect, PortError)>, EngineError> {
        let mut answers = Vec::with_capacity(effects.len());
        for effect in effects {
            self.record(Event::Acting {
                step: step.to_owned(),
                effect: effect.to_string(),
            })
            .await?;
            self.report.note(Note::Acting(effect));
            let mut tries = 1;
            loop {
                match self.world.act(effect).await {
                    Ok(answer) => {
                        answers.push(answer);
                        break;
                    }
                    Err(error @ PortError::NotSent { .. }) if tries < TRIES => {
                        let after_ms = 500 << tries;
                        let reason = error.one_line();
                        self.report.note(Note::Again {
                            reason: &reason,
                            after_ms,
                        });
                        self.sleep(after_ms).await;
                        tries += 1;
                    }
                    Err(error) => return Ok(Err((effect.clone(), error))),
                }
            }
        }
        Ok(Ok(answers))
    }

    /// Probes a step; a question can always be asked again.
    async fn probe(&self, step: &Step<X>) -> Result<Probe, StepError> {
        self.ask(step.probe).await
    }

    async fn ask(&self, probe: ProbeFn<X>) -> Result<Probe, StepError> {
        let mut tries = 1;
        loop {
            match probe(&self.cx()).await {
                Err(StepError::Port(error))
                    if tries < TRIES && !matches!(error, PortError::Refused { .. }) =>
                {
                    let after_ms = 500 << tries;
                    let reason = error.one_line();
                    self.report.note(Note::Again {
                        reason: &reason,
                        after_ms,
                    });
                    self.sleep(after_ms).await;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn cx(&self) -> Cx<'_, X> {
        Cx {
            spec: self.spec,
            world: self.world,
            past: &self.cursor,
        }
    }

    async fn now(&self) -> Result<i64, PortError> {
        match self.world.observe(&Query::Now).await? {
            Answer::Millis(ms) => Ok(ms),
            other => Err(PortError::Refused {
                what: format!("asked for the time, was told {other:?}"),
                source: None,
            }),
        }
    }

    async fn sleep(&self, ms: u64) {
        // Sleeping cannot fail in a way that matters: the loop that called looks again either way.
        let _ = self.world.observe(&Query::Sleep { ms }).await;
    }

    async fn record(&mut self, event: Event) -> Result<(), EngineError> {
        let record = Record {
            seq: self.cursor.next_seq(),
            at_ms: self.now().await?,
            event,
        };
        let mut next = self.cursor.clone();
        next.push(&record)?;
        self.journal.append(&record)?;
        self.cursor = next;
        Ok(())
    }
}

fn failure(effect: Option<&Effect>, error: &StepError) -> Failure {
    let hint = match error {
        StepError::Refused(refusal) => Some(refusal.hint.clone()),
        _ => None,
    };
    Failure {
        chain: error.chain(),
        effect: effect.map(ToString::to_string),
        outcome_unknown: matches!(error, StepError::Port(PortError::OutcomeUnknown { .. })),
        hint,
    }
}
