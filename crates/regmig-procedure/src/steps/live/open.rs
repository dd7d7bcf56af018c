//! dest takes over: its Redis is promoted, those who waited there are answered, and source follows.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, StepError, Undo};
use serde_json::json;

use super::section::{disarm, epoch, fence, spent};
use super::{EPOCH_KEY, epoch_says, ping, promoted, redis_runs};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::spec::Spec;
use crate::steps::{
    are_down, are_up, at_once, failback, nothing, preflight, proxy, replica, synced, until_healthy,
    without_container,
};

pub(super) const PROMOTE_ID: &str = "proxy/promote";
/// dest's offset is waited for so long, milliseconds. It was seen there already.
const PROMOTE_MS: u64 = 1_000;

pub(crate) const PROMOTE: ProcedureStep = ProcedureStep {
    id: PROMOTE_ID,
    enters: State::Proxy,
    title: "promote dest's Redis, unless the way out has been taken, and thaw what writes on dest",
    probe: |cx| {
        Box::pin(async move {
            let epoch = epoch(cx)?;
            let (says, redis) =
                futures::future::join(epoch_says(cx), ask::redis(cx, Machine::Dest)).await;
            let (says, redis) = match (says, redis) {
                (Ok(says), Ok(redis)) => (says, redis),
                (Err(error), _) | (_, Err(error)) => {
                    if redis_runs(cx, Machine::Dest).await? {
                        return Err(error);
                    }
                    return Ok(Probe::absent("dest's Redis does not run"));
                }
            };
            if let Some(refusal) = spent(&epoch, says.clone()) {
                return Ok(refusal.into());
            }
            Ok(
                if says == Some(promoted(&epoch)) && redis.role == "master" {
                    Probe::Holds(json!({ "offset": redis.position.offset, "keys": redis.keys }))
                } else {
                    Probe::absent("dest's Redis is not promoted")
                },
            )
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let mut effects = start_redis(cx).await?;
            effects.push(Effect::Promote {
                epoch: epoch(cx)?,
                upto: fence(cx)?,
                within_ms: PROMOTE_MS,
            });
            // Clients wait: what is already thawed is left alone, and nobody looks first.
            effects.push(Effect::Release {
                machine: Machine::Dest,
                services: cx.spec.stack.writers(),
            });
            Ok(effects)
        })
    },
    undo: Undo::OnceHomeUnless {
        withdraw: |cx| {
            Box::pin(async move {
                let mut effects = start_redis(cx).await?;
                effects.push(Effect::Withdraw { epoch: epoch(cx)? });
                Ok(effects)
            })
        },
        undo: |cx, _| Box::pin(shut_dest(cx)),
    },
    patience: at_once,
    waits: false,
    stays: false,
};

/// What was promoted is on its disk: a Redis that does not run has to be started before it can say so.
async fn start_redis(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    // Its own answer is there sooner than Docker's.
    if ask::redis(cx, Machine::Dest).await.is_ok() || redis_runs(cx, Machine::Dest).await? {
        return Ok(Vec::new());
    }
    Ok(vec![Effect::Start {
        machine: Machine::Dest,
        services: vec![cx.spec.stack.redis.clone()],
    }])
}

/// dest's stack is down, and nothing of the epoch came home with the data.
async fn shut_dest(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    failback::dest_still_fenced(cx).await?;
    let mut effects = synced::shut_dest(cx).await?;
    let machine = Machine::Source;
    if ask::redis_get(cx, machine, EPOCH_KEY.to_owned())
        .await?
        .is_some()
    {
        effects.push(Effect::RedisDelete {
            machine,
            keys: vec![EPOCH_KEY.to_owned()],
        });
    }
    Ok(effects)
}

