//! source's Redis says nothing of its own accord while it is fenced: its offset must stand still.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, StepError, Undo};

use super::redis_runs;
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::{at_once, keep, read_back};

const ID: &str = "cold/ping";
/// How often a Redis sends its replicas a `PING`, seconds. Each one counts in its offset, and goes on while writes are held back.
const PERIOD: &str = "repl-ping-replica-period";
/// The longest such period that Redis takes: 68 years.
const NEVER: &str = "2147483647";

pub(crate) const STEP: ProcedureStep = ProcedureStep {
    id: ID,
    enters: State::Cold,
    title: "have source's Redis send its replicas no PING",
    probe: |cx| {
        Box::pin(async move {
            let period = ask::redis_setting(cx, Machine::Source, PERIOD).await?;
            Ok(match period {
                Some(period) if period != NEVER => {
                    Probe::Absent(format!("source's Redis sends a PING every {period} s"))
                }
                Some(_) | None => Probe::holds(),
            })
        })
    },
    before: |cx| {
        Box::pin(async move { keep(&ask::redis_setting(cx, Machine::Source, PERIOD).await?) })
    },
    plan: |_| Box::pin(async { Ok(vec![every(NEVER)]) }),
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            if redis_runs(cx, Machine::Source).await? {
                as_found(cx).await
            } else {
                Ok(Vec::new())
            }
        })
    }),
    patience: at_once,
    waits: false,
    stays: false,
};

fn every(period: &str) -> Effect {
    Effect::RedisSet {
        machine: Machine::Source,
        name: PERIOD.to_owned(),
        value: period.to_owned(),
    }
}

/// The effects after which source's Redis sends its `PING`s as often as this step found it to; none where it was not taken.
pub(super) async fn as_found(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    let before = cx.past.step(ID).and_then(|step| step.before.as_ref());
    let found: Option<String> = before.map(read_back).transpose()?.flatten();
    let now = ask::redis_setting(cx, Machine::Source, PERIOD).await?;
    let restored = found.filter(|period| now.as_ref() != Some(period));
    Ok(restored.as_deref().map(every).into_iter().collect())
}
