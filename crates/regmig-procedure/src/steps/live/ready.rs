//! dest ready to take over: its Redis a replica of source's, its services warm on it, its Redis shut for clients.
//!
//! The same three steps stand in `warm`, where they take their time, and once more at the beginning of `cold`, where
//! they hold at once unless something happened to dest in between.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};

use super::{primary, redis_runs};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::linked;
use crate::steps::{
    are_up, holds_if, nothing, preflight, replica, room_for_peers_data, synced, until_healthy,
    warm, without_container,
};

/// source's own tunnel, by which its Redis will follow dest's and its timer reach it.
pub(crate) const WAY_HOME: ProcedureStep = ProcedureStep {
    id: "warm/tunnel",
    enters: State::Warm,
    ..replica::TUNNEL
};

/// The same once more at `replica`, where it holds at once unless the tunnel was lost: at `proxy`, too, source's Redis follows
/// dest's through it.
pub(crate) const WAY_HOME_STILL: ProcedureStep = ProcedureStep {
    undo: Undo::Nothing("the tunnel is taken away by the undo of warm/tunnel"),
    ..replica::TUNNEL
};

/// The effects that start dest's Redis, which is no replica then: nginx is the gate, and is shut first.
fn start_behind_gate(cx: &Cx<'_>) -> Vec<Effect> {
    let machine = Machine::Dest;
    vec![
        Effect::Stop {
            machine,
            services: vec![cx.spec.stack.nginx.clone()],
            within_s: cx.spec.limits.stop_s,
        },
        Effect::Start {
            machine,
            services: vec![cx.spec.stack.redis.clone()],
        },
    ]
}

pub(crate) const REDIS: ProcedureStep = ProcedureStep {
    id: "warm/redis",
    enters: State::Warm,
    title: "start dest's Redis, with its nginx down",
    probe: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            if !redis_runs(cx, machine).await? {
                return Ok(Probe::absent("dest's Redis does not run"));
            }
            Ok(match ask::redis(cx, machine).await {
                Ok(redis) if !redis.loading => Probe::holds(),
                Ok(_) => Probe::absent("dest's Redis still loads its data"),
                Err(error) => Probe::Absent(error.one_line()),
            })
        })
    },
    before: nothing,
    plan: |cx| Box::pin(async move { Ok(start_behind_gate(cx)) }),
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut effects = synced::shut_dest(cx).await?;
            effects.extend(warm::without_data(cx, Machine::Dest).await?);
            Ok(effects)
        })
    }),
    patience: until_healthy,
    waits: false,
    stays: false,
};

pub(crate) const FOLLOW: ProcedureStep = ProcedureStep {
    id: "warm/follow",
    enters: State::Warm,
    title: "make dest's Redis follow source's through a tunnel of its own, until it has caught up",
    probe: |cx| Box::pin(follows(cx)),
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let primary = Some((cx.spec.tunnel.name.clone(), cx.spec.tunnel.port));
            // Where the tunnel leads to is settled when its container is made.
            let mut effects = linked::allow_tunnel(cx).await?;
            effects.extend(without_container(cx, machine, &cx.spec.tunnel.name).await?);
            effects.push(Effect::StartTunnel { machine });
            effects.extend(start_behind_gate(cx));
            effects.push(Effect::ReplicaOf { machine, primary });
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut effects = synced::shut_dest(cx).await?;
            effects.extend(without_container(cx, Machine::Dest, &cx.spec.tunnel.name).await?);
            Ok(effects)
        })
    }),
    patience: |spec| Patience {
        every_ms: 200,
        limit_ms: spec.limits.bulk_s * 1000,
    },
    waits: false,
    stays: false,
};

async fn follows(cx: &Cx<'_>) -> Result<Probe, StepError> {
    let machine = Machine::Dest;
    let services = ask::services(cx, machine).await?;
    if let Err(missing) = are_up(&services, std::slice::from_ref(&cx.spec.stack.redis)) {
        return Ok(Probe::Absent(format!("on dest, {missing}")));
    }
    let dest = ask::redis(cx, machine).await?;
    if dest.primary.as_deref() != Some(primary(cx).as_str()) {
        return Ok(Probe::absent("dest's Redis does not follow source's"));
    }
    if let Some(resync) = dest.resync {
        // Where it cannot be written down it begins again and again.
        if resync.came == 0
            && let Some(refusal) = no_room(cx).await?
        {
            return Ok(refusal.into());
        }
        return Ok(Probe::Absent(resync.to_string()));
    }
    if !dest.link_up || dest.loading {
        return Ok(Probe::absent("the replication link is not up yet"));
    }
    caught_up(cx).await
}

