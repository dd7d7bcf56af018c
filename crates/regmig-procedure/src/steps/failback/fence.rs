//! dest's gate is shut, and what writes there is stopped.

use std::collections::BTreeMap;

use regmig_core::effect::Effect;
use regmig_core::facts::Container;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Refusal, StepError, Undo};
use serde::{Deserialize, Serialize};

use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::{are_down, are_up, keep, nothing, policies, synced, until_healthy};

const ID: &str = "failback/fence";

/// What the fence leaves as evidence.
#[derive(Debug, Serialize, Deserialize)]
struct Fenced {
    /// When it held.
    at_ms: i64,
    /// When each service behind it had last been started. None may be started again.
    started_ms: BTreeMap<String, i64>,
}

/// Through which clients write: nginx is the gate, and the others write.
fn fenced(cx: &Cx<'_>) -> Vec<String> {
    let mut all = cx.spec.stack.writers();
    all.insert(0, cx.spec.stack.nginx.clone());
    all
}

fn started(cx: &Cx<'_>, dest: &BTreeMap<String, Container>) -> BTreeMap<String, i64> {
    fenced(cx)
        .into_iter()
        .filter_map(|name| Some((name.clone(), dest.get(&name)?.started_ms)))
        .collect()
}

/// Refuses where dest may have accepted writes since its fence held.
pub(crate) async fn dest_still_fenced(cx: &Cx<'_>) -> Result<(), StepError> {
    let dest = ask::services(cx, Machine::Dest).await?;
    let since: Fenced = cx.evidence(ID)?;
    let found = match are_down(&dest, &fenced(cx)) {
        Err(found) => found,
        Ok(()) => {
            let now = started(cx, &dest);
            match now
                .iter()
                .find(|(name, at)| since.started_ms.get(*name) != Some(at))
            {
                None => return Ok(()),
                Some((name, _)) => format!("{name} has been started since the fence"),
            }
        }
    };
    Err(StepError::refused(Refusal {
        what: "what writes on dest".to_owned(),
        found,
        expected: "everything that writes down ever since the fence".to_owned(),
        hint: "dest may have accepted writes that source does not have: type `regmig resume`, which fences dest \
               again and brings them home too"
            .to_owned(),
    }))
}

pub(crate) const FENCE: ProcedureStep = ProcedureStep {
    id: ID,
    enters: State::Synced,
    title: "fence writes on dest: shut its nginx, stop what writes",
    probe: |cx| {
        Box::pin(async move {
            let dest = ask::services(cx, Machine::Dest).await?;
            if let Err(missing) = are_down(&dest, &fenced(cx)) {
                return Ok(Probe::Absent(format!("on dest, {missing}")));
            }
            // A fence that held before holds on only if nothing behind it ran meanwhile.
            if cx.past.is_reached(ID)
                && let Err(error) = dest_still_fenced(cx).await
            {
                return match error {
                    StepError::Refused(refusal) => Ok(Probe::Absent(refusal.found)),
                    other => Err(other),
                };
            }
            Ok(Probe::Holds(keep(&Fenced {
                at_ms: ask::now(cx).await?,
                started_ms: started(cx, &dest),
            })?))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let within_s = cx.spec.limits.stop_s;
            // The gate first, so that what was accepted through it is finished behind it.
            Ok(vec![
                Effect::RestartPolicy {
                    machine,
                    policies: policies(&fenced(cx), "no"),
                },
                Effect::Stop {
                    machine,
                    services: vec![cx.spec.stack.nginx.clone()],
                    within_s,
                },
                Effect::Stop {
                    machine,
                    services: cx.spec.stack.writers(),
                    within_s,
                },
            ])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let stack = &cx.spec.stack;
            let dest = ask::services(cx, machine).await?;
            let policies = synced::dest_policies(cx)?;
            let as_meant = |(name, policy): (&String, &String)| {
                dest.get(name).is_none_or(|it| it.restart == *policy)
            };
            if are_up(&dest, &stack.all()).is_ok() && policies.iter().all(as_meant) {
                return Ok(Vec::new());
            }
            let mut behind = stack.writers();
            behind.push(stack.dns.clone());
            let start = |services| Effect::Start { machine, services };
            Ok(vec![
                Effect::RestartPolicy { machine, policies },
                start(vec![stack.redis.clone()]),
                start(behind),
                start(vec![stack.nginx.clone()]),
            ])
        })
    }),
    patience: until_healthy,
    waits: false,
    stays: true,
};
