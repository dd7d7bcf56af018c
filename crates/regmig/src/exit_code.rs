//! What a script learns from regmig's exit status.

use std::process::ExitCode;

/// Every exit status of regmig. `docs/exit-codes.md` is generated from this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// What was asked for is done.
    Done,
    /// regmig itself could not go on: the journal cannot be written or read.
    Internal,
    /// The command line or regmig.toml is not understood; nothing was done.
    Usage,
    /// It was refused before anything was changed.
    Refused,
    /// A step failed and the run halted; what held before it still holds.
    Halted,
    /// The answer to an effect was lost; it may have taken place.
    OutcomeUnknown,
    /// An undo failed for good.
    Stuck,
    /// The operator stopped the run, or did not agree to enter a state.
    Stopped,
    /// `resume` went on with a rollback, and that has ended.
    RolledBack,
    /// `verify` found a difference.
    Differs,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Internal,
        Self::Usage,
        Self::Refused,
        Self::Halted,
        Self::OutcomeUnknown,
        Self::Stuck,
        Self::Stopped,
        Self::RolledBack,
        Self::Differs,
    ];

    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Halted => 4,
            Self::OutcomeUnknown => 5,
            Self::Stuck => 6,
            Self::Stopped => 7,
            Self::RolledBack => 8,
            Self::Differs => 9,
        }
    }

    /// Its name, what it means, and what is safe to do next.
    pub fn meaning(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Done => (
                "done",
                "what was asked for is done",
                "`regmig status` shows what comes next",
            ),
            Self::Internal => (
                "internal",
                "regmig could not go on by itself: its journal cannot be read or written, for example",
                "read the message, mend what it names, `regmig resume`",
            ),
            Self::Usage => (
                "usage",
                "the command line or regmig.toml is not understood; nothing was done",
                "correct what the message points at",
            ),
            Self::Refused => (
                "refused",
                "refused before anything was changed by this command",
                "do what the message says, then type the command again",
            ),
            Self::Halted => (
                "halted",
                "a step failed and the run halted; nothing is under way",
                "`regmig status`, then `regmig resume` or `regmig rollback --to STATE`",
            ),
            Self::OutcomeUnknown => (
                "outcome-unknown",
                "the answer to an effect was lost, and looking again did not settle it",
                "`regmig resume`: it looks before it acts",
            ),
            Self::Stuck => (
                "stuck",
                "an undo failed for good; the message lists what was undone and what was not",
                "mend what it names, `regmig resume` goes on with the rollback",
            ),
            Self::Stopped => (
                "stopped",
                "the operator stopped the run at a safe point, or did not agree to enter a state",
                "`regmig resume` when ready",
            ),
            Self::RolledBack => (
                "rolled-back",
                "`resume` went on with a rollback that was under way, and it has ended",
                "`regmig status`",
            ),
            Self::Differs => (
                "differs",
                "`verify` found a difference between source and dest",
                "look at the keys or names that it lists",
            ),
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}
