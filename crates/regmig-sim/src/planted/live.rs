//! Bugs of the `live` strategy.

use regmig_core::effect::{Answer, Effect, Query};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Cx, Probe, StepError, Undo};
use regmig_procedure::procedure;
use regmig_procedure::spec::Spec;
use regmig_procedure::steps::live;
use serde_json::json;

use super::{Planted, Slip, planned};
use crate::world::scene::Scene;

const fn bug(name: &'static str, plant: fn(&mut super::Tables)) -> Planted {
    Planted {
        name,
        scene: Scene::LiveFresh,
        only: "/to:proxy/",
        until: State::Proxy,
        first: 40,
        slip: Slip::None,
        plant,
    }
}

/// Every one of them.
pub(super) static ALL: [Planted; 6] = [
    bug("dest is promoted without a look at the epoch", |tables| {
        tables.change("proxy/promote", |step| {
            step.probe = |cx| {
                Box::pin(async move {
                    let machine = Machine::Dest;
                    Ok(match cx.ask(Query::Redis { machine }).await? {
                        Answer::Redis(redis) if redis.role == "master" => Probe::holds(),
                        _ => probed(cx, "proxy/promote").await?,
                    })
                })
            };
            step.plan = |_| {
                Box::pin(async {
                    Ok(vec![Effect::ReplicaOf {
                        machine: Machine::Dest,
                        primary: None,
                    }])
                })
            };
        });
    }),
    bug("source is not fenced before the promotion", |tables| {
        tables.change("cold/switch", |step| {
            step.plan = |cx| {
                Box::pin(async move {
                    let mut effects = planned(cx, "cold/switch").await?;
                    effects.retain(|effect| !matches!(effect, Effect::PauseWrites { .. }));
                    for effect in &mut effects {
                        if let Effect::ReloadNginx { drain_ms, .. } = effect {
                            *drain_ms = None;
                        }
                    }
                    Ok(effects)
                })
            };
            step.probe = |cx| {
                Box::pin(async move {
                    let unpaused = |missing: &str| missing.contains("takes writes");
                    let machine = Machine::Source;
                    Ok(match probed(cx, "cold/switch").await? {
                        Probe::Absent(missing) if unpaused(&missing) => {
                            match cx.ask(Query::Redis { machine }).await? {
                                Answer::Redis(redis) => Probe::Holds(json!(redis.position)),
                                _ => Probe::absent("no Redis"),
                            }
                        }
                        other => other,
                    })
                })
            };
        });
    }),
    bug("dest's offset is not compared", |tables| {
        tables.change("synced/caught-up", |step| {
            step.probe =
                |_| Box::pin(async { Ok(Probe::Holds(json!({ "offset": 0, "keys": 0 }))) });
        });
        tables.change("proxy/promote", |step| {
            step.plan = |cx| {
                Box::pin(async move {
                    let mut effects = planned(cx, "proxy/promote").await?;
                    let machine = Machine::Dest;
                    let reached = cx.ask(Query::Redis { machine }).await?;
                    for effect in &mut effects {
                        if let (Effect::Promote { upto, .. }, Answer::Redis(dest)) =
                            (effect, &reached)
                        {
                            *upto = dest.position.clone();
                        }
                    }
                    Ok(effects)
                })
            };
        });
    }),
    bug("dest's register goes on before the promotion", |tables| {
        let at = |id: &str| tables.forward.iter().position(|step| step.id == id);
        if let (Some(release), Some(promote)) = (at("proxy/release"), at("proxy/promote")) {
            let step = tables.forward.remove(release);
            tables.forward.insert(promote, step);
        }
    }),
    bug(
        "on the way out dest's register goes on before its Redis is shut",
        |tables| {
            tables.change("cold/hold", |step| {
                step.undo = Undo::Run(|cx, before| {
                    Box::pin(async move {
                        let steps = procedure::steps(cx.spec.strategy);
                        let original = steps.iter().find(|step| step.id == "cold/hold");
                        let Some(plan) = original.and_then(|step| step.undo.plan()) else {
                            return Ok(Vec::new());
                        };
                        let mut effects = plan(cx, before).await?;
                        effects.reverse();
                        Ok(effects)
                    })
                });
            });
        },
    ),
    bug("no timer is armed on source", |tables| {
        tables.change("cold/arm", |step| {
            step.probe = |cx| {
                Box::pin(async move {
                    let unarmed = |missing: &str| missing.ends_with("on source");
                    Ok(match probed(cx, "cold/arm").await? {
                        Probe::Absent(missing) if unarmed(&missing) => {
                            let machine = Machine::Dest;
                            let path = live::timer(cx.spec, machine);
                            match cx.ask(Query::File { machine, path }).await? {
                                Answer::File(Some(_)) => Probe::holds(),
                                _ => Probe::absent("no timer"),
                            }
                        }
                        other => other,
                    })
                })
            };
            step.plan = |cx| {
                Box::pin(async move {
                    let mut effects = planned(cx, "cold/arm").await?;
                    effects.truncate(1);
                    Ok(effects)
                })
            };
        });
    }),
];

/// What the true step of that name finds.
async fn probed(cx: &Cx<'_, Spec>, id: &str) -> Result<Probe, StepError> {
    let steps = procedure::steps(cx.spec.strategy);
    match steps.iter().find(|step| step.id == id) {
        Some(step) => (step.probe)(cx).await,
        None => Err(StepError::Broken(format!("no step {id}"))),
    }
}
