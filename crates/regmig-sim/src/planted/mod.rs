//! Bugs that are planted on purpose: an explorer that does not find them proves nothing.

mod copy;
mod live;

use std::sync::Arc;

use regmig_core::effect::Effect;
use regmig_core::port::Fut;
use regmig_core::state::State;
use regmig_core::step::{Cx, Homeward, Probe, Procedure, Step, StepError, Undo};
use regmig_procedure::procedure;
use regmig_procedure::spec::{Spec, Strategy};
use serde_json::Value;

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
pub(crate) fn true_one(strategy: Strategy) -> Made {
    Made {
        spec: Arc::new(scene::spec(strategy)),
        procedure: table(strategy),
        slip: Slip::None,
    }
}

/// regmig without a step.
#[cfg(test)]
pub(crate) fn without(strategy: Strategy, id: &str) -> Made {
    let known = true_one(strategy);
    let steps = known.procedure.steps.iter().filter(|step| step.id != id);
    Made {
        procedure: Procedure {
            steps: Vec::leak(steps.map(copy).collect()),
            ..known.procedure
        },
        ..known
    }
}

/// The tables of steps, for changing one.
fn table(strategy: Strategy) -> Procedure<Spec> {
    let known = procedure::procedure(strategy);
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
            Undo::OnceHomeUnless { withdraw, undo } => Undo::OnceHomeUnless {
                withdraw: *withdraw,
                undo: *undo,
            },
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

/// Every planted bug.
pub(crate) fn all() -> impl Iterator<Item = &'static Planted> {
    copy::ALL.iter().chain(&live::ALL)
}

/// One planted bug.
pub(crate) struct Planted {
    /// What is wrong, in a few words.
    pub(crate) name: &'static str,
    scene: Scene,
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
    let steps = procedure::steps(cx.spec.strategy);
    match steps.iter().find(|step| step.id == id) {
        Some(step) => (step.plan)(cx).await,
        None => Err(StepError::Broken(format!("no step {id}"))),
    }
}

impl Planted {
    fn made(&self) -> Made {
        let strategy = self.scene.strategy();
        let known = procedure::procedure(strategy);
        let mut tables = Tables {
            forward: known.steps.iter().map(copy).collect(),
            replication: known.replication.steps.iter().map(copy).collect(),
            copy: known.copy.steps.iter().map(copy).collect(),
        };
        (self.plant)(&mut tables);
        Made {
            spec: Arc::new(scene::spec(strategy)),
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
            scenes: vec![self.scene],
            until: self.until,
            singles: true,
            pairs: false,
            rollbacks: true,
            at_least: 0,
            random: 0,
            seed: 1,
            enough: 1,
            only: self.only.to_owned(),
            first: self.first,
            beside: Some(Arc::new(true_one(self.scene.strategy()))),
        };
        explore(&self.made(), &scope).violations.into_iter().next()
    }
}
