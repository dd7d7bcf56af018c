//! An operator who goes through the goals of a schedule, command by command.

use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use regmig_core::cursor::{Cursor, Direction};
use regmig_core::edge::NoWay;
use regmig_core::engine::{EngineError, Outcome, way_back};
use regmig_core::journal::{Begun, FORMAT, Failure};
use regmig_core::state::State;
use regmig_core::step::Cx;
use regmig_procedure::procedure::rests;
use regmig_procedure::spec::Spec;
use regmig_procedure::steps::outage;
use serde_json::Value;

use super::Runner;
use super::book::Book;
use crate::schedule::{Goal, Schedule, Then};
use crate::world::Left;

/// How often an operator types `resume`, once every fault has ended, before trying something else.
const RESUMES: u32 = 8;
/// How often a cutover may take the way out before it is through.
const RETURNS: u32 = 6;
/// How often an operator goes back and begins again.
const REVERSALS: u32 = 2;
/// Between the end of a run and the next command, milliseconds.
const OPERATOR_MS: i64 = 700;
/// After each further one that fails.
const PATIENT_MS: i64 = 6_000;

/// How one command of the operator's ended.
enum Ended {
    Reached(State),
    RolledBack(State),
    /// It did not get there, and why.
    Short(String),
    /// regmig knows no way there.
    NoWay(String),
    /// The journal cannot be read, or nonsense would have been written.
    Nonsense(String),
}

