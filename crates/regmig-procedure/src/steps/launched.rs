//! `launched`: dest's stack runs once, is found healthy, and is stopped again.
//!
//! Its former data is set aside *before* that, so that rollback can put it
//! back untouched, and Redis is never running while rsync writes beneath it.

mod unfit;

use std::collections::BTreeMap;

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::port::Fut;
use regmig_core::state::State;
use regmig_core::step::{Probe, Refusal, StepError, Undo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Edited, FoundAll, are_down, are_up, at_once, edit_refused, found, holds_if, is_half_moved,
    keep, marker, nothing, policies, read_back, restore, until_healthy,
};
use crate::ask::{self, Cx};
use crate::edit::compose;
use crate::procedure::ProcedureStep;
use crate::steps::preflight;

const SET_ASIDE: &str = "launched/set-aside";
const PUBLISH: &str = "launched/publish-redis";

/// The folders in which regmig keeps its own files on both machines.
pub(crate) const FOLDERS: ProcedureStep = ProcedureStep {
    id: "launched/folders",
    enters: State::Launched,
    title: "make regmig's folder on both machines",
    probe: |cx| {
        Box::pin(async move {
            for machine in Machine::BOTH {
                if ask::folder(cx, machine, cx.spec.work(machine))
                    .await?
                    .is_none()
                {
                    return Ok(Probe::Absent(format!(
                        "no {} on {machine}",
                        cx.spec.work(machine)
                    )));
                }
            }
            Ok(Probe::holds())
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let make = |machine| Effect::MakeFolder {
                machine,
                path: cx.spec.work(machine),
                // Entered by the user whom the other machine logs in as; what is secret in it is closed by itself.
                mode: 0o711,
            };
            Ok(Machine::BOTH.map(make).to_vec())
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut effects = Vec::new();
            for machine in Machine::BOTH {
                let path = cx.spec.work(machine);
                if ask::folder(cx, machine, path.clone()).await?.is_some() {
                    effects.push(Effect::RemoveFolder { machine, path });
                }
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

/// How dest was found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DestBefore {
    /// Its stack's containers.
    pub(crate) services: FoundAll,
    /// Whether its data folder existed.
    pub(crate) data: bool,
    /// Where that goes.
    pub(crate) aside: String,
}

/// dest's former data goes aside.
pub(crate) const ASIDE: ProcedureStep = ProcedureStep {
    id: SET_ASIDE,
    enters: State::Launched,
    title: "stop dest's stack if it runs, and set its data folder aside",
    probe: |cx| {
        Box::pin(async move {
            let Some(before) = dest_before(cx)? else {
                return Ok(Probe::absent("dest's data is in its place"));
            };
            let data = ask::folder(cx, Machine::Dest, cx.spec.data(Machine::Dest)).await?;
            let aside = ask::folder(cx, Machine::Dest, before.aside).await?;
            Ok(if data.is_some() && (aside.is_some() || !before.data) {
                Probe::holds()
            } else {
                Probe::absent("dest's data is not set aside yet")
            })
        })
    },
    before: |cx| {
        Box::pin(async move {
            let data = cx.spec.data(Machine::Dest);
            keep(&DestBefore {
                services: found(&ask::services(cx, Machine::Dest).await?),
                data: ask::folder(cx, Machine::Dest, data.clone())
                    .await?
                    .is_some(),
                aside: format!("{data}.before-regmig-{}-{}", cx.id(), cx.past.rollbacks()),
            })
        })
    },
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let mut effects = down(
                cx,
                &ask::services(cx, machine)
                    .await?
                    .into_keys()
                    .collect::<Vec<_>>(),
            );
            let path = cx.spec.data(machine);
            effects.push(match dest_before(cx)? {
                Some(DestBefore {
                    data: true, aside, ..
                }) => Effect::SetAside {
                    machine,
                    path,
                    aside,
                },
                Some(DestBefore { data: false, .. }) => Effect::MakeFolder {
                    machine,
                    path,
                    mode: 0o755,
                },
                None => Effect::SetAside {
                    machine,
                    aside: format!("{path}.before-regmig-…"),
                    path,
                },
            });
            Ok(effects)
        })
    },
    undo: Undo::Run(undo_aside),
    patience: at_once,
    waits: false,
    stays: true,
};

pub(crate) fn dest_before(cx: &Cx<'_>) -> Result<Option<DestBefore>, StepError> {
    cx.past
        .step(SET_ASIDE)
        .and_then(|state| state.before.as_ref())
        .map(read_back)
        .transpose()
}

fn down(cx: &Cx<'_>, services: &[String]) -> Vec<Effect> {
    if services.is_empty() {
        return Vec::new();
    }
    let machine = Machine::Dest;
    vec![
        Effect::RestartPolicy {
            machine,
            policies: policies(services, "no"),
        },
        Effect::Stop {
            machine,
            services: services.to_vec(),
            within_s: cx.spec.limits.stop_s,
        },
    ]
}

fn undo_aside<'a>(cx: &'a Cx<'a>, before: &'a Value) -> Fut<'a, Result<Vec<Effect>, StepError>> {
    Box::pin(async move {
        let machine = Machine::Dest;
        let before: DestBefore = read_back(before)?;
        let path = cx.spec.data(machine);
        let now = ask::services(cx, machine).await?;
        let mut effects = Vec::new();
        let aside = ask::folder(cx, machine, before.aside.clone()).await?;
        let to_move = aside.is_some()
            || (!before.data && ask::folder(cx, machine, path.clone()).await?.is_some());
        if to_move
            && now
                .values()
                .any(|container| container.runs() || container.restart != "no")
        {
            effects.extend(down(cx, &now.keys().cloned().collect::<Vec<_>>()));
        } else {
            // A reboot has Docker start what is stopped and restarts always.
            let found_down = |name: &String| before.services.get(name).is_some_and(|it| !it.runs);
            let services: Vec<String> = now
                .iter()
                .filter(|(name, container)| container.runs() && found_down(name))
                .map(|(name, _)| name.clone())
                .collect();
            if !services.is_empty() {
                effects.push(Effect::Stop {
                    machine,
                    services,
                    within_s: cx.spec.limits.stop_s,
                });
            }
        }
        // A start command that lost its regmig may have made networks and no container yet.
        if before.services.is_empty() && (to_move || !now.is_empty()) {
            effects.push(Effect::RemoveStack { machine });
        }
        let put_back = Effect::PutBack {
            machine,
            path: path.clone(),
            aside: before.aside,
        };
        if to_move && !before.data {
            effects.push(Effect::RemoveFolder { machine, path });
        } else if to_move || is_half_moved(cx, machine, &path).await? {
            effects.push(put_back);
        }
        if !before.services.is_empty() && (to_move || found(&now) != before.services) {
            let services: Vec<String> = before.services.keys().cloned().collect();
            let restart =
                |(name, found): (&String, &super::Found)| (name.clone(), found.restart.clone());
            let run = before
                .services
                .iter()
                .filter(|(_, found)| found.runs)
                .map(|(name, _)| name.clone());
            effects.push(Effect::Recreate {
                machine,
                services,
                start: false,
            });
            effects.push(Effect::RestartPolicy {
                machine,
                policies: before.services.iter().map(restart).collect(),
            });
            effects.push(Effect::Start {
                machine,
                services: run.collect(),
            });
        }
        Ok(effects)
    })
}

