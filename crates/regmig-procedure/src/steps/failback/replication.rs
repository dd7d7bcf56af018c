//! Failback through replication: source has everything as soon as its offset is dest's.

use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, StepError, Undo};
use serde_json::json;

use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::replica::{primary, until_replicated};
use crate::steps::{no_effects, nothing};

/// Whether source's Redis follows dest's, and hears from it.
pub(crate) async fn follows(cx: &Cx<'_>) -> Result<Probe, StepError> {
    let source = ask::redis(cx, Machine::Source).await?;
    Ok(if source.primary.as_deref() != Some(primary(cx).as_str()) {
        Probe::absent("source's Redis does not follow dest's")
    } else if !source.link_up {
        Probe::absent("the replication link is down")
    } else {
        Probe::holds()
    })
}

pub(crate) const CAUGHT_UP: ProcedureStep = ProcedureStep {
    id: "failback/caught-up",
    enters: State::Synced,
    title: "wait until source's Redis has replicated everything that dest accepted",
    probe: |cx| {
        Box::pin(async move {
            match follows(cx).await? {
                Probe::Holds(_) => {}
                missing => return Ok(missing),
            }
            // dest's offset first: what it adds meanwhile only makes the comparison stricter.
            let dest = ask::redis(cx, Machine::Dest).await?;
            let source = ask::redis(cx, Machine::Source).await?;
            if dest.role != "master" || dest.loading {
                return Ok(Probe::Absent(format!(
                    "dest's Redis is a {}{}",
                    dest.role,
                    if dest.loading { ", loading" } else { "" }
                )));
            }
            let (source, dest) = (source.position, dest.position);
            Ok(match source.lacks(&dest) {
                None => Probe::Holds(json!({ "source": source.offset, "dest": dest.offset })),
                Some(lack) => Probe::Absent(format!("source's Redis is {lack}")),
            })
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only waits"),
    patience: until_replicated,
    waits: false,
    stays: false,
};
