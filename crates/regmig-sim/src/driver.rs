//! Runs one schedule: the real engine and the real steps in a simulated world, killed and resumed as it says.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use regmig_core::cursor::{Cursor, Direction};
use regmig_core::edge::NoWay;
use regmig_core::engine::{Engine, EngineError, Operator, Outcome, way_back};
use regmig_core::journal::{Begun, Event, FORMAT, Failure, Journal, JournalError, Record};
use regmig_core::machine::Machine;
use regmig_core::report::{Note, Report};
use regmig_core::state::State;
use regmig_core::step::Procedure;
use regmig_procedure::spec::Spec;
use serde_json::Value;

use crate::fault::{Fault, Point};
use crate::planted::Slip;
use crate::schedule::{Goal, Schedule, Then};
use crate::world::scene::Scene;
use crate::world::{Done, Left, World};

/// How often an operator types `resume` before trying something else. Every fault has ended by then.
const RESUMES: u32 = 8;
/// How often an operator goes back and begins again.
const REVERSALS: u32 = 2;
/// Between the end of a run and the next command, milliseconds.
const OPERATOR_MS: i64 = 700;
/// After each further one that fails.
const PATIENT_MS: i64 = 6_000;

/// What regmig is made of in a run: the true one, or one with a planted bug.
pub(crate) struct Made {
    pub(crate) spec: Arc<Spec>,
    pub(crate) procedure: Procedure<Spec>,
    pub(crate) slip: Slip,
}

/// What came of a schedule.
pub(crate) struct Run {
    pub(crate) violations: Vec<String>,
    pub(crate) effects: Vec<Done>,
    pub(crate) appends: u32,
    /// The goals cannot be gone: the engine knows no way from here.
    pub(crate) no_way: bool,
    pub(crate) trace: Vec<String>,
    /// Effects and records seen when each goal was reached.
    pub(crate) reached: Vec<(u32, u32)>,
}

/// A migration between two steps, from which runs go on.
pub(crate) struct Checkpoint {
    state: crate::world::state::State,
    records: usize,
    done: usize,
    appends: u32,
    goals: usize,
}

/// A run without faults, with the points from which others go on.
pub(crate) struct Marked {
    pub(crate) run: Run,
    before: Left,
    records: Vec<Record>,
    checkpoints: Vec<Checkpoint>,
}

/// The journal: records in memory.
struct Book<'w> {
    world: &'w World,
    records: &'w mut Vec<Record>,
    slip: Slip,
    held: Option<Record>,
    checkpoints: Option<&'w mut Vec<Checkpoint>>,
    goals: usize,
}

impl Book<'_> {
    fn keep(&mut self, record: Record) {
        if self.slip == Slip::ForgetsBefore
            && let Event::Started { step, before } = &record.event
        {
            for earlier in self.records.iter_mut() {
                if let Event::Started {
                    step: same,
                    before: first,
                } = &mut earlier.event
                    && same == step
                {
                    first.clone_from(before);
                }
            }
        }
        self.records.push(record);
    }
}

impl Journal for Book<'_> {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let fault = self.world.inner().append_fault();
        if self.slip == Slip::ActsFirst {
            // A record becomes durable only with the one after it.
            if let Some(held) = self.held.take() {
                self.keep(held);
            }
            if fault != Some(Fault::KilledBefore) {
                self.held = Some(record.clone());
            }
        } else if !matches!(fault, Some(Fault::KilledBefore | Fault::Unwritten)) {
            self.keep(record.clone());
        }
        match fault {
            None => {
                self.world.tell(|| told(&record.event));
                let rests = matches!(record.event, Event::Reached { .. } | Event::Undone { .. });
                if let (Some(checkpoints), true) = (&mut self.checkpoints, rests) {
                    let inner = self.world.inner();
                    checkpoints.push(Checkpoint {
                        state: inner.state.clone(),
                        records: self.records.len(),
                        done: inner.done.len(),
                        appends: inner.appends,
                        goals: self.goals,
                    });
                }
                Ok(())
            }
            Some(fault) => Err(JournalError(fault.to_string().into())),
        }
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Started { step, .. } => format!("  started {step}"),
        Event::Reached { step, .. } => format!("  reached {step}"),
        Event::Failed { step, failure } => format!("  failed {step}: {}", failure.chain.join(": ")),
        Event::RollbackBegun { to } => format!("  rollback to {to} begun"),
        Event::UndoStarted { step } => format!("  undo of {step} started"),
        Event::Undone { step } => format!("  undone {step}"),
        Event::UndoFailed { step, failure } => {
            format!("  undo of {step} failed: {}", failure.chain.join(": "))
        }
        Event::RollbackEnded { to } => format!("  rollback to {to} ended"),
        Event::Acting { step, .. } => format!("  acting for {step}"),
        other => format!("  {other:?}").chars().take(60).collect(),
    }
}

