//! The critical section up to dest's promotion: source's nginx sends clients to dest, where they wait, and source's
//! Redis is fenced.

use std::collections::BTreeMap;

use regmig_core::cursor::Cursor;
use regmig_core::effect::Effect;
use regmig_core::facts::Container;
use regmig_core::machine::Machine;
use regmig_core::position::Position;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::open::PROMOTE_ID;
use super::ready::read_only;
use super::{
    EPOCH_KEY, armed, epoch_says, limits, nginx_loaded, primary, promoted, redis_runs, sum, timer,
};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::proxy::{canary, keys_of};
use crate::steps::{
    Edited, at_once, cold, found, keep, no_effects, nothing, policies, read_back, restore, warm,
};

/// source's Redis holds writes back for so much longer than the timers wait, milliseconds. They spend the epoch before the
/// fence lapses; where they cannot, no client reaches source's register through its nginx any more. A fence that landed after
/// they had acted, from a regmig that then died, lapses by itself.
const FENCE_BESIDES_MS: u64 = 2_000;

const HOLD_ID: &str = "cold/hold";
const REHEARSE_ID: &str = "cold/rehearse";
const ARM_ID: &str = "cold/arm";
const SWITCH_ID: &str = "cold/switch";

pub(crate) const QUIET: ProcedureStep = ProcedureStep {
    id: cold::QUIET_ID,
    enters: State::Cold,
    title: "have Docker not restart what writes on source",
    probe: |cx| {
        Box::pin(async move {
            let services = ask::services(cx, Machine::Source).await?;
            let writers = cx.spec.stack.writers();
            let restarted = services
                .iter()
                .find(|(name, container)| writers.contains(name) && container.restart != "no");
            Ok(match restarted {
                Some((name, _)) => Probe::Absent(format!("{name} would be restarted by Docker")),
                None => Probe::holds(),
            })
        })
    },
    before: |cx| Box::pin(async move { keep(&found(&ask::services(cx, Machine::Source).await?)) }),
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::RestartPolicy {
                machine: Machine::Source,
                policies: policies(&cx.spec.stack.writers(), "no"),
            }])
        })
    },
    undo: cold::FENCE.undo,
    patience: at_once,
    waits: false,
    stays: false,
};

/// Whether a migration is in the middle of its cutover, where it must not rest: it goes on, or it is backed out of.
pub(crate) fn in_section(past: &Cursor) -> bool {
    past.step(HOLD_ID).is_some() && !past.is_reached(PROMOTE_ID)
}

/// What writes on dest, of those that are frozen or not.
fn frozen(cx: &Cx<'_>, dest: &BTreeMap<String, Container>, wanted: bool) -> Vec<String> {
    let writers = cx.spec.stack.writers().into_iter();
    writers
        .filter(|name| {
            let container = dest.get(name);
            container.is_some_and(|it| (it.state == "paused") == wanted)
        })
        .collect()
}

