//! Bugs that are planted on purpose: an explorer that does not find them proves nothing.

use std::sync::Arc;

use regmig_core::step::{Homeward, Procedure, Step, Undo};
use regmig_procedure::procedure;
use regmig_procedure::spec::{Spec, Strategy};

use crate::driver::Made;
use crate::world::scene;

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