impl Runner<'_> {
    /// Goes through the goals. True if the engine knows no way to one of them.
    pub(super) fn walk(
        &mut self,
        schedule: &Schedule,
        before: &Left,
        reached: &mut Vec<(u32, u32)>,
    ) -> bool {
        let mut goals: VecDeque<Goal> = schedule.goals.iter().copied().collect();
        let mut then = Some(schedule.then);
        let (mut resumes, mut reversals, mut returns) = (0, 0, 0);
        let mut before_last = None;
        while let Some(goal) = goals.front().copied() {
            if !self.world.inner().state.violations.is_empty() {
                return false;
            }
            self.left = goals.len();
            let ended = self.command(goal, resumes > 0);
            self.goes_on = false;
            let words = match ended {
                Ended::Reached(state) if goal == Goal::To(state) => {
                    self.rests(state, before, schedule, false);
                    goals.pop_front();
                    resumes = 0;
                    self.count(reached);
                    continue;
                }
                Ended::RolledBack(state) => {
                    self.rests(state, before, schedule, true);
                    if goal == Goal::Back(state) {
                        goals.pop_front();
                        self.count(reached);
                    } else if let Goal::To(to) = goal {
                        returns += 1;
                        if returns > RETURNS {
                            self.violation(format!(
                                "{to} is never reached: always back to {state}"
                            ));
                            return false;
                        }
                        if let Some(Then::Back(further)) = then.take()
                            && self.offers(further)
                        {
                            goals.push_front(Goal::Back(further));
                        }
                    }
                    resumes = 0;
                    continue;
                }
                Ended::Reached(state) => format!("ended at {state}"),
                Ended::Nonsense(words) => {
                    self.violation(format!("the journal: {words}"));
                    return false;
                }
                Ended::NoWay(words) if schedule.faults.is_empty() => {
                    self.world.tell(|| format!("no way: {words}"));
                    return true;
                }
                Ended::NoWay(words) | Ended::Short(words) => words,
            };
            self.world.tell(|| format!("-- not there yet: {words}"));
            self.promised(schedule);
            if let Some(Then::Back(to)) = then.take()
                && goal != Goal::Back(to)
                && self.offers(to)
            {
                self.world
                    .tell(|| format!("-- the operator goes back to {to}"));
                if matches!(goal, Goal::Back(_)) {
                    goals.pop_front();
                }
                goals.push_front(Goal::Back(to));
                resumes = 1;
                self.world.inner().state.pass(OPERATOR_MS);
                continue;
            }
            let passed = self.passed();
            if passed != before_last {
                before_last = passed;
                resumes = 0;
            }
            resumes += 1;
            let mut inner = self.world.inner();
            let world = &mut inner.state;
            let wait = if resumes > 1 { PATIENT_MS } else { OPERATOR_MS };
            world.pass(wait);
            if world.trouble_until().max(world.clogged_until) > world.now {
                resumes = resumes.min(2);
            }
            drop(inner);
            if resumes <= RESUMES {
                continue;
            }
            // What `status` offers where resuming does not help: back to where clients are served.
            match goal {
                Goal::To(_) if reversals < REVERSALS => match self.offered() {
                    Some(to) => {
                        reversals += 1;
                        resumes = 1;
                        self.world
                            .tell(|| format!("-- resuming does not help; back to {to}"));
                        goals.push_front(Goal::Back(to));
                    }
                    None => {
                        self.violation(format!("no way on and none back: {words}"));
                        return false;
                    }
                },
                _ => {
                    self.violation(format!("no way out: {words}"));
                    return false;
                }
            }
        }
        false
    }

    fn count(&self, reached: &mut Vec<(u32, u32)>) {
        let inner = self.world.inner();
        reached.push((
            u32::try_from(inner.done.len()).unwrap_or(u32::MAX),
            inner.appends,
        ));
    }

    pub(super) fn violation(&self, words: String) {
        self.world.inner().state.violation(words);
    }

    pub(super) fn fold(&self) -> Result<Cursor, String> {
        Cursor::fold(&self.records).map_err(|error| error.to_string())
    }

    /// How many steps are behind.
    fn passed(&self) -> Option<usize> {
        let ids = self.made.procedure.order().map(|(id, _)| id);
        Some(self.fold().ok()?.passed(ids))
    }

    /// Whether a rollback to a state is possible now.
    fn offers(&self, to: State) -> bool {
        rests(self.made.spec.strategy, to)
            && self.fold().is_ok_and(|cursor| {
                way_back(&self.made.procedure, &cursor, to, |_| Ok(()))
                    .is_ok_and(|way| !way.legs.is_empty())
            })
    }

    /// The nearest state in which clients are served and to which a rollback is possible now.
    fn offered(&self) -> Option<State> {
        let cursor = self.fold().ok()?;
        let state = cursor.state(self.made.procedure.order());
        State::ALL.into_iter().rev().find(|to| {
            *to < state.next().unwrap_or(state)
                && matches!(
                    to,
                    State::Start | State::Warm | State::Proxy | State::Replica
                )
                && self.offers(*to)
        })
    }

    /// One command: run, resume or rollback, as regmig's own commands do it.
    fn command(&mut self, goal: Goal, again: bool) -> Ended {
        let cursor = match self.fold() {
            Ok(cursor) => cursor,
            Err(words) => return Ended::Nonsense(words),
        };
        {
            let mut inner = self.world.inner();
            inner.killed = false;
            inner.state.meter = None;
        }
        let state = cursor.state(self.made.procedure.order());
        let goal = match (goal, cursor.direction()) {
            (Goal::To(_), Direction::Back(to)) => Goal::Back(to),
            (goal, _) => goal,
        };
        if let Goal::Back(to) = goal
            && again
            && cursor.direction() == Direction::Forward
            && let Err(EngineError::NoWay(NoWay::NotBefore { .. })) =
                way_back(&self.made.procedure, &cursor, to, |_| Ok(()))
            && state == to
        {
            // The record of its end was kept, and the program killed before it could tell.
            return Ended::RolledBack(to);
        }
        if goal == Goal::To(state) && again {
            return Ended::Reached(state);
        }
        self.world.tell(|| match goal {
            Goal::To(state) => format!("$ regmig run --until {state}"),
            Goal::Back(state) => format!("$ regmig rollback --to {state}"),
        });
        let mut book = Book {
            world: &self.world,
            records: &mut self.records,
            slip: self.made.slip,
            held: None,
            checkpoints: self.checkpoints.as_mut().filter(|_| !again),
            goals: self.left,
        };
        let begun = cursor.begun().is_some();
        let goes_on = self.goes_on;
        let mut engine = self.made.engine(&self.world, &mut book, cursor);
        let outcome = {
            let future = pin!(async {
                if !begun {
                    engine.begin(head(&self.made.spec)).await?;
                }
                match goal {
                    Goal::To(until) => {
                        if !goes_on {
                            match engine.drift().await {
                                Ok(drift) if drift.is_empty() => {}
                                Ok(drift) => return Ok(Err(format!("drift: {drift:?}"))),
                                Err(error) => return Ok(Err(error.one_line())),
                            }
                        }
                        let cx = Cx {
                            spec: engine.spec,
                            world: &self.world,
                            past: &engine.cursor,
                        };
                        if let Ok(Some(effect)) = outage::goes_on(&cx).await {
                            // It begins, or it does not; the migration goes on.
                            let _ = self.world.inner().state.carry_out(&effect);
                        }
                        regmig_procedure::procedure::forward(&mut engine, until)
                            .await
                            .map(Ok)
                    }
                    Goal::Back(to) => engine.rollback(to).await.map(Ok),
                }
            });
            let mut context = Context::from_waker(Waker::noop());
            future.poll(&mut context)
        };
        if let (Poll::Ready(_), false) = (&outcome, self.world.inner().killed)
            && let Some(held) = book.held.take()
        {
            book.keep(held);
        }
        let words =
            |step: String, failure: &Failure| format!("{step}: {}", failure.chain.join(": "));
        match outcome {
            Poll::Pending => Ended::Short("killed".to_owned()),
            Poll::Ready(Ok(Err(drift))) => Ended::Short(drift),
            Poll::Ready(Ok(Ok(Outcome::Reached(state)))) => Ended::Reached(state),
            Poll::Ready(Ok(Ok(Outcome::RolledBack(state)))) => Ended::RolledBack(state),
            Poll::Ready(Ok(Ok(
                Outcome::Halted { step, failure } | Outcome::Stuck { step, failure, .. },
            ))) => Ended::Short(words(step, &failure)),
            Poll::Ready(Ok(Ok(other))) => Ended::Short(format!("{other:?}")),
            Poll::Ready(Err(EngineError::Nonsense(error))) => Ended::Nonsense(error.to_string()),
            Poll::Ready(Err(error @ (EngineError::NoWay(_) | EngineError::Never { .. }))) => {
                Ended::NoWay(error.to_string())
            }
            Poll::Ready(Err(error)) => Ended::Short(error.to_string()),
        }
    }
}

fn head(spec: &Spec) -> Begun {
    Begun {
        format: FORMAT,
        id: "20261122-sim1".to_owned(),
        regmig: "0.1.0".to_owned(),
        spec_digest: spec.digest(),
        spec: Value::Null,
    }
}
