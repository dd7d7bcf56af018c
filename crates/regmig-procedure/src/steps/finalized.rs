//! `finalized`: what the migration needed is removed, and source is retired.
//!
//! The point of no return. The backup and the journal are kept, and so is
//! source's nginx file: should somebody start source's stack by hand, its
//! clients are still sent to dest.

use regmig_core::effect::{Effect, Expect};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, StepError, Undo};

use super::{are_down, edit_refused, marker, nothing, until_healthy, warm};
use crate::ask::{self, Cx};
use crate::edit::{Edit, authorized_keys, compose};
use crate::procedure::ProcedureStep;
use crate::steps::{launched, linked, preflight, synced};

const FINAL: &str = "`finalized` is the point of no return";

pub(crate) const RETIRE: ProcedureStep = ProcedureStep {
    id: "finalized/retire",
    enters: State::Finalized,
    title: "stop source's stack for good and remove the tunnel",
    probe: |cx| {
        Box::pin(async move {
            let all = ask::containers(cx, Machine::Source).await?;
            if all
                .iter()
                .any(|container| container.name == cx.spec.tunnel.name)
            {
                return Ok(Probe::absent("the tunnel is still there"));
            }
            Ok(super::holds_if(are_down(
                &ask::services(cx, Machine::Source).await?,
                &cx.spec.stack.all(),
            )))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            let mut effects = synced::shut(cx, machine);
            effects.push(Effect::RemoveContainer {
                machine,
                name: cx.spec.tunnel.name.clone(),
            });
            Ok(effects)
        })
    },
    undo: Undo::Never(FINAL),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// Redis itself is left alone: Docker takes a port from a container by making it anew, and that is an outage.
pub(crate) const UNPUBLISH: ProcedureStep = ProcedureStep {
    id: "finalized/unpublish-redis",
    enters: State::Finalized,
    title: "take Redis's port out of dest's compose file",
    probe: |cx| {
        Box::pin(async move {
            if unpublished(cx).await?.1.changed {
                return Ok(Probe::absent("the compose file still publishes Redis"));
            }
            let services = ask::services(cx, Machine::Dest).await?;
            if let Err(missing) = super::are_up(&services, &cx.spec.stack.all()) {
                return Ok(Probe::Absent(missing));
            }
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            Ok(super::holds_if(
                synced::answers(cx, Machine::Dest, &known).await,
            ))
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let (found, edit) = unpublished(cx).await?;
            let write = Effect::WriteFile {
                machine: Machine::Dest,
                path: cx.spec.path(Machine::Dest, &cx.spec.stack.compose_file),
                content: edit.after,
                mode: 0o644,
                expect: Expect::Content(found),
            };
            Ok(if edit.changed {
                vec![write]
            } else {
                Vec::new()
            })
        })
    },
    undo: Undo::Never(FINAL),
    patience: until_healthy,
    waits: false,
    stays: false,
};

/// dest's compose file, and the same without what regmig has put there.
async fn unpublished(cx: &Cx<'_>) -> Result<(String, Edit), StepError> {
    let path = cx.spec.path(Machine::Dest, &cx.spec.stack.compose_file);
    let file = ask::required_file(cx, Machine::Dest, path.clone()).await?;
    let edit = compose::unpublish(&file.content, &marker(cx, "")?)
        .map_err(|error| edit_refused(&error.in_file(&path)))?;
    Ok((file.content, edit))
}

pub(crate) const KEYS: ProcedureStep = ProcedureStep {
    id: "finalized/keys",
    enters: State::Finalized,
    title: "remove the migration's keys from both machines",
    probe: |cx| {
        Box::pin(async move {
            for machine in Machine::BOTH {
                let path = linked::authorized_keys_path(cx, machine).await?;
                let Some(file) = ask::file(cx, machine, path).await? else {
                    continue;
                };
                let contains = |marker| authorized_keys::contains(&file.content, marker);
                if linked::key_markers(cx, machine)?.iter().any(contains) {
                    return Ok(Probe::Absent(format!(
                        "the migration's key still opens {machine}"
                    )));
                }
            }
            Ok(Probe::holds())
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let mut effects = Vec::new();
            for machine in Machine::BOTH {
                let path = linked::authorized_keys_path(cx, machine).await?;
                let was = linked::authorized_before(cx, machine)?;
                effects.extend(linked::unauthorize(cx, machine, path, was).await?);
            }
            Ok(effects)
        })
    },
    undo: Undo::Never(FINAL),
    patience: super::at_once,
    waits: false,
    stays: false,
};

pub(crate) const TIDY: ProcedureStep = ProcedureStep {
    id: "finalized/tidy",
    enters: State::Finalized,
    title: "remove regmig's folders, and dest's set-aside data if it was empty",
    probe: |cx| {
        Box::pin(async move {
            for machine in Machine::BOTH {
                if ask::folder(cx, machine, cx.spec.work(machine))
                    .await?
                    .is_some()
                {
                    return Ok(Probe::Absent(format!(
                        "{} is still on {machine}",
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
            let mut effects = Vec::new();
            for path in warm::staged_paths(cx) {
                effects.push(Effect::RemoveFile {
                    machine: Machine::Source,
                    path,
                });
            }
            if let Some(before) = launched::dest_before(cx)?
                && before.data
                && ask::folder(cx, Machine::Dest, before.aside.clone())
                    .await?
                    .is_some_and(|folder| folder.files == 0)
            {
                effects.push(Effect::RemoveFolder {
                    machine: Machine::Dest,
                    path: before.aside,
                });
            }
            for machine in Machine::BOTH {
                effects.push(Effect::RemoveFolder {
                    machine,
                    path: cx.spec.work(machine),
                });
            }
            Ok(effects)
        })
    },
    undo: Undo::Never(FINAL),
    patience: super::at_once,
    waits: false,
    stays: false,
};
