//! `backup`: a verified copy of source's Redis data.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Undo};

use super::{at_once, nothing};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;

/// Name of the manifest in a backup.
pub const MANIFEST: &str = "MANIFEST.sha256";

/// The container in which Redis's own tools read the copy; one that lost its regmig stays behind.
pub const CHECK_CONTAINER: &str = "regmig-check";

/// The folder of the backup: dated, as the migration's id begins with the date.
pub(crate) fn folder(cx: &Cx<'_>) -> String {
    cx.spec.path(
        Machine::Source,
        &format!("regmig-backup-{}-{}", cx.id(), cx.past.rollbacks()),
    )
}

/// The copy before it has been checked.
pub(crate) fn unchecked(cx: &Cx<'_>) -> String {
    format!("{}.part", folder(cx))
}

pub(crate) const COPY: ProcedureStep = ProcedureStep {
    id: "backup/copy",
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
    before: nothing,
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
    undo: Undo::Nothing("the backup is kept"),
    patience: at_once,
    waits: false,
    stays: true,
};
