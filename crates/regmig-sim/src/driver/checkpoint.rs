//! Points from which runs go on that differ only in what comes later.

use regmig_core::journal::Record;

use super::{Made, Run, Runner, run};
use crate::fault::Point;
use crate::schedule::Schedule;
use crate::world::state::State;
use crate::world::{Left, World};

/// A migration between two steps, from which runs go on.
pub(super) struct Checkpoint {
    pub(super) state: State,
    pub(super) records: usize,
    pub(super) done: usize,
    pub(super) appends: u32,
    pub(super) goals: usize,
}

/// A run without faults, with the points from which others go on.
pub(crate) struct Marked {
    pub(crate) run: Run,
    before: Left,
    records: Vec<Record>,
    checkpoints: Vec<Checkpoint>,
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
