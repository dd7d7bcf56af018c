//! Failback: what dest has accepted comes home to source.
//!
//! Taken while a rollback is under way, before anything behind `proxy` is
//! undone. It ends where `synced` rests: dest's gate is shut, nobody accepts
//! writes, and both data sets are proven equal.

mod copy;
mod fence;
mod replication;

pub(crate) use copy::{ASIDE, GATE, GATE_SHUT, PASS, SAVE, START, TIDY, has_room};
pub(crate) use fence::{FENCE, dest_still_fenced};
pub(crate) use replication::{CAUGHT_UP, follows};

use regmig_core::state::State;
use regmig_core::step::{Patience, Undo};

use super::{no_effects, nothing, synced};
use crate::procedure::ProcedureStep;

/// What to do where source does not hold what dest holds.
const HINT: &str = "nothing of dest's is lost: type `regmig rollback --to proxy` to have it serve again, and \
                    `regmig verify` to see which keys differ";

/// After replication: source's Redis takes writes of others too, which its offset does not tell.
pub(crate) const EQUAL: ProcedureStep = ProcedureStep {
    id: "failback/data-equal",
    enters: State::Synced,
    title: "prove by a digest of every key, value and expiry that source holds what dest holds",
    probe: |cx| Box::pin(synced::same_data(cx, HINT)),
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: |_| Patience {
        every_ms: 100,
        limit_ms: 0,
    },
    waits: false,
    stays: false,
};

/// After a copy.
pub(crate) const EQUAL_FROM_FILES: ProcedureStep = ProcedureStep {
    title: "prove that source holds what dest holds: the same files, loaded alike, or else by a digest of every key",
    probe: |cx| Box::pin(synced::same_from_files(cx, HINT)),
    ..EQUAL
};