pub(crate) const RELEASE: ProcedureStep = ProcedureStep {
    id: "proxy/release",
    enters: State::Proxy,
    title: "see that clients are answered by dest",
    probe: |cx| {
        Box::pin(async move {
            let dest = ask::services(cx, Machine::Dest).await?;
            if let Err(missing) = are_up(&dest, &cx.spec.stack.all()) {
                return Ok(Probe::Absent(format!("on dest, {missing}")));
            }
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            Ok(match proxy::served(cx, &known).await {
                Ok(()) => Probe::Holds(ask::now(cx).await?.into()),
                Err(missing) => Probe::Absent(missing),
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let stack = &cx.spec.stack;
            let dest = ask::services(cx, machine).await?;
            let is =
                |name: &String, state: &str| dest.get(name).is_some_and(|it| it.state == state);
            let mut effects = Vec::new();
            let frozen: Vec<String> = (stack.writers().into_iter())
                .filter(|name| is(name, "paused"))
                .collect();
            if !frozen.is_empty() {
                effects.push(Effect::Release {
                    machine,
                    services: frozen,
                });
            }
            // After a reboot of dest nothing runs there.
            let mut behind = stack.writers();
            behind.push(stack.dns.clone());
            for services in [vec![stack.redis.clone()], behind, vec![stack.nginx.clone()]] {
                let services: Vec<String> = (services.into_iter())
                    .filter(|name| !is(name, "paused") && !is(name, "running"))
                    .collect();
                if !services.is_empty() {
                    effects.push(Effect::Start { machine, services });
                }
            }
            Ok(effects)
        })
    },
    undo: Undo::Nothing("dest's services are stopped by the undo of proxy/promote"),
    patience: until_healthy,
    waits: false,
    stays: false,
};

pub(crate) const TURN: ProcedureStep = ProcedureStep {
    id: "proxy/turn",
    enters: State::Proxy,
    title: "make source's Redis follow dest's, and stop what writes on source",
    probe: |cx| {
        Box::pin(async move {
            let source = ask::redis(cx, Machine::Source).await?;
            if source.primary.as_deref() != Some(replica::primary(cx).as_str()) {
                return Ok(Probe::absent("source's Redis does not follow dest's"));
            }
            if ask::writes_paused(cx, Machine::Source).await? {
                return Ok(Probe::absent("source's Redis is paused"));
            }
            if !ping::as_found(cx).await?.is_empty() {
                return Ok(Probe::absent(
                    "source's Redis would send no PING as a primary",
                ));
            }
            let services = ask::services(cx, Machine::Source).await?;
            if let Err(missing) = are_down(&services, &cx.spec.stack.writers()) {
                return Ok(Probe::Absent(format!("on source, {missing}")));
            }
            let dest = ask::services(cx, Machine::Dest).await?;
            for (machine, services, policies) in [
                (Machine::Source, services, synced::source_policies(cx)?),
                (Machine::Dest, dest, synced::dest_policies(cx)?),
            ] {
                let differs = policies.iter().find(|(name, policy)| {
                    services.get(*name).is_some_and(|it| it.restart != **policy)
                });
                if let Some((name, policy)) = differs {
                    return Ok(Probe::Absent(format!(
                        "on {machine}, Docker's restart policy of {name} is not {policy}"
                    )));
                }
            }
            Ok(Probe::holds())
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let (source, dest) = (Machine::Source, Machine::Dest);
            let following = ask::redis(cx, source).await?.primary;
            if following != Some(replica::primary(cx)) {
                let redis = ask::redis(cx, dest).await?;
                if let Some(refusal) = replica::would_wipe(cx, &redis)? {
                    return Err(StepError::refused(refusal));
                }
            }
            let mut effects = vec![
                Effect::ReplicaOf {
                    machine: source,
                    primary: Some((cx.spec.tunnel.name.clone(), cx.spec.tunnel.port)),
                },
                Effect::Unpause { machine: source },
                Effect::Stop {
                    machine: source,
                    services: cx.spec.stack.writers(),
                    within_s: cx.spec.limits.stop_s,
                },
                Effect::Together(vec![
                    Effect::RestartPolicy {
                        machine: dest,
                        policies: synced::dest_policies(cx)?,
                    },
                    Effect::RestartPolicy {
                        machine: source,
                        policies: synced::source_policies(cx)?,
                    },
                ]),
            ];
            // Nobody follows source any more whose offset they would count in.
            effects.extend(ping::as_found(cx).await?);
            Ok(effects)
        })
    },
    // What writes on source is started by the undo of cold/switch.
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Source;
            let runs = redis_runs(cx, machine).await?;
            let follows = runs && ask::redis(cx, machine).await?.role != "master";
            Ok(follows
                .then_some(Effect::ReplicaOf {
                    machine,
                    primary: None,
                })
                .into_iter()
                .collect())
        })
    }),
    patience: until_healthy,
    waits: false,
    stays: false,
};

pub(crate) const DISARM: ProcedureStep = ProcedureStep {
    id: "proxy/disarm",
    enters: State::Proxy,
    title: "disarm the timers, and remove the epoch",
    probe: |cx| {
        Box::pin(async move {
            if !disarm(cx).await?.is_empty() {
                return Ok(Probe::absent("a timer is still armed"));
            }
            Ok(if epoch_says(cx).await?.is_some() {
                Probe::absent("dest's Redis still knows the epoch")
            } else {
                Probe::holds()
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let mut effects = disarm(cx).await?;
            effects.push(Effect::RedisDelete {
                machine: Machine::Dest,
                keys: vec![EPOCH_KEY.to_owned()],
            });
            Ok(effects)
        })
    },
    undo: Undo::Nothing("there is no timer any more"),
    patience: |_: &Spec| regmig_core::step::Patience {
        every_ms: 100,
        limit_ms: 10_000,
    },
    waits: false,
    stays: false,
};

pub(crate) const RETIRE_TUNNEL: ProcedureStep = ProcedureStep {
    id: "finalized/dest-tunnel",
    enters: State::Finalized,
    title: "remove dest's tunnel",
    probe: |cx| {
        Box::pin(async move {
            let left = without_container(cx, Machine::Dest, &cx.spec.tunnel.name).await?;
            Ok(if left.is_empty() {
                Probe::holds()
            } else {
                Probe::absent("dest's tunnel is still there")
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move { without_container(cx, Machine::Dest, &cx.spec.tunnel.name).await })
    },
    undo: Undo::Never("`finalized` is the point of no return"),
    patience: until_healthy,
    waits: false,
    stays: false,
};
