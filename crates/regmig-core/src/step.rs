//! A step: how to see whether it is done, what to do about it, and how to undo it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cursor::Cursor;
use crate::edge::Failback;
use crate::effect::{Answer, Effect, Query};
use crate::port::{Fut, Observe, PortError};
use crate::state::State;

/// What a step is given: the spec, the world to look at, and what has happened so far.
///
/// There is no [`crate::port::Act`] in it. A step cannot change anything: it
/// names effects, and only the engine carries them out.
pub struct Cx<'a, X> {
    /// What the operator configured.
    pub spec: &'a X,
    /// The machines.
    pub world: &'a dyn Observe,
    /// What the journal says.
    pub past: &'a Cursor,
}

impl<X> Cx<'_, X> {
    /// Asks the machines one question.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way of an answer.
    pub async fn ask(&self, query: Query) -> Result<Answer, StepError> {
        Ok(self.world.observe(&query).await?)
    }

    /// The migration's id, as given when it began; `unbegun` before that.
    pub fn id(&self) -> &str {
        self.past
            .begun()
            .map_or("unbegun", |begun| begun.id.as_str())
    }

    /// What a step left as evidence when it was reached.
    ///
    /// # Errors
    ///
    /// [`StepError::Broken`] if the step has not been reached or its evidence reads differently.
    pub fn evidence<T: DeserializeOwned>(&self, step: &str) -> Result<T, StepError> {
        let value = self
            .past
            .step(step)
            .and_then(|state| state.reached.clone())
            .ok_or_else(|| {
                StepError::Broken(format!("the journal has no evidence of step {step}"))
            })?;
        serde_json::from_value(value).map_err(|error| {
            StepError::Broken(format!(
                "the evidence of step {step} cannot be read: {error}"
            ))
        })
    }
}

/// Whether the world already satisfies a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// It does; the value is kept in the journal as evidence.
    Holds(Value),
    /// It does not yet, and what is missing.
    Absent(String),
    /// It cannot be brought about safely.
    Conflict(Box<Refusal>),
}

impl Probe {
    /// Satisfied, without further evidence.
    pub fn holds() -> Self {
        Self::Holds(Value::Null)
    }

    /// Not satisfied yet.
    pub fn absent(missing: impl Into<String>) -> Self {
        Self::Absent(missing.into())
    }
}

/// Why something cannot be done safely, in the four parts that an operator needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{what}: found {found}; expected {expected}")]
pub struct Refusal {
    /// The thing.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to do about it.
    pub hint: String,
}

impl From<Refusal> for Probe {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict(Box::new(refusal))
    }
}

/// Why a probe or a plan could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A machine did not answer, or said no.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The world is such that the step must not be taken.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// Something is not as regmig itself left it.
    #[error("{0}")]
    Broken(String),
}

impl StepError {
    /// A refusal.
    pub fn refused(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }

    /// This error and everything beneath it, outermost first.
    pub fn chain(&self) -> Vec<String> {
        match self {
            Self::Port(error) => error.chain(),
            other => vec![other.to_string()],
        }
    }

    /// The same in one line.
    pub fn one_line(&self) -> String {
        self.chain().join(": ")
    }
}

/// Asks whether the world satisfies a step.
pub type ProbeFn<X> = for<'a> fn(&'a Cx<'a, X>) -> Fut<'a, Result<Probe, StepError>>;
/// Reads what undo will need, before the first effect.
pub type BeforeFn<X> = for<'a> fn(&'a Cx<'a, X>) -> Fut<'a, Result<Value, StepError>>;
/// Names the effects of a step, in order.
pub type PlanFn<X> = for<'a> fn(&'a Cx<'a, X>) -> Fut<'a, Result<Vec<Effect>, StepError>>;
/// Names the effects that are still needed to bring a pre-image back.
pub type UndoFn<X> =
    for<'a> fn(&'a Cx<'a, X>, &'a Value) -> Fut<'a, Result<Vec<Effect>, StepError>>;

