//! Failback through copy: both Redis are stopped, and dest's files come home.
//!
//! source's own files, older by everything that dest has accepted, are set
//! aside meanwhile: parts that did not change are taken from them, and they are
//! back in place should dest be opened again instead.

use std::collections::BTreeMap;

use regmig_core::effect::{Effect, Expect};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, StepError, Undo};

use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::linked::{before_failback, homeward};
use crate::steps::{
    are_down, are_up, at_once, is_half_moved, nothing, policies, room_for_peers_data, synced,
    until_healthy,
};

const PASS_ID: &str = "failback/pass";

/// Whether source has room for dest's data.
pub(crate) async fn has_room(cx: &Cx<'_>) -> Result<Probe, StepError> {
    if cx.past.step(PASS_ID).is_some() {
        return Ok(Probe::holds());
    }
    let (free, needed) = room_for_peers_data(cx, Machine::Source).await?;
    Ok(if free > needed {
        Probe::holds()
    } else {
        Probe::Absent(format!(
            "{free} bytes are free on source, and dest's data has {needed}"
        ))
    })
}

/// What runs on a machine's Redis and has no clients of its own to write: DNS, and Redis itself.
fn behind(cx: &Cx<'_>) -> Vec<String> {
    vec![cx.spec.stack.dns.clone(), cx.spec.stack.redis.clone()]
}

/// The given policies, for DNS and Redis alone.
fn of_behind(cx: &Cx<'_>, all: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let wanted = behind(cx);
    all.into_iter()
        .filter(|(name, _)| wanted.contains(name))
        .collect()
}

pub(crate) const SAVE: ProcedureStep = ProcedureStep {
    id: "failback/save",
    enters: State::Synced,
    title: "have both Redis save everything and end",
    probe: |cx| {
        Box::pin(async move {
            for machine in Machine::BOTH {
                let services = ask::services(cx, machine).await?;
                if let Err(missing) = are_down(&services, &behind(cx)) {
                    return Ok(Probe::Absent(format!("on {machine}, {missing}")));
                }
            }
            Ok(Probe::holds())
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let stack = &cx.spec.stack;
            let mut quiet = Vec::new();
            let mut save = Vec::new();
            for machine in Machine::BOTH {
                // A reboot must not bring a Redis up on files that are being copied.
                quiet.push(Effect::RestartPolicy {
                    machine,
                    policies: policies(&behind(cx), "no"),
                });
                let services = ask::services(cx, machine).await?;
                if services.get(&stack.redis).is_some_and(|redis| redis.runs()) {
                    save.push(Effect::ShutdownSave { machine });
                }
            }
            let stop = |machine| Effect::Stop {
                machine,
                services: vec![stack.dns.clone()],
                within_s: cx.spec.limits.stop_s,
            };
            let mut effects = vec![
                Effect::Together(quiet),
                Effect::Together(Machine::BOTH.map(stop).to_vec()),
            ];
            if !save.is_empty() {
                effects.push(Effect::Together(save));
            }
            // A Redis that kept being restarted does not run, and would not stay down either.
            effects.push(Effect::Together(
                Machine::BOTH
                    .map(|machine| Effect::Stop {
                        machine,
                        services: vec![stack.redis.clone()],
                        within_s: cx.spec.limits.stop_s,
                    })
                    .to_vec(),
            ));
            Ok(effects)
        })
    },
    // dest's are started by the undo of the fence.
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Source;
            let source = ask::services(cx, machine).await?;
            let policies = of_behind(cx, synced::source_policies(cx)?);
            let as_meant = |(name, policy): (&String, &String)| {
                source.get(name).is_none_or(|it| it.restart == *policy)
            };
            if are_up(&source, &behind(cx)).is_ok() && policies.iter().all(as_meant) {
                return Ok(Vec::new());
            }
            let start = |service: &String| Effect::Start {
                machine,
                services: vec![service.clone()],
            };
            Ok(vec![
                Effect::RestartPolicy { machine, policies },
                start(&cx.spec.stack.redis),
                start(&cx.spec.stack.dns),
            ])
        })
    }),
    patience: |spec| Patience {
        every_ms: 50,
        limit_ms: spec.limits.bulk_s * 1000,
    },
    waits: false,
    stays: false,
};

pub(crate) const ASIDE: ProcedureStep = ProcedureStep {
    id: "failback/set-aside",
    enters: State::Synced,
    title: "set source's data, which is behind dest's, aside",
    probe: |cx| {
        Box::pin(async move {
            let aside = ask::folder(cx, Machine::Source, before_failback(cx.spec)).await?;
            let data = ask::folder(cx, Machine::Source, cx.spec.data(Machine::Source)).await?;
            Ok(if aside.is_some() && data.is_some() {
                Probe::holds()
            } else {
                Probe::absent("source's data is in its place")
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::SetAside {
                machine: Machine::Source,
                path: cx.spec.data(Machine::Source),
                aside: before_failback(cx.spec),
            }])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Source;
            let aside = before_failback(cx.spec);
            let path = cx.spec.data(machine);
            if ask::folder(cx, machine, aside.clone()).await?.is_none()
                && !is_half_moved(cx, machine, &path).await?
            {
                return Ok(Vec::new());
            }
            Ok(vec![
                Effect::RestartPolicy {
                    machine,
                    policies: policies(&behind(cx), "no"),
                },
                Effect::Stop {
                    machine,
                    services: behind(cx),
                    within_s: cx.spec.limits.stop_s,
                },
                Effect::PutBack {
                    machine,
                    path,
                    aside,
                },
            ])
        })
    }),
    patience: at_once,
    waits: false,
    stays: false,
};

