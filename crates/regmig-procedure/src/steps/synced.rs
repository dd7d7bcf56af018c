//! `synced`: dest holds exactly what source held, and its register is healthy on it.
//!
//! dest's nginx stays down: it is the gate through which clients would write,
//! and nobody accepts writes before `proxy`. Its DNS comes after the register
//! (`proxy/dns`): both read every user from Redis when they start, clients
//! wait for the register alone, and nobody asks that DNS before `nameservers`.

use regmig_core::cursor::Direction;
use regmig_core::effect::{Effect, Expect};
use regmig_core::facts::{DataFolder, Loaded, LoadedKeys};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};
use serde_json::json;

use super::{
    are_down, are_up, at_once, cold, holds_if, launched, no_effects, nothing, policies, policy_of,
    until_healthy,
};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::spec::Spec;
use crate::steps::preflight;

fn pass_marker(cx: &Cx<'_>) -> String {
    format!("{}/last-pass", cx.spec.work(Machine::Dest))
}

pub(crate) const PASS: ProcedureStep = ProcedureStep {
    id: "synced/last-pass",
    enters: State::Synced,
    title: "copy the last changes; both Redis are stopped",
    probe: |cx| {
        Box::pin(async move {
            Ok(match ask::file(cx, Machine::Dest, pass_marker(cx)).await? {
                Some(_) => Probe::holds(),
                None => Probe::absent("the last changes are not copied yet"),
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let path = pass_marker(cx);
            Ok(vec![
                Effect::LastPass { checksum: false },
                Effect::WriteFile {
                    machine,
                    path,
                    content: "done\n".to_owned(),
                    mode: 0o600,
                    expect: Expect::Any,
                },
            ])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let (machine, path) = (Machine::Dest, pass_marker(cx));
            let there = ask::file(cx, machine, path.clone()).await?.is_some();
            Ok(there
                .then_some(Effect::RemoveFile { machine, path })
                .into_iter()
                .collect())
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

pub(crate) const FILES: ProcedureStep = ProcedureStep {
    id: "synced/files-equal",
    enters: State::Synced,
    title: "prove by SHA-256 that both data folders hold the same files",
    probe: |cx| {
        Box::pin(same_files(
            cx,
            "somebody started it in the cold window: type `regmig rollback --to warm`",
        ))
    },
    before: nothing,
    plan: |_| Box::pin(async { Ok(vec![Effect::LastPass { checksum: true }]) }),
    undo: Undo::Nothing("dest's data folder is emptied by the undo of warm/passes"),
    patience: at_once,
    waits: false,
    stays: false,
};

/// Holds if both data folders hold the same files; `hint` says what to do about a Redis that runs on one.
pub(crate) async fn same_files(cx: &Cx<'_>, hint: &str) -> Result<Probe, StepError> {
    for machine in Machine::BOTH {
        // Checksums of files prove nothing about a Redis that is running on them.
        let redis = [cx.spec.stack.redis.clone()];
        if let Err(found) = are_down(&ask::services(cx, machine).await?, &redis) {
            return Ok(Refusal {
                what: format!("Redis on {machine}"),
                found,
                expected: "a Redis that is stopped and will stay so".to_owned(),
                hint: hint.to_owned(),
            }
            .into());
        }
    }
    let of = |machine| ask::sums(cx, machine, cx.spec.data(machine));
    let (source, dest) = futures::future::join(of(Machine::Source), of(Machine::Dest)).await;
    let (source, dest) = (source?, dest?);
    if source == dest {
        return Ok(Probe::Holds(json!({ "files": source.len() })));
    }
    let differ = source
        .iter()
        .filter(|(name, sum)| dest.get(*name) != Some(sum))
        .map(|(name, _)| name.as_str());
    let extra = dest
        .keys()
        .filter(|name| !source.contains_key(*name))
        .map(String::as_str);
    Ok(Probe::Absent(format!(
        "these files differ: {}",
        differ.chain(extra).collect::<Vec<_>>().join(", ")
    )))
}

pub(crate) const START: ProcedureStep = ProcedureStep {
    id: "synced/start",
    enters: State::Synced,
    title: "start both Redis, what writes on dest, and source's DNS",
    probe: |cx| {
        Box::pin(async move {
            let stack = &cx.spec.stack;
            let dest = ask::services(cx, Machine::Dest).await?;
            let mut wanted = stack.writers();
            wanted.push(stack.redis.clone());
            if let Err(missing) = are_up(&dest, &wanted) {
                return Ok(Probe::Absent(format!("on dest, {missing}")));
            }
            let source = ask::services(cx, Machine::Source).await?;
            if let Err(missing) = are_up(&source, &[stack.redis.clone(), stack.dns.clone()]) {
                return Ok(Probe::Absent(format!("on source, {missing}")));
            }
            Ok(both_loaded(cx).await)
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let stack = &cx.spec.stack;
            // A reboot of dest shall bring its services back, but not its nginx: nobody accepts writes yet.
            let mut policies = dest_policies(cx)?;
            policies.insert(stack.nginx.clone(), "no".to_owned());
            Ok(vec![
                Effect::RestartPolicy {
                    machine: Machine::Dest,
                    policies,
                },
                Effect::Together(vec![
                    Effect::Start {
                        machine: Machine::Dest,
                        services: vec![stack.redis.clone()],
                    },
                    Effect::Start {
                        machine: Machine::Source,
                        services: vec![stack.redis.clone()],
                    },
                ]),
                Effect::Together(vec![
                    Effect::Start {
                        machine: Machine::Dest,
                        services: stack.writers(),
                    },
                    Effect::Start {
                        machine: Machine::Source,
                        services: vec![stack.dns.clone()],
                    },
                ]),
            ])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut effects = shut_dest(cx).await?;
            // Where the way leads on, source's are about to serve; `cold` has them stopped.
            if cx.past.direction() == Direction::Back(State::Cold) {
                effects.extend(stop_behind_source(cx).await?);
            }
            Ok(effects)
        })
    }),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// The effects that stop dest's stack, and keep it so.
pub(crate) async fn shut_dest(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    let (machine, all) = (Machine::Dest, cx.spec.stack.all());
    if are_down(&ask::services(cx, machine).await?, &all).is_ok() {
        return Ok(Vec::new());
    }
    Ok(shut(cx, machine))
}

/// The effects that stop a machine's stack, and keep it so.
pub(crate) fn shut(cx: &Cx<'_>, machine: Machine) -> Vec<Effect> {
    let all = cx.spec.stack.all();
    vec![
        Effect::RestartPolicy {
            machine,
            policies: policies(&all, "no"),
        },
        Effect::Stop {
            machine,
            services: all,
            within_s: cx.spec.limits.stop_s,
        },
    ]
}

/// The effects that stop source's DNS, and have its Redis save everything and end.
async fn stop_behind_source(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    let machine = Machine::Source;
    let stack = &cx.spec.stack;
    let source = ask::services(cx, machine).await?;
    let behind = [stack.dns.clone(), stack.redis.clone()];
    if are_down(&source, &behind).is_ok() {
        return Ok(Vec::new());
    }
    let mut effects = vec![Effect::Stop {
        machine,
        services: vec![stack.dns.clone()],
        within_s: cx.spec.limits.stop_s,
    }];
    if source.get(&stack.redis).is_some_and(|redis| redis.runs()) {
        effects.push(Effect::ShutdownSave { machine });
    }
    Ok(effects)
}

/// The restart policies that dest's containers shall have once they serve.
pub(crate) fn dest_policies(
    cx: &Cx<'_>,
) -> Result<std::collections::BTreeMap<String, String>, StepError> {
    let found = launched::dest_before(cx)?
        .map(|before| before.services)
        .unwrap_or_default();
    Ok(cx
        .spec
        .stack
        .all()
        .into_iter()
        .map(|service| (service.clone(), policy_of(&found, &service)))
        .collect())
}

/// The restart policies that source's containers shall have once it proxies: as found, but nothing that writes.
pub(crate) fn source_policies(
    cx: &Cx<'_>,
) -> Result<std::collections::BTreeMap<String, String>, StepError> {
    let found = cold::source_before(cx)?;
    let writers = cx.spec.stack.writers();
    let policy = |service: &String| {
        if writers.contains(service) {
            "no".to_owned()
        } else {
            policy_of(&found, service)
        }
    };
    Ok(cx
        .spec
        .stack
        .all()
        .into_iter()
        .map(|service| (service.clone(), policy(&service)))
        .collect())
}

pub(crate) const EQUAL: ProcedureStep = ProcedureStep {
    id: "synced/data-equal",
    enters: State::Synced,
    title: "prove that both Redis hold the same data: the same files, loaded alike, or else by a digest of every key",
    probe: |cx| {
        Box::pin(same_from_files(
            cx,
            "type `regmig verify` to see which keys differ, and `regmig rollback --to warm` to serve on source",
        ))
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: |_: &Spec| Patience {
        every_ms: 100,
        limit_ms: 0,
    },
    waits: false,
    stays: false,
};

/// Holds if both Redis hold the same data, where both have been started on files that were proven equal: it is enough that
/// they have loaded these, and alike, by the same version, under the same settings, with as many keys in each database.
/// Where they have not, the data have to be compared.
pub(crate) async fn same_from_files(cx: &Cx<'_>, hint: &str) -> Result<Probe, StepError> {
    let of = |machine| from_files(cx, machine);
    let (source, dest) = futures::future::join(of(Machine::Source), of(Machine::Dest)).await;
    match (source?, dest?) {
        (Some(source), Some(dest)) if source == dest => {
            let lasting = |of: &LoadedKeys| of.keys.saturating_sub(of.expires);
            let keys: u64 = dest.databases.values().map(lasting).sum();
            Ok(Probe::Holds(json!({ "keys": keys })))
        }
        _ => same_data(cx, hint).await,
    }
}

/// What Redis on a machine has loaded, if it has it from the folder whose files are compared.
async fn from_files(cx: &Cx<'_>, machine: Machine) -> Result<Option<Loaded>, StepError> {
    let (loaded, folder) =
        futures::future::join(ask::loaded(cx, machine), ask::data_folder(cx, machine)).await;
    let (loaded, folder) = (loaded?, folder?);
    Ok((folder == DataFolder::Configured).then_some(loaded))
}

/// Holds if both Redis hold the same data; `hint` says what to do if they do not.
pub(crate) async fn same_data(cx: &Cx<'_>, hint: &str) -> Result<Probe, StepError> {
    let (source, dest) = futures::future::join(
        ask::digest(cx, Machine::Source),
        ask::digest(cx, Machine::Dest),
    )
    .await;
    let (source, dest) = (source?, dest?);
    if source.sum == dest.sum && source.keys == dest.keys {
        return Ok(Probe::Holds(json!({ "keys": dest.keys, "sum": dest.sum })));
    }
    Ok(Refusal {
        what: "the data of source and dest".to_owned(),
        found: format!(
            "{} keys ({}) and {} keys ({})",
            source.keys, source.sum, dest.keys, dest.sum
        ),
        expected: "the same keys, values and expiries".to_owned(),
        hint: hint.to_owned(),
    }
    .into())
}

/// Holds if Redis on both machines has loaded its data.
pub(crate) async fn both_loaded(cx: &Cx<'_>) -> Probe {
    for machine in Machine::BOTH {
        match ask::redis(cx, machine).await {
            Ok(redis) if !redis.loading => {}
            Ok(_) => return Probe::Absent(format!("Redis on {machine} still loads its data")),
            Err(error) => return Probe::Absent(error.one_line()),
        }
    }
    Probe::holds()
}

pub(crate) const HEALTHY: ProcedureStep = ProcedureStep {
    id: "synced/healthy",
    enters: State::Synced,
    title: "see dest's register answer for a user",
    probe: |cx| {
        Box::pin(async move {
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            Ok(holds_if(register_answers(cx, Machine::Dest, &known).await))
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// The register and DNS of a machine know a user.
pub(crate) async fn answers(
    cx: &Cx<'_>,
    machine: Machine,
    known: &preflight::Evidence,
) -> Result<(), String> {
    register_answers(cx, machine, known).await?;
    dns_answers(cx, machine, known).await
}

/// The register of a machine knows a user.
async fn register_answers(
    cx: &Cx<'_>,
    machine: Machine,
    known: &preflight::Evidence,
) -> Result<(), String> {
    let http = ask::register(cx, machine, format!("/{}/server", known.user))
        .await
        .map_err(|error| error.one_line())?;
    if http.status != 302
        || !http
            .location
            .as_deref()
            .is_some_and(|at| at.contains(&known.core))
    {
        return Err(format!(
            "the register on {machine} answers {} for {}, not 302 to {}",
            http.status, known.user, known.core
        ));
    }
    Ok(())
}

/// The DNS of a machine knows a user.
pub(crate) async fn dns_answers(
    cx: &Cx<'_>,
    machine: Machine,
    known: &preflight::Evidence,
) -> Result<(), String> {
    let soa = ask::dns(cx, machine, cx.spec.domain.clone(), "SOA")
        .await
        .map_err(|error| error.one_line())?;
    if soa.answers.is_empty() {
        return Err(format!(
            "DNS on {machine} answers {} without a SOA",
            soa.rcode
        ));
    }
    // Names under five characters are not looked up by the platform's DNS.
    if known.user.len() >= 5 {
        let name = format!("{}.{}", known.user, cx.spec.domain);
        let dns = ask::dns(cx, machine, name, "CNAME")
            .await
            .map_err(|error| error.one_line())?;
        if !dns
            .answers
            .iter()
            .any(|answer| answer.contains(known.core.trim_end_matches('.')))
        {
            return Err(format!("DNS on {machine} does not know {} yet", known.user));
        }
    }
    Ok(())
}