struct Silent;

impl Report for Silent {
    fn note(&self, _: Note<'_>) {}
}

struct Agreeing;

impl Operator for Agreeing {
    fn agrees(&self, _: State) -> bool {
        true
    }

    fn wants_stop(&self) -> bool {
        false
    }
}

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

struct Runner<'m> {
    made: &'m Made,
    world: World,
    records: Vec<Record>,
    checkpoints: Option<Vec<Checkpoint>>,
    /// Goals that are still to be reached.
    left: usize,
    /// It goes on from a checkpoint: nothing was looked at again in the run that it stands for.
    goes_on: bool,
}

/// Whether what is left is what a reboot alone would have left: Docker then starts what was stopped and restarts
/// always, with or without regmig, and Redis writes its files.
fn as_rebooted(made: &Made, schedule: &Schedule, before: &Left, left: &Left) -> bool {
    if schedule.scene != Scene::Stopped || !schedule.faults.iter().any(|(_, it)| it.reboots()) {
        return false;
    }
    let mut state = schedule.scene.state(&made.spec);
    state.reboot(Machine::Dest);
    state.pass(60_000);
    let files = made.spec.data(Machine::Dest);
    let in_files = |was: &Left| {
        let differences = was.differences(left);
        differences.iter().all(|words| words.contains(&files))
    };
    in_files(before) || in_files(&Left::of(&state))
}

/// Runs a schedule to its end.
pub(crate) fn run(made: &Made, schedule: &Schedule, traced: bool) -> Run {
    let state = schedule.scene.state(&made.spec);
    let before = Left::of(&state);
    let runner = Runner {
        made,
        world: World::new(state, schedule.faults.clone(), traced),
        records: Vec::new(),
        checkpoints: None,
        left: 0,
        goes_on: false,
    };
    runner.finish(schedule, &before).0
}

/// The world in which a schedule ends; the one in which it would begin where there is none.
pub(crate) fn end(
    made: &Made,
    schedule: Option<&Schedule>,
) -> Result<crate::world::state::State, String> {
    let scene = schedule.map_or(Scene::Fresh, |schedule| schedule.scene);
    let state = scene.state(&made.spec);
    let Some(schedule) = schedule else {
        return Ok(state);
    };
    let before = Left::of(&state);
    let mut runner = Runner {
        made,
        world: World::new(state, schedule.faults.clone(), false),
        records: Vec::new(),
        checkpoints: None,
        left: 0,
        goes_on: false,
    };
    let no_way = runner.walk(schedule, &before, &mut Vec::new());
    let state = runner.world.inner().state.clone();
    if no_way || !state.violations.is_empty() {
        return Err(format!("{schedule}: {}", state.violations.join("; ")));
    }
    Ok(state)
}

/// Runs a schedule without faults and marks the points from which others can go on.
pub(crate) fn mark(made: &Made, schedule: &Schedule) -> Marked {
    let state = schedule.scene.state(&made.spec);
    let before = Left::of(&state);
    let runner = Runner {
        made,
        world: World::new(state, Vec::new(), false),
        records: Vec::new(),
        checkpoints: Some(Vec::new()),
        left: 0,
        goes_on: false,
    };
    let (run, records, checkpoints) = runner.finish(schedule, &before);
    Marked {
        run,
        before,
        records,
        checkpoints,
    }
}

/// Runs a schedule that differs from a marked one by its faults, from the last point before the first of them.
pub(crate) fn run_on(made: &Made, marked: &Marked, schedule: &Schedule) -> Run {
    let before_all = |checkpoint: &&Checkpoint| {
        schedule.faults.iter().all(|(point, _)| match point {
            Point::Effect(index) => checkpoint.done <= *index as usize,
            Point::Append(index) => checkpoint.appends <= *index,
        })
    };
    let Some(checkpoint) = marked.checkpoints.iter().rev().find(before_all) else {
        return run(made, schedule, false);
    };
    let mut rest = schedule.clone();
    rest.goals
        .drain(..rest.goals.len().saturating_sub(checkpoint.goals));
    let world = World::new(checkpoint.state.clone(), schedule.faults.clone(), false);
    {
        let mut inner = world.inner();
        inner.appends = checkpoint.appends;
        inner.done = marked
            .run
            .effects
            .iter()
            .take(checkpoint.done)
            .cloned()
            .collect();
    }
    let runner = Runner {
        made,
        world,
        records: marked
            .records
            .iter()
            .take(checkpoint.records)
            .cloned()
            .collect(),
        checkpoints: None,
        left: 0,
        goes_on: true,
    };
    runner.finish(&rest, &marked.before).0
}

