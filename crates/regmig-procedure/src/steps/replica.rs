//! `replica`: source's Redis follows dest's through the tunnel, so that source's DNS answers fresh data.

use regmig_core::effect::Effect;
use regmig_core::facts::RedisState;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};
use serde_json::json;

use super::proxy::{canary, canary_core, canary_gone, keys_of};
use super::{
    Edited, at_once, edit_refused, holds_if, keep, marker, no_effects, nothing, preflight,
    read_back, restore, synced, until_healthy,
};
use crate::ask::{self, Cx};
use crate::edit::redis_conf;
use crate::procedure::ProcedureStep;
use crate::spec::{Spec, Strategy};

pub(crate) fn until_replicated(spec: &Spec) -> Patience {
    Patience {
        every_ms: 200,
        limit_ms: spec.limits.replication_s * 1000,
    }
}

pub(crate) const TUNNEL: ProcedureStep = ProcedureStep {
    id: "replica/tunnel",
    enters: State::Replica,
    title: "run the tunnel in a container of its own on source",
    probe: |cx| {
        Box::pin(async move {
            let all = ask::containers(cx, Machine::Source).await?;
            let tunnel = all
                .iter()
                .find(|container| container.name == cx.spec.tunnel.name);
            Ok(match tunnel {
                Some(tunnel) if tunnel.runs() => Probe::holds(),
                Some(tunnel) => {
                    Probe::Absent(format!("the tunnel's container is {}", tunnel.state))
                }
                None => Probe::absent("the tunnel has no container"),
            })
        })
    },
    before: nothing,
    plan: |_| {
        Box::pin(async {
            Ok(vec![Effect::StartTunnel {
                machine: Machine::Source,
            }])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            super::without_container(cx, Machine::Source, &cx.spec.tunnel.name).await
        })
    }),
    patience: |_| Patience {
        every_ms: 200,
        limit_ms: 30_000,
    },
    waits: false,
    stays: true,
};

/// source's redis.conf as a replica's.
async fn following(cx: &Cx<'_>) -> Result<Edited, StepError> {
    let path = cx.spec.path(Machine::Source, &cx.spec.redis.conf);
    let was = ask::required_file(cx, Machine::Source, path.clone()).await?;
    let refused = |error: crate::edit::EditError| edit_refused(&error.in_file(&path));
    let primary = format!("{} {}", cx.spec.tunnel.name, cx.spec.tunnel.port);
    // DNS writes a fixture when it starts; a read-only replica would refuse, and DNS would end itself for ever.
    let mut settings = vec![
        ("replicaof", primary),
        ("replica-read-only", "no".to_owned()),
    ];
    if let Some(password) = redis_conf::get(&was.content, "requirepass").map_err(refused)? {
        settings.push(("masterauth", password.args.join(" ")));
    }
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let edit = redis_conf::set(&was.content, &settings, &marker(cx, "")?).map_err(refused)?;
    Ok(Edited {
        was: Some(was),
        becomes: edit.after,
    })
}

