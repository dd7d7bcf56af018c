//! Runs one schedule: the real engine and the real steps in a simulated world, killed and resumed as it says.

mod book;
mod checkpoint;
mod live;
mod rests;
mod walk;

use std::sync::Arc;

use regmig_core::journal::Record;
use regmig_core::step::Procedure;
use regmig_procedure::spec::Spec;

use self::checkpoint::Checkpoint;
use crate::planted::Slip;
use crate::schedule::Schedule;
use crate::world::scene::Scene;
use crate::world::state::State;
use crate::world::{Done, Left, World};

pub(crate) use self::checkpoint::{Marked, mark, run_on};

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

/// Runs a schedule to its end.
pub(crate) fn run(made: &Made, schedule: &Schedule, traced: bool) -> Run {
    recorded(made, schedule, traced).0
}

/// Runs a schedule to its end. What came of it, and the journal.
fn recorded(made: &Made, schedule: &Schedule, traced: bool) -> (Run, Vec<Record>) {
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
    let (run, records, _) = runner.finish(schedule, &before);
    (run, records)
}

/// The world in which a schedule ends; the one in which it would begin where there is none.
pub(crate) fn end(made: &Made, schedule: Option<&Schedule>) -> Result<State, String> {
    let scene = schedule.map_or(Scene::Fresh, |schedule| schedule.scene);
    let state = scene.state(&made.spec);
    match schedule {
        Some(schedule) => end_from(made, schedule, state),
        None => Ok(state),
    }
}

/// The world in which a schedule ends that begins in this one.
pub(crate) fn end_from(made: &Made, schedule: &Schedule, state: State) -> Result<State, String> {
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

#[cfg(test)]
mod tests {
    use regmig_core::journal::Event;
    use regmig_procedure::spec::Strategy;

    use super::*;
    use crate::planted;

    /// Whether a digest of every key showed that a step holds, each time that the journal of a copy by this schedule says so.
    fn digests_taken(schedule: &str, of: &str) -> Vec<bool> {
        let schedule: Schedule = schedule.parse().unwrap();
        let (run, records) = recorded(&planted::true_one(Strategy::Copy), &schedule, false);
        assert_eq!(run.violations, Vec::<String>::new());
        let shown = |record: &Record| match &record.event {
            Event::Reached { step, evidence } if step == of => Some(evidence.get("sum").is_some()),
            _ => None,
        };
        records.iter().filter_map(shown).collect()
    }

    /// Files proven equal prove the data where both Redis load them alike; in scene `former` their versions differ, and in
    /// scene `stopped` dest's says that its files are elsewhere.
    #[test]
    fn the_digest_is_taken_where_the_two_redis_may_load_the_same_files_differently() {
        for (scene, taken) in [("fresh", false), ("former", true), ("stopped", true)] {
            let forward = format!("{scene}/to:synced/resume/");
            assert_eq!(
                digests_taken(&forward, "synced/data-equal"),
                [taken],
                "{scene}"
            );
            let home = format!("{scene}/to:proxy,back:warm/resume/");
            assert_eq!(
                digests_taken(&home, "failback/data-equal"),
                [taken],
                "{scene}"
            );
        }
    }
}
