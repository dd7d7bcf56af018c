//! What the engine tells whoever watches. It prints nothing itself.

use serde_json::Value;

use crate::effect::Effect;
use crate::journal::Failure;
use crate::state::State;

/// Something worth showing.
#[derive(Debug)]
pub enum Note<'a> {
    /// A step is taken up.
    Step {
        /// Its name.
        id: &'a str,
        /// Its title.
        title: &'a str,
    },
    /// An effect is about to be carried out.
    Acting(&'a Effect),
    /// The step waits, and for what.
    Waiting(&'a str),
    /// Something failed in a way that is tried again.
    Again {
        /// Why.
        reason: &'a str,
        /// In how long, milliseconds.
        after_ms: u64,
    },
    /// A step holds.
    Reached {
        /// Its name.
        id: &'a str,
        /// How long it took, milliseconds.
        ms: i64,
        /// What is kept in the journal as evidence.
        evidence: &'a Value,
    },
    /// A state was entered.
    Entered(State),
    /// A step did not come to hold.
    Failed {
        /// Its name.
        id: &'a str,
        /// Why.
        failure: &'a Failure,
    },
    /// A step is being undone.
    Undoing {
        /// Its name.
        id: &'a str,
        /// Its title.
        title: &'a str,
    },
    /// A step is undone.
    Undone {
        /// Its name.
        id: &'a str,
        /// Where undo had nothing to do: why.
        nothing: Option<&'a str>,
    },
}

/// Watches a run.
pub trait Report: Sync {
    /// Takes note of something.
    fn note(&self, note: Note<'_>);
}
