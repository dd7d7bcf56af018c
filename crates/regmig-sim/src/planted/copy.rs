//! Bugs of the `copy` strategy.

use std::collections::BTreeMap;

use regmig_core::effect::{Effect, Query};
use regmig_core::machine::Machine;
use regmig_core::port::Fut;
use regmig_core::state::State;
use regmig_core::step::{Cx, Probe, StepError, Undo};
use regmig_procedure::procedure;
use regmig_procedure::spec::Spec;
use serde_json::json;

use super::{Planted, Slip, nothing, planned};
use crate::world::scene::Scene;

/// As the true fence's evidence, of a fence that holds nothing.
fn open_fence<'a>(cx: &'a Cx<'a, Spec>) -> Fut<'a, Result<Probe, StepError>> {
    Box::pin(async move {
        cx.ask(Query::Now).await?;
        Ok(Probe::Holds(
            json!({ "at_ms": 0, "started_ms": BTreeMap::<String, i64>::new() }),
        ))
    })
}

/// Every one of them.
pub(super) static ALL: [Planted; 14] = [
    Planted {
        name: "the fence is skipped",
        scene: Scene::Fresh,
        only: "/to:cold,back:start",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("cold/fence", |step| {
                step.probe = open_fence;
                step.plan = nothing;
            });
            tables.blind("cold/stop");
        },
    },
    Planted {
        name: "the fence leaves the restart policies",
        scene: Scene::Fresh,
        only: "/to:synced,back:warm",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("cold/fence", |step| {
                step.probe = |cx| {
                    Box::pin(async move {
                        let original =
                            (procedure::COPY.iter().find(|step| step.id == "cold/fence"))
                                .ok_or_else(|| StepError::Broken("no fence".to_owned()))?;
                        Ok(match (original.probe)(cx).await? {
                            Probe::Absent(why) if why.contains("restarted by Docker") => {
                                open_fence(cx).await?
                            }
                            other => other,
                        })
                    })
                };
                step.plan = |cx| {
                    Box::pin(async move {
                        let mut effects = planned(cx, "cold/fence").await?;
                        effects.retain(|effect| !matches!(effect, Effect::RestartPolicy { .. }));
                        Ok(effects)
                    })
                };
            });
        },
    },
    Planted {
        name: "dest is started before the last pass",
        scene: Scene::Fresh,
        only: "/to:synced,back:start",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            let at = |id: &str| tables.forward.iter().position(|step| step.id == id);
            if let (Some(start), Some(pass)) = (at("synced/start"), at("synced/last-pass")) {
                let step = tables.forward.remove(start);
                tables.forward.insert(pass, step);
            }
        },
    },
    Planted {
        name: "the last pass is missing, and the data are not compared",
        scene: Scene::Fresh,
        only: "/to:proxy,back:synced",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            for id in [
                "synced/last-pass",
                "synced/files-equal",
                "synced/data-equal",
            ] {
                tables.blind(id);
            }
        },
    },
    Planted {
        name: "failback does not compare offsets or digests",
        scene: Scene::Fresh,
        only: "/to:replica,back:warm",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.blind("failback/caught-up");
            tables.blind("failback/data-equal");
        },
    },
    Planted {
        name: "failback copies nothing, and does not compare",
        scene: Scene::Fresh,
        only: "/to:proxy,back:synced",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.blind("failback/pass");
            tables.blind("failback/data-equal");
        },
    },
    Planted {
        name: "failback does not fence dest",
        scene: Scene::Fresh,
        only: "/to:proxy,back:synced",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("failback/fence", |step| {
                step.probe = open_fence;
                step.plan = nothing;
            });
        },
    },
    Planted {
        name: "source's nginx comes back before dest's writes are home",
        scene: Scene::Fresh,
        only: "/to:proxy/",
        until: State::Proxy,
        first: 36,
        slip: Slip::None,
        plant: |tables| {
            for id in ["proxy/open", "proxy/canary"] {
                tables.change(id, |step| {
                    step.undo = Undo::Run(|cx, _| {
                        Box::pin(async move {
                            let stack = &cx.spec.stack;
                            let all = [&cx.spec.stack.nginx];
                            let seen = cx
                                .ask(Query::Containers {
                                    machine: Machine::Dest,
                                })
                                .await?;
                            let up = match seen {
                                regmig_core::effect::Answer::Containers(all) => {
                                    all.iter().any(|it| {
                                        it.service.as_ref() == Some(&stack.nginx) && it.runs()
                                    })
                                }
                                _ => false,
                            };
                            if !up {
                                return Ok(Vec::new());
                            }
                            let stop = |machine| Effect::Stop {
                                machine,
                                services: all.iter().map(|name| (*name).clone()).collect(),
                                within_s: 1,
                            };
                            Ok(Machine::BOTH.map(stop).to_vec())
                        })
                    });
                });
            }
        },
    },
    Planted {
        name: "dest's nginx comes back on a reboot in the cold window",
        scene: Scene::Fresh,
        only: "/to:synced,back:warm",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("synced/start", |step| {
                step.plan = |cx| {
                    Box::pin(async move {
                        let mut effects = planned(cx, "synced/start").await?;
                        for effect in &mut effects {
                            if let Effect::RestartPolicy { policies, .. } = effect {
                                policies.insert(cx.spec.stack.nginx.clone(), "always".to_owned());
                            }
                        }
                        Ok(effects)
                    })
                };
            });
        },
    },
    Planted {
        name: "the pre-image is forgotten on a retry",
        scene: Scene::Fresh,
        only: "/to:finalized/",
        until: State::Finalized,
        first: 15,
        slip: Slip::ForgetsBefore,
        plant: |_| {},
    },
    Planted {
        name: "effects are carried out before their record is durable",
        scene: Scene::Fresh,
        only: "/to:linked/",
        until: State::Linked,
        first: 0,
        slip: Slip::ActsFirst,
        plant: |_| {},
    },
    Planted {
        name: "the undo of the published port is skipped",
        scene: Scene::Fresh,
        only: "/to:launched,back:start",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("launched/publish-redis", |step| {
                step.undo = Undo::Nothing("planted")
            });
        },
    },
    Planted {
        name: "the undo of the keys is skipped",
        scene: Scene::Fresh,
        only: "/to:linked,back:start",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("linked/authorize", |step| {
                step.undo = Undo::Nothing("planted")
            });
        },
    },
    Planted {
        name: "source is brought back without its restart policies",
        scene: Scene::Fresh,
        only: "/to:cold,back:start",
        until: State::Finalized,
        first: 0,
        slip: Slip::None,
        plant: |tables| {
            tables.change("cold/fence", |step| {
                step.undo = Undo::Run(|cx, before| {
                    Box::pin(async move {
                        let original = procedure::COPY.iter().find(|step| step.id == "cold/fence");
                        let Some(Undo::Run(plan)) = original.map(|step| &step.undo) else {
                            return Ok(Vec::new());
                        };
                        let mut effects = plan(cx, before).await?;
                        effects.retain(|effect| !matches!(effect, Effect::RestartPolicy { .. }));
                        Ok(effects)
                    })
                });
            });
        },
    },
];
