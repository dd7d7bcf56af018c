//! What holds of a live cutover where nobody does anything.

use regmig_core::edge::Failback;
use regmig_procedure::spec::Strategy;

use super::Runner;
use crate::fault::Fault;
use crate::schedule::Schedule;

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