pub(crate) const CONF: ProcedureStep = ProcedureStep {
    id: "replica/redis-conf",
    enters: State::Replica,
    title: "make replication outlast a restart of source's Redis",
    probe: |cx| {
        Box::pin(async move {
            Ok(following(cx)
                .await?
                .holds("source's redis.conf does not name the tunnel"))
        })
    },
    before: |cx| Box::pin(async move { keep(&following(cx).await?) }),
    plan: |cx| {
        Box::pin(async move {
            let path = cx.spec.path(Machine::Source, &cx.spec.redis.conf);
            Ok(following(cx).await?.write(Machine::Source, path))
        })
    },
    undo: Undo::Run(|cx, before| {
        Box::pin(async move {
            let path = cx.spec.path(Machine::Source, &cx.spec.redis.conf);
            let mut effects = restore(cx, Machine::Source, path, &read_back(before)?).await?;
            // A restart in between has read the file as it was, and follows dest again.
            if ask::redis(cx, Machine::Source).await?.role != "master" {
                effects.extend(as_at_proxy(cx, true).await?);
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

/// The effects after which source's Redis is as at `proxy`, with the setting that it was found with: it follows nobody, but
/// for strategy `live`, where `proxy/turn` has it follow dest.
async fn as_at_proxy(cx: &Cx<'_>, was_read_only: bool) -> Result<Vec<Effect>, StepError> {
    let machine = Machine::Source;
    let redis = ask::redis(cx, machine).await?;
    let mut effects = Vec::new();
    if redis.role != "master" && cx.spec.strategy == Strategy::Copy {
        effects.push(Effect::ReplicaOf {
            machine,
            primary: None,
        });
    }
    if redis.replica_read_only != was_read_only {
        effects.push(read_only(was_read_only));
    }
    Ok(effects)
}

/// Whether source's Redis, as a replica, shall refuse clients' writes.
fn read_only(refuses: bool) -> Effect {
    Effect::RedisSet {
        machine: Machine::Source,
        name: "replica-read-only".to_owned(),
        value: if refuses { "yes" } else { "no" }.to_owned(),
    }
}

/// The primary that source's Redis follows through the tunnel.
pub(crate) fn primary(cx: &Cx<'_>) -> String {
    format!("{}:{}", cx.spec.tunnel.name, cx.spec.tunnel.port)
}

/// Why source must not follow dest, if it must not: a full resync wipes source's copy, so that dest may never hold less than
/// was proven.
pub(crate) fn would_wipe(cx: &Cx<'_>, dest: &RedisState) -> Result<Option<Refusal>, StepError> {
    let proven: serde_json::Value = cx.evidence(match cx.spec.strategy {
        Strategy::Copy => "synced/data-equal",
        Strategy::Live => "synced/caught-up",
    })?;
    let keys = proven.get("keys").and_then(serde_json::Value::as_u64);
    let keys = keys.unwrap_or_default();
    if dest.role == "master" && !dest.loading && dest.keys >= keys {
        return Ok(None);
    }
    let loading = if dest.loading { ", loading" } else { "" };
    Ok(Some(Refusal {
        what: "Redis on dest".to_owned(),
        found: format!("role {}, {} keys{loading}", dest.role, dest.keys),
        expected: format!("a primary with at least the {keys} keys that were proven equal"),
        hint: "source would be wiped by following it: find out what happened to dest's data first"
            .to_owned(),
    }))
}

pub(crate) const ATTACH: ProcedureStep = ProcedureStep {
    id: "replica/attach",
    enters: State::Replica,
    title: "make source's Redis follow dest's, and wait until it has caught up",
    probe: |cx| {
        Box::pin(async move {
            let dest = ask::redis(cx, Machine::Dest).await?;
            let source = ask::redis(cx, Machine::Source).await?;
            let following = source.primary.as_deref() == Some(primary(cx).as_str());
            if !following && let Some(refusal) = would_wipe(cx, &dest)? {
                return Ok(refusal.into());
            }
            Ok(if !following {
                Probe::absent("source's Redis does not follow dest's")
            } else if source.replica_read_only {
                Probe::absent("source's Redis would refuse what DNS writes at its start")
            } else if !source.link_up {
                Probe::absent("the replication link is not up yet")
            } else {
                Probe::Holds(json!({ "offset": source.position.offset }))
            })
        })
    },
    before: |cx| {
        Box::pin(async move { keep(&ask::redis(cx, Machine::Source).await?.replica_read_only) })
    },
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            let mut effects = Vec::new();
            if cx.spec.redis.password.is_some() {
                effects.push(Effect::RedisPrimaryPassword { machine });
            }
            effects.push(read_only(false));
            let primary = Some((cx.spec.tunnel.name.clone(), cx.spec.tunnel.port));
            effects.push(Effect::ReplicaOf { machine, primary });
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, before| {
        // Redis' own default where an earlier version kept nothing.
        Box::pin(async move { as_at_proxy(cx, before.as_bool().unwrap_or(true)).await })
    }),
    patience: until_replicated,
    waits: false,
    stays: true,
};

pub(crate) const PROVE: ProcedureStep = ProcedureStep {
    id: "replica/canary",
    enters: State::Replica,
    title: "write a canary on dest, read it on source and ask source's DNS for it",
    probe: |cx| {
        Box::pin(async move {
            let user = canary(cx, "r");
            let seen = ask::redis_get(cx, Machine::Source, format!("{user}:server")).await?;
            if seen != Some(canary_core(cx)) {
                return Ok(Probe::absent("source's Redis has not seen the canary"));
            }
            let dns = ask::dns(
                cx,
                Machine::Source,
                format!("{user}.{}", cx.spec.domain),
                "CNAME",
            )
            .await?;
            let known = dns
                .answers
                .iter()
                .any(|answer| answer.contains(&canary_core(cx)));
            Ok(if known {
                Probe::holds()
            } else {
                Probe::absent("source's DNS does not answer for the canary")
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::RedisCanary {
                machine: Machine::Dest,
                user: canary(cx, "r"),
                core: canary_core(cx),
            }])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let gone = matches!(canary_gone(cx, "r").await?, Probe::Holds(_));
            let keys = keys_of(&canary(cx, "r"));
            Ok((!gone)
                .then_some(Effect::RedisDelete {
                    machine: Machine::Dest,
                    keys,
                })
                .into_iter()
                .collect())
        })
    }),
    patience: until_replicated,
    waits: false,
    stays: false,
};

pub(crate) const CLEAN: ProcedureStep = ProcedureStep {
    id: "replica/canary-gone",
    enters: State::Replica,
    title: "remove the canary",
    probe: |cx| Box::pin(canary_gone(cx, "r")),
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::RedisDelete {
                machine: Machine::Dest,
                keys: keys_of(&canary(cx, "r")),
            }])
        })
    },
    undo: Undo::Nothing("the canary is gone"),
    patience: at_once,
    waits: false,
    stays: false,
};

/// Started by `proxy/dns`. Not the last of its state, as that one is not, and for the same reason.
pub(crate) const DNS: ProcedureStep = ProcedureStep {
    id: "replica/dns",
    enters: State::Replica,
    title: "see dest's DNS answer for a user",
    probe: |cx| {
        Box::pin(async move {
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            Ok(holds_if(
                synced::dns_answers(cx, Machine::Dest, &known).await,
            ))
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: until_healthy,
    waits: false,
    stays: false,
};
