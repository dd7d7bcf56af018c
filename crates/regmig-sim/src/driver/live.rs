//! What an operator's command does about a live cutover that fails, and what holds where nobody does anything.

use regmig_core::edge::Failback;
use regmig_core::engine::{Engine, EngineError, Outcome};
use regmig_core::state::State;
use regmig_procedure::spec::{Spec, Strategy};
use regmig_procedure::steps::live::section;

use super::Runner;
use crate::fault::Fault;
use crate::schedule::Schedule;

/// Forward; where that fails in the critical section of a live cutover, the way out is taken at once, unless dest has
/// taken over already.
pub(super) async fn forward(
    engine: &mut Engine<'_, Spec>,
    until: State,
) -> Result<Outcome, EngineError> {
    let outcome = engine.forward(until).await?;
    if !matches!(outcome, Outcome::Halted { .. }) || !section::in_section(&engine.cursor) {
        return Ok(outcome);
    }
    if let Some(halted) = engine.decide().await? {
        return Ok(halted);
    }
    if section::is_promoted(&engine.cursor) {
        return engine.forward(until).await;
    }
    engine.rollback(State::Warm).await
}

impl Runner<'_> {
    /// In a live migration clients are served again although nobody resumes, as long as both machines are well.
    pub(super) fn promised(&self, schedule: &Schedule) {
        let well = |(_, fault): &(_, Fault)| {
            !fault.reboots() && !matches!(fault, Fault::TunnelLost | Fault::DiskFull(_))
        };
        let live = schedule.scene.strategy() == Strategy::Live;
        if !live || !schedule.faults.iter().all(well) {
            return;
        }
        let Ok(cursor) = self.fold() else { return };
        // On the way home dest is fenced before source serves.
        let mut ways = Failback::ALL.iter();
        let homeward = ways.any(|by| {
            let steps = self.made.procedure.homeward(*by).steps;
            steps.iter().any(|step| cursor.step(step.id).is_some())
        });
        if homeward {
            return;
        }
        let mut inner = self.world.inner();
        if let Some(found) = inner.state.unserved() {
            inner
                .state
                .violation(format!("nobody resumes, and later {found}"));
        }
    }
}
