//! What is recorded, and the trait of whoever keeps the records.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::State;
use crate::step::Refusal;

/// Version of the records' format; a reader refuses what is newer.
pub const FORMAT: u32 = 1;

/// The head of a journal: which migration this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Format of every record that follows.
    pub format: u32,
    /// Id of the migration: the time it began and a few random letters.
    pub id: String,
    /// Version of regmig that began it.
    pub regmig: String,
    /// Digest of the spec.
    pub spec_digest: String,
    /// The spec itself, so that a changed one can be compared with it.
    pub spec: Value,
}

/// Why a step was not reached, or not undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong and why, outermost cause first.
    pub chain: Vec<String>,
    /// The effect that was being carried out.
    pub effect: Option<String>,
    /// Whether that effect may have taken place all the same.
    pub outcome_unknown: bool,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        Self {
            chain: vec![refusal.to_string()],
            effect: None,
            outcome_unknown: false,
            hint: Some(refusal.hint.clone()),
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A migration began.
    Begun(Box<Begun>),
    /// The operator agreed to enter a state that asks first.
    Agreed {
        /// Which.
        state: State,
    },
    /// A step is about to act; nothing of it has been done yet.
    Started {
        /// Which.
        step: String,
        /// What undo needs.
        before: Value,
    },
    /// An effect is about to be carried out.
    Acting {
        /// Of which step.
        step: String,
        /// The effect, as people read it.
        effect: String,
    },
    /// A step holds.
    Reached {
        /// Which.
        step: String,
        /// What showed it.
        evidence: Value,
    },
    /// A step did not come to hold; the run halted.
    Failed {
        /// Which.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// A rollback began, or the one under way was given another target; forward is refused until it has ended.
    RollbackBegun {
        /// Where it goes.
        to: State,
    },
    /// A step is about to be undone.
    UndoStarted {
        /// Which.
        step: String,
    },
    /// A step is undone.
    Undone {
        /// Which.
        step: String,
    },
    /// A step could not be undone: the migration is stuck until that succeeds.
    UndoFailed {
        /// Which.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// regmig asked both DNS servers for every user, outside of any step.
    Probed {
        /// When the first question was asked, milliseconds since the epoch.
        from_ms: i64,
        /// When the last answer came.
        to_ms: i64,
    },
    /// A rollback ended.
    RollbackEnded {
        /// Where it went.
        to: State,
    },
}

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Counts from 0.
    pub seq: u64,
    /// When it was appended, milliseconds since the epoch.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Why a record could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be written")]
pub struct JournalError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps records, durably and in order.
pub trait Journal: Send {
    /// Appends one record and returns once it would survive a loss of power.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; the engine then stops before it acts.
    fn append(&mut self, record: &Record) -> Result<(), JournalError>;
}