pub(crate) const GATE: ProcedureStep = ProcedureStep {
    id: "failback/gate",
    enters: State::Synced,
    title: "let dest's key write source's data folder",
    probe: |cx| {
        Box::pin(async move {
            Ok(
                match ask::file(cx, Machine::Source, homeward(cx.spec)).await? {
                    Some(_) => Probe::holds(),
                    None => Probe::absent("dest's key may only read"),
                },
            )
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::WriteFile {
                machine: Machine::Source,
                path: homeward(cx.spec),
                content: "dest's data comes home\n".to_owned(),
                mode: 0o644,
                expect: Expect::Any,
            }])
        })
    },
    undo: Undo::Run(|cx, _| Box::pin(shut(cx))),
    patience: at_once,
    waits: false,
    stays: false,
};

/// The effect that takes the right to write away again.
async fn shut(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    let (machine, path) = (Machine::Source, homeward(cx.spec));
    let there = ask::file(cx, machine, path.clone()).await?.is_some();
    Ok(there
        .then_some(Effect::RemoveFile { machine, path })
        .into_iter()
        .collect())
}

pub(crate) const PASS: ProcedureStep = ProcedureStep {
    id: PASS_ID,
    enters: State::Synced,
    title: "copy dest's data home, and prove by SHA-256 that both folders hold the same files",
    probe: |cx| {
        Box::pin(synced::same_files(
            cx,
            "somebody started it while the data came home: stop it, and type `regmig resume`",
        ))
    },
    before: nothing,
    plan: |_| Box::pin(async { Ok(vec![Effect::HomePass]) }),
    undo: Undo::Nothing("what was there before is put back by the undo of failback/set-aside"),
    patience: at_once,
    waits: false,
    stays: false,
};

pub(crate) const GATE_SHUT: ProcedureStep = ProcedureStep {
    id: "failback/gate-shut",
    enters: State::Synced,
    title: "let dest's key only read again",
    probe: |cx| {
        Box::pin(async move {
            Ok(if shut(cx).await?.is_empty() {
                Probe::holds()
            } else {
                Probe::absent("dest's key may still write")
            })
        })
    },
    before: nothing,
    plan: |cx| Box::pin(shut(cx)),
    undo: Undo::Nothing("the key may only read"),
    patience: at_once,
    waits: false,
    stays: false,
};

pub(crate) const START: ProcedureStep = ProcedureStep {
    id: "failback/start",
    enters: State::Synced,
    title: "start Redis and DNS on both machines",
    probe: |cx| {
        Box::pin(async move {
            for machine in Machine::BOTH {
                let services = ask::services(cx, machine).await?;
                if let Err(missing) = are_up(&services, &behind(cx)) {
                    return Ok(Probe::Absent(format!("on {machine}, {missing}")));
                }
            }
            Ok(synced::both_loaded(cx).await)
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let policy = |machine, policies| Effect::RestartPolicy { machine, policies };
            let start = |service: &String| {
                let both = Machine::BOTH.map(|machine| Effect::Start {
                    machine,
                    services: vec![service.clone()],
                });
                Effect::Together(both.to_vec())
            };
            Ok(vec![
                Effect::Together(vec![
                    policy(Machine::Source, of_behind(cx, synced::source_policies(cx)?)),
                    policy(Machine::Dest, of_behind(cx, synced::dest_policies(cx)?)),
                ]),
                start(&cx.spec.stack.redis),
                start(&cx.spec.stack.dns),
            ])
        })
    },
    undo: Undo::Nothing("they are stopped by the undo of failback/set-aside where that is needed"),
    patience: until_healthy,
    waits: false,
    stays: false,
};

pub(crate) const TIDY: ProcedureStep = ProcedureStep {
    id: "failback/tidy",
    enters: State::Synced,
    title: "remove the data that source held before",
    probe: |cx| {
        Box::pin(async move {
            let aside = ask::folder(cx, Machine::Source, before_failback(cx.spec)).await?;
            Ok(match aside {
                None => Probe::holds(),
                Some(_) => Probe::absent("it is still there"),
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::RemoveFolder {
                machine: Machine::Source,
                path: before_failback(cx.spec),
            }])
        })
    },
    undo: Undo::Nothing("source holds what dest holds"),
    patience: at_once,
    waits: false,
    stays: false,
};
