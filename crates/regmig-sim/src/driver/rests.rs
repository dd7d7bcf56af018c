//! What must hold where a migration rests.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use regmig_core::machine::Machine;
use regmig_core::state::State;

use super::book::Book;
use super::{Made, Runner};
use crate::planted::Slip;
use crate::schedule::Schedule;
use crate::world::Left;
use crate::world::scene::Scene;

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

impl Runner<'_> {
    /// What must hold where the migration rests.
    pub(super) fn rests(&mut self, state: State, before: &Left, schedule: &Schedule, back: bool) {
        {
            let mut inner = self.world.inner();
            let world = &mut inner.state;
            let wait = (world.trouble_until() - world.now).max(0) + 3000;
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
            if let Some(machine) = state.writes()
                && let Some(key) = world.own_key_left(machine)
            {
                world.violation(format!("at {state}, {machine} still has {key} in its data"));
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
        let engine = self.made.engine(&self.world, &mut book, cursor);
        let future = pin!(engine.drift());
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(drift)) => Ok(drift
                .into_iter()
                .map(|(step, refusal)| format!("{step}: {refusal}"))
                .collect()),
            Poll::Ready(Err(error)) => Err(error.one_line()),
            Poll::Pending => Err("killed".to_owned()),
        }
    }
}