pub(crate) const HOLD: ProcedureStep = ProcedureStep {
    id: HOLD_ID,
    enters: State::Cold,
    title: "freeze what writes on dest, where no client is yet",
    probe: |cx| {
        Box::pin(async move {
            let dest = ask::services(cx, Machine::Dest).await?;
            if let Some(name) = frozen(cx, &dest, false).first() {
                return Ok(Probe::Absent(format!("{name} on dest is not frozen")));
            }
            Ok(if ask::redis(cx, Machine::Dest).await?.replica_read_only {
                Probe::absent("dest's Redis would refuse the epoch")
            } else {
                Probe::holds()
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let services = cx.spec.stack.writers();
            Ok(vec![Effect::Hold { machine, services }, read_only(false)])
        })
    },
    // What waited at dest is told that its Redis is read-only, and none of it takes place.
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let mut effects = Vec::new();
            let services = frozen(cx, &ask::services(cx, machine).await?, true);
            if redis_runs(cx, machine).await? {
                let redis = ask::redis(cx, machine).await?;
                if redis.role == "master" && !services.is_empty() {
                    // It was restarted, and would take writes that nobody ever sees: what waits finds no Redis.
                    let stop = |services| Effect::Stop {
                        machine,
                        services,
                        within_s: cx.spec.limits.stop_s,
                    };
                    return Ok(vec![
                        stop(vec![cx.spec.stack.redis.clone()]),
                        stop(services),
                    ]);
                }
                if redis.role != "master" && !redis.replica_read_only {
                    effects.push(read_only(true));
                }
            }
            if !services.is_empty() {
                effects.push(Effect::Release { machine, services });
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: false,
};

/// What a rehearsal leaves as evidence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rehearsed {
    /// How long the critical section took that changes nothing, milliseconds.
    pub ms: i64,
    /// After so long the timers take the way out, milliseconds.
    pub way_out_ms: u64,
}

/// What a step left as evidence, if it is the rehearsal.
pub fn rehearsed(step: &str, evidence: &Value) -> Option<Rehearsed> {
    (step == REHEARSE_ID).then(|| read_back(evidence).ok())?
}

pub(crate) const REHEARSE: ProcedureStep = ProcedureStep {
    id: REHEARSE_ID,
    enters: State::Cold,
    title: "rehearse the cutover: ask everything, change nothing",
    probe: |cx| {
        Box::pin(async move {
            let ms = ask::rehearsal(cx).await?;
            let way_out_ms = limits(cx).way_out_s * 1000;
            if ms.saturating_mul(2) > i64::try_from(way_out_ms).unwrap_or(i64::MAX) {
                return Ok(Refusal {
                    what: "the rehearsal of the cutover".to_owned(),
                    found: format!("{ms} ms"),
                    expected: format!("at most half of the {way_out_ms} ms after which the timers take the way out"),
                    hint: "find out what is slow between this machine and both others, or raise `way_out` under \
                           [limits] in regmig.toml"
                        .to_owned(),
                }
                .into());
            }
            Ok(Probe::Holds(keep(&Rehearsed { ms, way_out_ms })?))
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: at_once,
    waits: false,
    stays: false,
};

/// The epoch of the cutover that is under way.
pub(super) fn epoch(cx: &Cx<'_>) -> Result<String, StepError> {
    let armed_ms = cx.past.step(ARM_ID).and_then(|step| step.before.clone());
    let armed_ms: i64 = armed_ms
        .as_ref()
        .map(read_back)
        .transpose()?
        .unwrap_or_default();
    Ok(format!("{}.{armed_ms}", cx.id()))
}

async fn is_armed(cx: &Cx<'_>, machine: Machine) -> Result<Option<String>, StepError> {
    let file = ask::file(cx, machine, timer(cx.spec, machine)).await?;
    Ok(file.map(|file| file.content.trim().to_owned()))
}

pub(crate) const ARM: ProcedureStep = ProcedureStep {
    id: ARM_ID,
    enters: State::Cold,
    title: "arm the timers that take the way out should regmig fall silent",
    probe: |cx| {
        Box::pin(async move {
            let epoch = epoch(cx)?;
            for machine in Machine::BOTH {
                if is_armed(cx, machine).await?.as_ref() != Some(&epoch) {
                    return Ok(Probe::Absent(format!("no timer is armed on {machine}")));
                }
            }
            Ok(if epoch_says(cx).await? == Some(armed(&epoch)) {
                Probe::holds()
            } else {
                Probe::absent("dest's Redis does not know the epoch")
            })
        })
    },
    before: |cx| Box::pin(async move { Ok(ask::now(cx).await?.into()) }),
    plan: |cx| {
        Box::pin(async move {
            let epoch = epoch(cx)?;
            let within_ms = limits(cx).way_out_s * 1000;
            let arm = |machine| Effect::Arm {
                machine,
                epoch: epoch.clone(),
                within_ms,
            };
            Ok(vec![arm(Machine::Dest), arm(Machine::Source)])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let epoch = epoch(cx)?;
            let mut effects = Vec::new();
            if redis_runs(cx, Machine::Dest).await? && epoch_says(cx).await? == Some(armed(&epoch))
            {
                effects.push(Effect::Withdraw { epoch });
            }
            effects.extend(disarm(cx).await?);
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: false,
};

/// The effects that disarm the timers that are armed.
pub(super) async fn disarm(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    let mut effects = Vec::new();
    for machine in Machine::BOTH {
        if is_armed(cx, machine).await?.is_some() {
            effects.push(Effect::Disarm { machine });
        }
    }
    Ok(effects)
}

/// Everything that was accepted on source: what its Redis had sent to replicas when it took no write any more, or more.
pub(super) fn fence(cx: &Cx<'_>) -> Result<Position, StepError> {
    cx.evidence(SWITCH_ID)
}

pub(crate) const SWITCH: ProcedureStep = ProcedureStep {
    id: SWITCH_ID,
    enters: State::Cold,
    title: "send source's clients to dest, where they wait, and fence source's Redis",
    probe: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            let becomes = switched(cx).await?;
            let loaded = ask::nginx_loaded(cx, machine);
            // It is read when no write can follow any more.
            let fence = async {
                if !ask::writes_paused(cx, machine).await? {
                    return Ok(None);
                }
                Ok::<_, StepError>(Some(ask::redis(cx, machine).await?.position))
            };
            let (loaded, fence) = futures::future::join(loaded, fence).await;
            if loaded? != Some(sum(&becomes)) {
                return Ok(Probe::absent(
                    "source's nginx does not send its clients to dest",
                ));
            }
            Ok(match fence? {
                Some(position) => Probe::Holds(keep(&position)?),
                None => Probe::absent("source's Redis takes writes"),
            })
        })
    },
    before: |cx| Box::pin(async move { keep(&warm::proxied(cx).await?) }),
    plan: |cx| {
        Box::pin(async move {
            let epoch = epoch(cx)?;
            if let Some(refusal) = spent(&epoch, epoch_says(cx).await?) {
                return Err(StepError::refused(refusal));
            }
            let machine = Machine::Source;
            let path = cx.spec.path(machine, &cx.spec.proxy.nginx_site);
            let site = warm::proxied(cx).await?;
            let loaded = ask::nginx_loaded(cx, machine).await?;
            let mut effects = Vec::new();
            // Once it serves by the file, its workers wait for dest, and would not end.
            if loaded != Some(sum(&site.becomes)) {
                // A restart of nginx has it serve by the file without saying so: what it said before counts no more.
                effects.push(Effect::RemoveFile {
                    machine,
                    path: nginx_loaded(cx.spec, machine),
                });
                effects.extend(site.write(machine, path));
                effects.push(Effect::ReloadNginx {
                    machine,
                    drain_ms: Some(limits(cx).drain_s * 1000),
                });
            }
            effects.push(Effect::PauseWrites {
                machine,
                ms: limits(cx).way_out_s * 1000 + FENCE_BESIDES_MS,
            });
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, before| Box::pin(switch_back(cx, before))),
    patience: at_once,
    waits: false,
    stays: false,
};

/// The file by which source's nginx sends clients to dest. Once the step has begun it is on record: clients wait where it is
/// looked for on the machine.
async fn switched(cx: &Cx<'_>) -> Result<String, StepError> {
    let begun = cx.past.step(SWITCH_ID);
    let edited: Edited = match begun.and_then(|step| step.before.as_ref()) {
        Some(before) => read_back(before)?,
        None => warm::proxied(cx).await?,
    };
    Ok(edited.becomes)
}

/// Why the cutover cannot go on, if a timer, or regmig itself, has taken the way out.
pub(super) fn spent(epoch: &str, says: Option<String>) -> Option<Refusal> {
    if says == Some(armed(epoch)) || says == Some(promoted(epoch)) {
        return None;
    }
    Some(Refusal {
        what: format!("{EPOCH_KEY} in dest's Redis"),
        found: says.unwrap_or_else(|| "nothing".to_owned()),
        expected: format!("`{}`", armed(epoch)),
        hint: "the way out of this cutover has been taken, and source serves as before; `way_out` under [limits] \
               in regmig.toml says how long a cutover may take"
            .to_owned(),
    })
}

/// source serves its clients by itself again.
async fn switch_back(cx: &Cx<'_>, before: &Value) -> Result<Vec<Effect>, StepError> {
    let machine = Machine::Source;
    let stack = &cx.spec.stack;
    let edited: Edited = read_back(before)?;
    let original = edited.was.as_ref().map_or("", |was| was.content.as_str());
    let mut effects = Vec::new();
    let source = ask::services(cx, machine).await?;
    let runs = |name: &String| source.get(name).is_some_and(Container::runs);
    let loaded = ask::nginx_loaded(cx, machine).await?;
    let path = cx.spec.path(machine, &cx.spec.proxy.nginx_site);
    let file = restore(cx, machine, path, &edited).await?;
    let nginx = runs(&stack.nginx);
    let as_found = loaded == Some(sum(original));
    if !file.is_empty() || (nginx && !as_found) {
        // nginx looks up what its file names when it loads it.
        let before = cold::source_before(cx)?;
        let services: Vec<String> = (stack.writers().into_iter())
            .filter(|name| before.get(name).is_some_and(|found| found.runs) && !runs(name))
            .collect();
        if !services.is_empty() {
            effects.push(Effect::Start { machine, services });
        }
        effects.extend(file);
        if nginx {
            effects.push(Effect::ReloadNginx {
                machine,
                drain_ms: None,
            });
        }
    }
    if !nginx && loaded.is_some() {
        // It reads the file when it is started.
        effects.push(Effect::RemoveFile {
            machine,
            path: nginx_loaded(cx.spec, machine),
        });
    }
    if runs(&stack.redis) && ask::writes_paused(cx, machine).await? {
        effects.push(Effect::Unpause { machine });
    }
    Ok(effects)
}

pub(crate) const CAUGHT_UP: ProcedureStep = ProcedureStep {
    id: "synced/caught-up",
    enters: State::Synced,
    title: "see dest's Redis at source's offset",
    probe: |cx| {
        Box::pin(async move {
            let fence = fence(cx)?;
            let dest = ask::redis(cx, Machine::Dest).await?;
            if dest.primary.as_deref() != Some(primary(cx).as_str()) || !dest.link_up {
                return Ok(Probe::absent("dest's Redis does not hear from source's"));
            }
            // Those of regmig's own are gone before anybody compares with this.
            let own = 1 + keys_of(&canary(cx, "m")).len() as u64;
            let keys = dest.keys.saturating_sub(own);
            let reached = dest.position;
            Ok(match reached.lacks(&fence) {
                None => Probe::Holds(
                    json!({ "offset": reached.offset, "fence": fence.offset, "keys": keys }),
                ),
                Some(lack) => {
                    Probe::Absent(format!("of source's last write, dest's Redis is {lack}"))
                }
            })
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: |_| Patience {
        every_ms: 5,
        limit_ms: 5_000,
    },
    waits: false,
    stays: false,
};
