//! `cold`: writes are fenced on source, and its last write is on disk.
//!
//! First what writes is fenced and stopped, then what serves, then Redis,
//! which saves everything before it ends. Docker's restart policy goes first
//! of all, so that a reboot in the window brings no writer back.

use std::collections::BTreeMap;

use regmig_core::effect::Effect;
use regmig_core::facts::Container;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Undo};
use serde::{Deserialize, Serialize};

use super::{FoundAll, are_down, at_once, found, holds_if, keep, nothing, policies, read_back};
use crate::ask;
use crate::procedure::ProcedureStep;
use crate::steps::preflight;

const FENCE_ID: &str = "cold/fence";
/// What stands in its place in strategy `live`.
pub(crate) const QUIET_ID: &str = "cold/policy";

/// How source's containers were found.
pub(crate) fn source_before(cx: &ask::Cx<'_>) -> Result<FoundAll, regmig_core::step::StepError> {
    let before = [FENCE_ID, QUIET_ID]
        .into_iter()
        .find_map(|id| cx.past.step(id)?.before.as_ref());
    Ok(before.map(read_back).transpose()?.unwrap_or_default())
}

/// What the fence leaves as evidence.
#[derive(Debug, Serialize, Deserialize)]
struct Fenced {
    /// When it held.
    at_ms: i64,
    /// When each writer had last been started. None may be started again.
    started_ms: BTreeMap<String, i64>,
}

fn started(cx: &ask::Cx<'_>, services: &BTreeMap<String, Container>) -> BTreeMap<String, i64> {
    let of = |name: String| {
        services
            .get(&name)
            .map(|container| (name.clone(), container.started_ms))
    };
    cx.spec.stack.writers().into_iter().filter_map(of).collect()
}

/// Holds if what writes on source is down, and has not been started since the fence.
pub(crate) fn still_fenced(
    cx: &ask::Cx<'_>,
    source: &BTreeMap<String, Container>,
) -> Result<(), String> {
    are_down(source, &cx.spec.stack.writers())?;
    let fenced: Fenced = cx.evidence(FENCE_ID).map_err(|error| error.to_string())?;
    let now = started(cx, source);
    match fenced
        .started_ms
        .iter()
        .find(|(name, at)| now.get(*name) != Some(at))
    {
        Some((name, _)) => Err(format!("{name} has been started since the fence")),
        None => Ok(()),
    }
}

pub(crate) const FENCE: ProcedureStep = ProcedureStep {
    id: FENCE_ID,
    enters: State::Cold,
    title: "fence writes on source and stop what writes",
    probe: |cx| {
        Box::pin(async move {
            let services = ask::services(cx, Machine::Source).await?;
            if let Err(missing) = are_down(&services, &cx.spec.stack.writers()) {
                return Ok(Probe::Absent(missing));
            }
            let restarted = services
                .iter()
                .find(|(_, container)| container.restart != "no");
            Ok(match restarted {
                Some((name, _)) => Probe::Absent(format!("{name} would be restarted by Docker")),
                None => Probe::Holds(keep(&Fenced {
                    at_ms: ask::now(cx).await?,
                    started_ms: started(cx, &services),
                })?),
            })
        })
    },
    before: |cx| Box::pin(async move { keep(&found(&ask::services(cx, Machine::Source).await?)) }),
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            let spec = cx.spec;
            let mut effects = vec![Effect::RestartPolicy {
                machine,
                policies: policies(&spec.stack.all(), "no"),
            }];
            let redis = ask::services(cx, machine)
                .await?
                .get(&spec.stack.redis)
                .is_some_and(|redis| redis.runs());
            if redis && preflight::pauses_writes(&ask::redis(cx, machine).await?.version) {
                effects.push(Effect::PauseWrites {
                    machine,
                    ms: spec.limits.stop_s * 1000 + 30_000,
                });
            }
            effects.push(Effect::Stop {
                machine,
                services: spec.stack.writers(),
                within_s: spec.limits.stop_s,
            });
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, before| {
        Box::pin(async move {
            let machine = Machine::Source;
            let before: FoundAll = read_back(before)?;
            let now = ask::services(cx, machine).await?;
            let mut effects = Vec::new();
            let stack = &cx.spec.stack;
            let runs = |name: &String| now.get(name).is_some_and(|container| container.runs());
            let (redis, nginx) = (&stack.redis, &stack.nginx);
            let behind: Vec<String> = before
                .iter()
                .filter(|(name, found)| found.runs && *name != redis && *name != nginx)
                .map(|(name, _)| name.clone())
                .filter(|name| !runs(name))
                .collect();
            if runs(redis) && found(&now) != before {
                effects.push(Effect::Unpause { machine });
            }
            // nginx looked the addresses of those behind it up when it started; they may come back with others'.
            let anew = runs(nginx) && !behind.is_empty();
            if anew {
                effects.push(Effect::Stop {
                    machine,
                    services: vec![nginx.clone()],
                    within_s: cx.spec.limits.stop_s,
                });
            }
            // Redis first: the register and DNS end themselves when it is not there at their start.
            let meant = |name: &String| before.get(name).is_some_and(|found| found.runs);
            let alone = |name: &String, wanted: bool| wanted.then(|| name.clone());
            for services in [
                Vec::from_iter(alone(redis, meant(redis) && !runs(redis))),
                behind,
                Vec::from_iter(alone(nginx, anew || (meant(nginx) && !runs(nginx)))),
            ] {
                if !services.is_empty() {
                    effects.push(Effect::Start { machine, services });
                }
            }
            if found(&now) != before {
                let policies = before
                    .iter()
                    .map(|(name, found)| (name.clone(), found.restart.clone()))
                    .collect();
                effects.push(Effect::RestartPolicy { machine, policies });
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

pub(crate) const STOP: ProcedureStep = ProcedureStep {
    id: "cold/stop",
    enters: State::Cold,
    title: "stop what serves on source, and have Redis save everything and end",
    probe: |cx| {
        Box::pin(async move {
            Ok(holds_if(are_down(
                &ask::services(cx, Machine::Source).await?,
                &cx.spec.stack.all(),
            )))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            let stack = &cx.spec.stack;
            let services = vec![stack.nginx.clone(), stack.dns.clone()];
            let mut effects = vec![Effect::Stop {
                machine,
                services,
                within_s: cx.spec.limits.stop_s,
            }];
            if ask::services(cx, machine)
                .await?
                .get(&stack.redis)
                .is_some_and(|redis| redis.runs())
            {
                effects.push(Effect::ShutdownSave { machine });
            }
            Ok(effects)
        })
    },
    undo: Undo::Nothing("source's containers are brought back by the undo of cold/fence"),
    patience: |spec| regmig_core::step::Patience {
        every_ms: 50,
        limit_ms: spec.limits.bulk_s * 1000,
    },
    waits: false,
    stays: true,
};
