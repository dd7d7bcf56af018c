//! Measuring, from outside, what clients see of the cutover.
//!
//! It begins before the fence and ends once clients are served again. What measures lives in regmig's own process;
//! where that was killed, the one that resumes goes on with the same figures.

use regmig_core::effect::Effect;
use regmig_core::facts::Outage;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, StepError, Undo};

use super::proxy::{canary, canary_core, canary_gone, keys_of};
use super::{at_once, keep, nothing, preflight, read_back};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::spec::Spec;

const BEGIN_ID: &str = "cold/measure";
const END_ID: &str = "proxy/outage";

fn measure(cx: &Cx<'_>, goes_on: bool) -> Result<Effect, StepError> {
    let known: preflight::Evidence = cx.evidence(preflight::ID)?;
    Ok(Effect::Measure {
        user: canary(cx, "m"),
        core: canary_core(cx),
        known: known.user,
        goes_on,
    })
}

/// What a process has to do before it goes on with a migration that is in the middle of its cutover.
///
/// # Errors
///
/// [`StepError`] where it cannot be told.
pub async fn goes_on(cx: &Cx<'_>) -> Result<Option<Effect>, StepError> {
    if cx.past.step(BEGIN_ID).is_none() || cx.past.is_reached(END_ID) {
        return Ok(None);
    }
    match ask::outage(cx).await? {
        Some(_) => Ok(None),
        None => measure(cx, true).map(Some),
    }
}

/// The outage of this migration's cutover, once it is measured.
pub fn measured(past: &regmig_core::cursor::Cursor) -> Option<Outage> {
    read_back(past.step(END_ID)?.reached.as_ref()?).ok()
}

async fn canary_on(cx: &Cx<'_>, machine: Machine) -> Result<bool, StepError> {
    let seen = ask::redis_get(cx, machine, format!("{}:server", canary(cx, "m"))).await?;
    Ok(seen.is_some())
}

pub(crate) const BEGIN: ProcedureStep = ProcedureStep {
    id: BEGIN_ID,
    enters: State::Cold,
    title: "begin to measure what clients see",
    probe: |cx| {
        Box::pin(async move {
            Ok(if canary_on(cx, Machine::Source).await? {
                Probe::Holds(ask::now(cx).await?.into())
            } else {
                Probe::absent(
                    "no registration through source's public HTTPS has reached source's Redis",
                )
            })
        })
    },
    before: nothing,
    plan: |cx| Box::pin(async move { Ok(vec![measure(cx, false)?]) }),
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut effects = Vec::new();
            if ask::outage(cx).await?.is_none() {
                effects.push(Effect::MeasureEnd { within_ms: 0 });
            }
            if canary_on(cx, Machine::Source).await? {
                effects.push(Effect::RedisDelete {
                    machine: Machine::Source,
                    keys: keys_of(&canary(cx, "m")),
                });
            }
            Ok(effects)
        })
    }),
    patience: |_: &Spec| Patience {
        every_ms: 100,
        limit_ms: 15_000,
    },
    waits: false,
    stays: false,
};

pub(crate) const END: ProcedureStep = ProcedureStep {
    id: END_ID,
    enters: State::Proxy,
    title: "end measuring what clients see, and remove its canary",
    probe: |cx| {
        Box::pin(async move {
            let Some(outage) = ask::outage(cx).await? else {
                return Ok(Probe::absent("it is still being measured"));
            };
            Ok(match canary_gone(cx, "m").await? {
                Probe::Holds(_) => Probe::Holds(keep(&outage)?),
                other => other,
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![
                Effect::MeasureEnd {
                    within_ms: cx.spec.limits.healthy_s * 1000,
                },
                Effect::RedisDelete {
                    machine: Machine::Dest,
                    keys: keys_of(&canary(cx, "m")),
                },
            ])
        })
    },
    // Forward again there is another outage to be measured.
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            Ok(match ask::outage(cx).await? {
                Some(_) => vec![Effect::MeasureForget],
                None => Vec::new(),
            })
        })
    }),
    patience: at_once,
    waits: false,
    stays: false,
};