/// The compose file of dest with its Redis published on loopback.
///
/// # Errors
///
/// Where the file is missing or cannot be edited.
pub(crate) async fn published(cx: &Cx<'_>) -> Result<Edited, StepError> {
    let path = cx.spec.path(Machine::Dest, &cx.spec.stack.compose_file);
    let was = ask::required_file(cx, Machine::Dest, path.clone()).await?;
    let mapping = format!("{}:{}", cx.spec.redis.published, cx.spec.redis.port);
    let edit = compose::publish(
        &was.content,
        &cx.spec.stack.redis,
        &mapping,
        &marker(cx, "")?,
    )
    .map_err(|error| edit_refused(&error.in_file(&path)))?;
    Ok(Edited {
        was: Some(was),
        becomes: edit.after,
    })
}

/// dest's Redis is published on loopback.
pub(crate) const PUBLISHED: ProcedureStep = ProcedureStep {
    id: PUBLISH,
    enters: State::Launched,
    title: "publish dest's Redis on loopback in the compose file",
    probe: |cx| {
        Box::pin(async move {
            Ok(published(cx)
                .await?
                .holds("the compose file does not publish Redis"))
        })
    },
    before: |cx| Box::pin(async move { keep(&published(cx).await?) }),
    plan: |cx| {
        Box::pin(async move {
            let path = cx.spec.path(Machine::Dest, &cx.spec.stack.compose_file);
            Ok(published(cx).await?.write(Machine::Dest, path))
        })
    },
    undo: Undo::Run(|cx, before| {
        Box::pin(async move {
            let path = cx.spec.path(Machine::Dest, &cx.spec.stack.compose_file);
            restore(cx, Machine::Dest, path, &read_back(before)?).await
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

/// dest's stack runs, and answers.
pub(crate) const LAUNCH: ProcedureStep = ProcedureStep {
    id: "launched/launch",
    enters: State::Launched,
    title: "launch dest's stack on empty data and see it healthy",
    probe: |cx| {
        Box::pin(async move {
            let services = ask::services(cx, Machine::Dest).await?;
            if let Err(missing) = are_up(&services, &cx.spec.stack.all()) {
                return Ok(Probe::Absent(missing));
            }
            let published = cx.spec.redis.published.to_string();
            let redis = services.get(&cx.spec.stack.redis);
            if !redis
                .is_some_and(|redis| redis.ports.iter().any(|port| port.starts_with(&published)))
            {
                return Ok(Probe::Absent(format!(
                    "Redis is not published on {published}"
                )));
            }
            if let Err(missing) = answers_empty(cx).await {
                for service in [&cx.spec.stack.register, &cx.spec.stack.dns] {
                    if services
                        .get(service)
                        .is_some_and(|container| container.restarts > 2)
                    {
                        let log = ask::logs(cx, Machine::Dest, service.clone(), 10)
                            .await?
                            .join("\n");
                        return Ok(Refusal {
                            what: format!("{service} on dest"),
                            found: "it keeps being restarted".to_owned(),
                            expected: "a service that stays up".to_owned(),
                            hint: format!("its last words:\n{log}"),
                        }
                        .into());
                    }
                }
                if let Some(refusal) = untrusted(cx).await {
                    return Ok(refusal.into());
                }
                return Ok(Probe::Absent(missing));
            }
            let redis = ask::redis(cx, Machine::Dest).await?;
            if let Some(refusal) = unfit::refusal(cx, &redis).await? {
                return Ok(refusal.into());
            }
            let mut logs = BTreeMap::new();
            for service in [&cx.spec.stack.register, &cx.spec.stack.dns] {
                logs.insert(
                    service.clone(),
                    ask::logs(cx, Machine::Dest, service.clone(), 5).await?,
                );
            }
            Ok(Probe::Holds(
                json!({ "redis": redis.version, "logs": logs }),
            ))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let mut effects = vec![Effect::StartStack {
                machine: Machine::Dest,
            }];
            let stopped = ask::services(cx, Machine::Dest).await?;
            if !stopped.is_empty() {
                let all = cx.spec.stack.all();
                effects.insert(
                    0,
                    Effect::Recreate {
                        machine: Machine::Dest,
                        services: all,
                        start: true,
                    },
                );
            }
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let services = ask::services(cx, Machine::Dest).await?;
            let up: Vec<String> = services
                .iter()
                .filter(|(_, c)| c.runs())
                .map(|(name, _)| name.clone())
                .collect();
            Ok(down(cx, &up))
        })
    }),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// A certificate that `trust` does not cover: waiting does not mend it.
async fn untrusted(cx: &Cx<'_>) -> Option<Refusal> {
    let name = &cx.spec.proxy.public_name;
    let error = match ask::https(cx, Machine::Dest, "/".to_owned()).await {
        Err(error @ StepError::Port(regmig_core::port::PortError::Refused { .. })) => error,
        _ => return None,
    };
    Some(Refusal {
        what: format!("dest's certificate for {name}"),
        found: preflight::reason(&error).0,
        expected: format!("a certificate that {} covers", cx.spec.proxy.trust.display()),
        hint: "go back with `regmig rollback --to start`, then name the CA of dest's certificate, or that certificate itself, \
               as `trust` under [proxy] in regmig.toml"
            .to_owned(),
    })
}

/// A stack without users answers: the register 404 for a user, DNS the domain's own records.
async fn answers_empty(cx: &Cx<'_>) -> Result<(), String> {
    let nobody = "/regmignobody/server".to_owned();
    let http = ask::register(cx, Machine::Dest, nobody.clone())
        .await
        .map_err(|error| error.one_line())?;
    if http.status != 404 {
        return Err(format!(
            "the register on dest answers {} for an unknown user, not 404",
            http.status
        ));
    }
    let http = ask::https(cx, Machine::Dest, nobody)
        .await
        .map_err(|error| error.one_line())?;
    if http.status != 404 {
        return Err(format!(
            "dest's HTTPS answers {} for an unknown user, not 404",
            http.status
        ));
    }
    let soa = ask::dns(cx, Machine::Dest, cx.spec.domain.clone(), "SOA")
        .await
        .map_err(|error| error.one_line())?;
    if soa.rcode != "NOERROR" || soa.answers.is_empty() {
        return Err(format!(
            "dest's DNS answers {} without a SOA of {}",
            soa.rcode, cx.spec.domain
        ));
    }
    Ok(())
}

/// dest's stack is stopped again, and will stay so.
pub(crate) const STOP: ProcedureStep = ProcedureStep {
    id: "launched/stop",
    enters: State::Launched,
    title: "stop dest's stack, keep Docker from restarting it, and empty its data folder",
    probe: |cx| {
        Box::pin(async move {
            if let Err(missing) = are_down(
                &ask::services(cx, Machine::Dest).await?,
                &cx.spec.stack.all(),
            ) {
                return Ok(Probe::Absent(missing));
            }
            let files = ask::folder(cx, Machine::Dest, cx.spec.data(Machine::Dest))
                .await?
                .unwrap_or_default()
                .files;
            Ok(holds_if(if files == 0 {
                Ok(())
            } else {
                Err(format!("{files} files in dest's data folder"))
            }))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let mut effects = down(cx, &cx.spec.stack.all());
            effects.push(Effect::EmptyFolder {
                machine: Machine::Dest,
                path: cx.spec.data(Machine::Dest),
            });
            Ok(effects)
        })
    },
    undo: Undo::Nothing("dest's containers are brought back by the undo of launched/set-aside"),
    patience: at_once,
    waits: false,
    stays: true,
};
