//! `backup`: a verified copy of source's Redis data.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Undo};

use serde_json::Value;

use super::{at_once, without_container};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;

/// Name of the manifest in a backup.
pub const MANIFEST: &str = "MANIFEST.sha256";

/// The container in which Redis's own tools read the copy; one that lost its regmig stays behind.
pub const CHECK_CONTAINER: &str = "regmig-check";

const ID: &str = "backup/copy";

/// The folder of the backup: dated, as the migration's id begins with the date.
///
/// The one that was named when the step began; a rollback in between gives the next one another name.
pub(crate) fn folder(cx: &Cx<'_>) -> String {
    let begun = cx.past.step(ID);
    let named = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let kept = begun.and_then(|step| named(step.before.as_ref()).or(named(step.reached.as_ref())));
    if let Some(kept) = kept {
        return kept;
    }
    cx.spec.path(
        Machine::Source,
        &format!("regmig-backup-{}-{}", cx.id(), cx.past.rollbacks()),
    )
}

/// The copy before it has been checked.
fn unchecked(cx: &Cx<'_>) -> String {
    format!("{}.part", folder(cx))
}

pub(crate) const COPY: ProcedureStep = ProcedureStep {
    id: ID,
    enters: State::Backup,
    title: "snapshot source's Redis, copy its data folder and check the copy",
    probe: |cx| {
        Box::pin(async move {
            // Written last, once the copy has been checked.
            let manifest =
                ask::file(cx, Machine::Source, format!("{}/{MANIFEST}", folder(cx))).await?;
            Ok(match manifest {
                Some(_) => Probe::Holds(folder(cx).into()),
                None => Probe::absent("there is no checked backup"),
            })
        })
    },
    before: |cx| Box::pin(async move { Ok(folder(cx).into()) }),
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            Ok(vec![
                Effect::Snapshot { machine },
                Effect::Backup {
                    machine,
                    data: cx.spec.data(machine),
                    to: folder(cx),
                },
            ])
        })
    },
    // The backup is kept; a copy that was never checked is none.
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Source;
            let mut effects = without_container(cx, machine, CHECK_CONTAINER).await?;
            let path = unchecked(cx);
            if ask::folder(cx, machine, path.clone()).await?.is_some() {
                effects.push(Effect::RemoveFolder { machine, path });
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};