/// Why a full resync has no room on dest, if that is so. Source's data folder is the estimate of what it takes:
/// Redis does not tell before it sends.
async fn no_room(cx: &Cx<'_>) -> Result<Option<Refusal>, StepError> {
    let (free, needed) = room_for_peers_data(cx, Machine::Dest).await?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    Ok((free < needed).then(|| Refusal {
        what: "free disk on dest".to_owned(),
        found: format!("{:.1} MB", megabytes(free)),
        expected: format!(
            "{:.1} MB or more: dest's Redis writes down all that source's sends it",
            megabytes(needed)
        ),
        hint: format!(
            "make room in {} on dest",
            cx.spec.machine(Machine::Dest).root
        ),
    }))
}

/// How often, and after which pause each, dest's Redis is looked at for what source's had a moment ago: a second in all.
const LOOKS: u32 = 20;
const BETWEEN_MS: u64 = 50;

/// dest's Redis soon has what source's has now. That its link is up does not say so: what source sent may be held up in the
/// tunnel for minutes, and source may have given this replica up meanwhile.
async fn caught_up(cx: &Cx<'_>) -> Result<Probe, StepError> {
    let wanted = ask::redis(cx, Machine::Source).await?.position;
    let mut looks = LOOKS;
    loop {
        let reached = ask::redis(cx, Machine::Dest).await?.position;
        let Some(lack) = reached.lacks(&wanted) else {
            return Ok(Probe::holds());
        };
        looks -= 1;
        if looks == 0 {
            return Ok(Probe::Absent(format!(
                "of what source's Redis had a second ago, dest's is {lack}"
            )));
        }
        ask::sleep(cx, BETWEEN_MS).await?;
    }
}

/// dest's services but nginx.
fn behind(cx: &Cx<'_>) -> Vec<String> {
    let mut behind = cx.spec.stack.writers();
    behind.push(cx.spec.stack.dns.clone());
    behind
}

pub(crate) const SERVE: ProcedureStep = ProcedureStep {
    id: "warm/serve",
    enters: State::Warm,
    title: "start dest's services but nginx on the replica, and wait until they answer",
    probe: |cx| {
        Box::pin(async move {
            let services = ask::services(cx, Machine::Dest).await?;
            if let Err(missing) = are_up(&services, &behind(cx)) {
                return Ok(Probe::Absent(format!("on dest, {missing}")));
            }
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            Ok(holds_if(synced::answers(cx, Machine::Dest, &known).await))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let stack = &cx.spec.stack;
            // They write a fixture when they start, and end themselves where they cannot. Nobody else reaches this
            // Redis meanwhile: the gate is shut first.
            Ok(vec![
                Effect::Stop {
                    machine,
                    services: vec![stack.nginx.clone()],
                    within_s: cx.spec.limits.stop_s,
                },
                read_only(false),
                Effect::Start {
                    machine,
                    services: behind(cx),
                },
            ])
        })
    },
    undo: Undo::Nothing("dest's services are stopped by the undo of warm/follow"),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// Whether dest's Redis, as a replica, shall refuse clients' writes.
pub(super) fn read_only(refuses: bool) -> Effect {
    Effect::RedisSet {
        machine: Machine::Dest,
        name: "replica-read-only".to_owned(),
        value: if refuses { "yes" } else { "no" }.to_owned(),
    }
}

pub(crate) const SHUT: ProcedureStep = ProcedureStep {
    id: "warm/shut",
    enters: State::Warm,
    title: "shut dest's Redis for writes and start dest's nginx",
    probe: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            if !ask::redis(cx, machine).await?.replica_read_only {
                return Ok(Probe::absent("dest's Redis takes writes"));
            }
            let services = ask::services(cx, machine).await?;
            if let Err(missing) = are_up(&services, &cx.spec.stack.all()) {
                return Ok(Probe::Absent(format!("on dest, {missing}")));
            }
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            let http = ask::https(cx, machine, format!("/{}/server", known.user)).await;
            Ok(match http {
                Ok(http) if http.status == 302 => Probe::holds(),
                Ok(http) => Probe::Absent(format!(
                    "dest's HTTPS answers {} for {}, not 302",
                    http.status, known.user
                )),
                Err(error) => Probe::Absent(error.one_line()),
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![
                read_only(true),
                Effect::Start {
                    machine: Machine::Dest,
                    services: vec![cx.spec.stack.nginx.clone()],
                },
            ])
        })
    },
    undo: Undo::Nothing("dest's services are stopped by the undo of warm/follow"),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// A step of `warm`, once more before the cutover.
const fn again(id: &'static str, step: ProcedureStep) -> ProcedureStep {
    ProcedureStep {
        id,
        enters: State::Cold,
        title: step.title,
        probe: step.probe,
        before: step.before,
        plan: step.plan,
        undo: Undo::Nothing("what it made ready is taken back by the undos of `warm`"),
        patience: step.patience,
        waits: step.waits,
        stays: step.stays,
    }
}

pub(crate) const REDIS_STILL: ProcedureStep = again("cold/redis", REDIS);
pub(crate) const FOLLOW_STILL: ProcedureStep = again("cold/follow", FOLLOW);
pub(crate) const SERVE_STILL: ProcedureStep = again("cold/serve", SERVE);
pub(crate) const SHUT_STILL: ProcedureStep = again("cold/shut", SHUT);