impl Runner<'_> {
    fn finish(mut self, schedule: &Schedule, before: &Left) -> (Run, Vec<Record>, Vec<Checkpoint>) {
        let mut reached = Vec::new();
        let no_way = self.walk(schedule, before, &mut reached);
        let inner = self.world.inner();
        let run = Run {
            violations: inner.state.violations.clone(),
            effects: inner.done.clone(),
            appends: inner.appends,
            no_way,
            trace: inner.trace.clone().unwrap_or_default(),
            reached,
        };
        drop(inner);
        (run, self.records, self.checkpoints.unwrap_or_default())
    }
}

impl Runner<'_> {
    /// Goes through the goals. True if the engine knows no way to one of them.
    fn walk(&mut self, schedule: &Schedule, before: &Left, reached: &mut Vec<(u32, u32)>) -> bool {
        let mut goals: VecDeque<Goal> = schedule.goals.iter().copied().collect();
        let mut then = Some(schedule.then);
        let (mut resumes, mut reversals) = (0, 0);
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
            resumes += 1;
            let wait = if resumes > 1 { PATIENT_MS } else { OPERATOR_MS };
            self.world.inner().state.pass(wait);
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

    fn violation(&self, words: String) {
        self.world.inner().state.violation(words);
    }

    fn fold(&self) -> Result<Cursor, String> {
        Cursor::fold(&self.records).map_err(|error| error.to_string())
    }

    /// Whether a rollback to a state is possible now.
    fn offers(&self, to: State) -> bool {
        self.fold().is_ok_and(|cursor| {
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
        self.world.inner().killed = false;
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
        let mut engine = Engine {
            procedure: &self.made.procedure,
            spec: &*self.made.spec,
            world: &self.world,
            report: &Silent,
            operator: &Agreeing,
            journal: &mut book,
            cursor,
        };
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
                                Err(error) => return Ok(Err(error.chain().join(": "))),
                            }
                        }
                        engine.forward(until).await.map(Ok)
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

    /// What must hold where the migration rests.
    fn rests(&mut self, state: State, before: &Left, schedule: &Schedule, back: bool) {
        {
            let mut inner = self.world.inner();
            let world = &mut inner.state;
            let late = world
                .late
                .iter()
                .map(|late| late.due_ms)
                .max()
                .unwrap_or_default();
            let trouble = [
                world.cut_until,
                world.tunnel_down_until,
                world.source.full_until,
                world.dest.full_until,
                late,
            ];
            let end = trouble.into_iter().max().unwrap_or_default();
            let wait = (end - world.now).max(0) + 3000;
            world.pass(wait);
            world.audit();
            let wanted = match state.writes() {
                None => (None, None),
                Some(Machine::Source) => (Some(Machine::Source), None),
                Some(Machine::Dest) if state == State::Finalized => (None, Some(Machine::Dest)),
                Some(Machine::Dest) => (Some(Machine::Dest), Some(Machine::Dest)),
            };
            let found = (world.accepts(Machine::Source), world.accepts(Machine::Dest));
            if found != wanted {
                world.violation(format!(
                    "at {state}, writes to source's and dest's port go to {found:?}, not {wanted:?}"
                ));
            }
            if back && state == State::Start {
                let left = Left::of(world);
                let differences = before.differences(&left);
                if !differences.is_empty() && !as_rebooted(self.made, schedule, before, &left) {
                    for words in differences {
                        world.violation(format!("after the rollback to start, {words}"));
                    }
                }
            }
        }
        match self.drift() {
            Ok(drift) if drift.is_empty() => {}
            Ok(drift) => self.violation(format!("{state} does not hold: {drift:?}")),
            Err(words) => self.violation(format!("{state} cannot be looked at: {words}")),
        }
    }

    fn drift(&mut self) -> Result<Vec<String>, String> {
        let cursor = self.fold()?;
        let mut book = Book {
            world: &self.world,
            records: &mut self.records,
            slip: Slip::None,
            held: None,
            checkpoints: None,
            goals: 0,
        };
        let engine = Engine {
            procedure: &self.made.procedure,
            spec: &*self.made.spec,
            world: &self.world,
            report: &Silent,
            operator: &Agreeing,
            journal: &mut book,
            cursor,
        };
        let future = pin!(engine.drift());
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(drift)) => Ok(drift
                .into_iter()
                .map(|(step, refusal)| format!("{step}: {refusal}"))
                .collect()),
            Poll::Ready(Err(error)) => Err(error.chain().join(": ")),
            Poll::Pending => Err("killed".to_owned()),
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
