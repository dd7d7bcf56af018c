//! The instants at which regmig is killed.

use std::time::Duration;

use regmig_procedure::procedure;
use regmig_procedure::spec::Strategy;

use super::chance::Chance;
use super::child::Running;
use super::rig::Rig;
use super::trouble::{Tried, Trouble};

/// How long regmig may take from one instant to the next.
const LIMIT: Duration = Duration::from_secs(120);

/// The longest time between a step's first record and the kill, in ms: longer than most steps take, so that
/// kills fall into the steps that follow as well.
const LATEST_MS: u64 = 700;

/// The steps between which nobody accepts writes, both included.
const COLD_WINDOW: [&str; 2] = ["cold/fence", "proxy/canary"];

/// The ids of all steps of strategy `copy`, in order.
pub fn steps() -> Vec<&'static str> {
    procedure::order(Strategy::Copy).map(|(id, _)| id).collect()
}

/// The ids of the steps of the cold window.
///
/// # Errors
///
/// When the first or the last is no step any more.
pub fn cold_window() -> Tried<Vec<&'static str>> {
    let steps = steps();
    let place = |id: &str| {
        let place = steps.iter().position(|step| *step == id);
        place.ok_or_else(|| Trouble::new(format!("{id} is no step any more")))
    };
    let (first, last) = (place(COLD_WINDOW[0])?, place(COLD_WINDOW[1])?);
    Ok(steps.into_iter().take(last + 1).skip(first).collect())
}

/// A kill: so long after the first record of a step, or of one after it.
#[derive(Debug, Clone, Copy)]
pub struct Instant {
    /// The step.
    pub step: &'static str,
    /// How long after.
    pub after: Duration,
}

impl Instant {
    /// A random time after a step's first record.
    pub fn in_step(step: &'static str, chance: &mut Chance) -> Self {
        let after = Duration::from_millis(chance.below(LATEST_MS));
        Self { step, after }
    }

    /// Waits for the instant and kills regmig; says where the journal ended.
    ///
    /// # Errors
    ///
    /// When regmig ends by itself before.
    pub fn strike(self, rig: &Rig, mut regmig: Running, from: usize) -> Tried<String> {
        let journal = rig.journal();
        let order = steps();
        let place = |id: &str| order.iter().position(|step| *step == id);
        let wanted = place(self.step);
        let came = journal.wait_for(from, &mut regmig, LIMIT, |records| {
            let at = records
                .iter()
                .filter_map(|record| place(record.step()))
                .max();
            at >= wanted
        })?;
        if came {
            std::thread::sleep(self.after);
        }
        if regmig.has_ended()? {
            let ended = regmig.wait(LIMIT)?;
            return Err(Trouble::new(format!(
                "regmig ended with {:?} before it could be killed {} ms into {}; it said:\n{}",
                ended.code,
                self.after.as_millis(),
                self.step,
                ended.said()
            )));
        }
        regmig.kill()?;
        journal.last()
    }
}