/// How a step is undone.
pub enum Undo<X: 'static> {
    /// There is nothing to undo, and why.
    Nothing(&'static str),
    /// By the effects that are still needed; none are, once the pre-image is back.
    Run(UndoFn<X>),
    /// As `Run`, but only once what dest has accepted since is proven to be on source.
    OnceHome(UndoFn<X>),
    /// As `OnceHome`. Where it is not known whether the step took place, it is seen to before anything is undone that
    /// it cannot take place any more; then its probe says whether it had.
    OnceHomeUnless {
        /// Names the effects after which the step cannot take place any more.
        withdraw: PlanFn<X>,
        /// Names the effects that are still needed.
        undo: UndoFn<X>,
    },
    /// There is no way back behind it, and why.
    Never(&'static str),
}

impl<X> Undo<X> {
    /// Names the effects that are still needed to bring the pre-image back, where there may be any.
    pub fn plan(&self) -> Option<UndoFn<X>> {
        match self {
            Self::Run(undo) | Self::OnceHome(undo) | Self::OnceHomeUnless { undo, .. } => {
                Some(*undo)
            }
            Self::Nothing(_) | Self::Never(_) => None,
        }
    }

    /// Whether dest may accept writes from the step on.
    pub fn opens_dest(&self) -> bool {
        matches!(self, Self::OnceHome(_) | Self::OnceHomeUnless { .. })
    }
}

/// How long the engine waits for a step to hold after its effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Between two probes, milliseconds.
    pub every_ms: u64,
    /// Until the step has failed, milliseconds.
    pub limit_ms: u64,
}

/// One step of the procedure.
pub struct Step<X: 'static> {
    /// Its name, as `state/step`.
    pub id: &'static str,
    /// The state to which it belongs; the state is entered when its last step is reached.
    pub enters: State,
    /// One line, imperative.
    pub title: &'static str,
    /// Whether it is done.
    pub probe: ProbeFn<X>,
    /// The pre-image that undo needs.
    pub before: BeforeFn<X>,
    /// What to do.
    pub plan: PlanFn<X>,
    /// What to do to go back.
    pub undo: Undo<X>,
    /// How long to wait for it.
    pub patience: fn(&X) -> Patience,
    /// Whether the operator may stop regmig while the step waits, as on a change made by people.
    pub waits: bool,
    /// Whether it holds for as long as the migration rests in its state; if it does not, that is drift.
    pub stays: bool,
}

/// What every step on the way home begins its name with; the journal tells them apart by it.
pub const HOMEWARD: &str = "failback/";

/// Steps that bring home what dest has accepted.
///
/// They are taken as steps forward are, while a rollback is under way. The first
/// of them fences dest and is the same for every table; the last one is reached
/// only when source is proven to hold everything.
pub struct Homeward<X: 'static> {
    /// Whether this way can be had now.
    pub ready: ProbeFn<X>,
    /// The steps, in order. Undoing them has dest serve again.
    pub steps: &'static [Step<X>],
}

/// Everything that can be done, forward and back.
pub struct Procedure<X: 'static> {
    /// The steps forward, in order.
    pub steps: &'static [Step<X>],
    /// The way home where source's Redis follows dest's.
    pub replication: Homeward<X>,
    /// The way home where it does not.
    pub copy: Homeward<X>,
}

impl<X> Procedure<X> {
    /// The steps of one way home.
    pub fn homeward(&self, by: Failback) -> &Homeward<X> {
        match by {
            Failback::Replication => &self.replication,
            Failback::Copy => &self.copy,
        }
    }

    /// Every step forward with the state that it belongs to.
    pub fn order(&self) -> impl Iterator<Item = (&'static str, State)> + Clone + use<X> {
        self.steps.iter().map(|step| (step.id, step.enters))
    }
}
