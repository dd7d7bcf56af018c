//! Bugs that are planted on purpose: an explorer that does not find them proves nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use regmig_core::effect::{Effect, Query};
use regmig_core::machine::Machine;
use regmig_core::port::Fut;
use regmig_core::state::State;
use regmig_core::step::{Cx, Homeward, Probe, Procedure, Step, StepError, Undo};
use regmig_procedure::procedure;
use regmig_procedure::spec::{Spec, Strategy};
use serde_json::{Value, json};

use crate::driver::Made;
use crate::explore::{Scope, explore};
use crate::schedule::Schedule;
use crate::world::scene::{self, Scene};

/// A bug of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slip {
    /// None.
    None,
    /// The pre-image of a retry replaces the first.
    ForgetsBefore,
    /// Effects are carried out before their record is durable.
    ActsFirst,
}

/// regmig as it is.
pub(crate) fn true_one() -> Made {
    Made {
        spec: Arc::new(scene::spec()),
        procedure: table(),
        slip: Slip::None,
    }
}

/// The tables of steps, for changing one.
fn table() -> Procedure<Spec> {
    let known = procedure::procedure(Strategy::Copy);
    let home = |way: &Homeward<Spec>| Homeward {
        ready: way.ready,
        steps: copies(way.steps),
    };
    Procedure {
        steps: copies(known.steps),
        replication: home(&known.replication),
        copy: home(&known.copy),
    }
}

fn copies(steps: &[Step<Spec>]) -> &'static [Step<Spec>] {
    Vec::leak(steps.iter().map(copy).collect())
}

fn copy(step: &Step<Spec>) -> Step<Spec> {
    Step {
        undo: match &step.undo {
            Undo::Nothing(reason) => Undo::Nothing(reason),
            Undo::Run(plan) => Undo::Run(*plan),
            Undo::OnceHome(plan) => Undo::OnceHome(*plan),
            Undo::Never(reason) => Undo::Never(reason),
        },
        id: step.id,
        enters: step.enters,
        title: step.title,
        probe: step.probe,
        before: step.before,
        plan: step.plan,
        patience: step.patience,
        waits: step.waits,
        stays: step.stays,
    }
}

/// One planted bug.
pub(crate) struct Planted {
    /// What is wrong, in a few words.
    pub(crate) name: &'static str,
    /// Where it is looked for: migrations whose text contains this.
    only: &'static str,
    until: State,
    /// Faults on the way forward from this effect on.
    first: u32,
    slip: Slip,
    plant: fn(&mut Tables),
}

/// The tables of steps, open to change.
struct Tables {
    forward: Vec<Step<Spec>>,
    replication: Vec<Step<Spec>>,
    copy: Vec<Step<Spec>>,
}

impl Tables {
    /// Changes a step wherever it stands.
    fn change(&mut self, id: &str, change: impl Fn(&mut Step<Spec>)) {
        let all = [&mut self.forward, &mut self.replication, &mut self.copy];
        for step in all.into_iter().flatten().filter(|step| step.id == id) {
            change(step);
        }
    }

    /// A step that is taken for done without being looked at.
    fn blind(&mut self, id: &str) {
        self.change(id, |step| step.probe = holds);
    }
}

fn holds<'a>(_: &'a Cx<'a, Spec>) -> Fut<'a, Result<Probe, StepError>> {
    Box::pin(async { Ok(Probe::Holds(Value::Null)) })
}

fn nothing<'a>(_: &'a Cx<'a, Spec>) -> Fut<'a, Result<Vec<Effect>, StepError>> {
    Box::pin(async { Ok(Vec::new()) })
}

/// The plan of the true step of that name.
async fn planned(cx: &Cx<'_, Spec>, id: &str) -> Result<Vec<Effect>, StepError> {
    match procedure::COPY.iter().find(|step| step.id == id) {
        Some(step) => (step.plan)(cx).await,
        None => Err(StepError::Broken(format!("no step {id}"))),
    }
}

/// As the true fence's evidence, of a fence that holds nothing.
fn open_fence<'a>(cx: &'a Cx<'a, Spec>) -> Fut<'a, Result<Probe, StepError>> {
    Box::pin(async move {
        cx.ask(Query::Now).await?;
        Ok(Probe::Holds(
            json!({ "at_ms": 0, "started_ms": BTreeMap::<String, i64>::new() }),
        ))
    })
}

/// Every planted bug.
pub(crate) const ALL: [Planted; 14] = [
    Planted {
        name: "the fence is skipped",
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
        only: "/to:finalized/",
        until: State::Finalized,
        first: 15,
        slip: Slip::ForgetsBefore,
        plant: |_| {},
    },
    Planted {
        name: "effects are carried out before their record is durable",
        only: "/to:linked/",
        until: State::Linked,
        first: 0,
        slip: Slip::ActsFirst,
        plant: |_| {},
    },
    Planted {
        name: "the undo of the published port is skipped",
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

impl Planted {
    fn made(&self) -> Made {
        let known = procedure::procedure(Strategy::Copy);
        let mut tables = Tables {
            forward: known.steps.iter().map(copy).collect(),
            replication: known.replication.steps.iter().map(copy).collect(),
            copy: known.copy.steps.iter().map(copy).collect(),
        };
        (self.plant)(&mut tables);
        Made {
            spec: Arc::new(scene::spec()),
            procedure: Procedure {
                steps: Vec::leak(tables.forward),
                replication: Homeward {
                    ready: known.replication.ready,
                    steps: Vec::leak(tables.replication),
                },
                copy: Homeward {
                    ready: known.copy.ready,
                    steps: Vec::leak(tables.copy),
                },
            },
            slip: self.slip,
        }
    }

    /// Explores until the bug shows: the schedule that shows it, and how. Nothing if it does not.
    pub(crate) fn caught(&self) -> Option<(Schedule, String)> {
        let scope = Scope {
            scenes: vec![Scene::Fresh],
            until: self.until,
            pairs: false,
            rollbacks: true,
            at_least: 0,
            random: 0,
            seed: 1,
            enough: 1,
            only: self.only.to_owned(),
            first: self.first,
            beside: Some(Arc::new(true_one())),
        };
        explore(&self.made(), &scope).violations.into_iter().next()
    }
}
