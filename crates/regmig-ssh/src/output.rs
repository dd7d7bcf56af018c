//! What a command left behind.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use regmig_core::port::PortError;

use crate::outcome::{CommandFailed, Lost};

/// Where a line of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this number.
    Code(i32),
    /// By a signal, named without `SIG`.
    Signal(String),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "status {code}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: Status,
    /// Standard output, up to the limit of the command.
    pub stdout: Vec<u8>,
    /// Standard error, up to the limit of the command.
    pub stderr: Vec<u8>,
    /// Whether output beyond the limit was dropped.
    pub cut: bool,
    /// From the request to the end, as seen from here.
    pub elapsed: Duration,
}

impl Output {
    /// Whether the command ended with status 0.
    pub fn success(&self) -> bool {
        self.status == Status::Code(0)
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Takes anything but status 0 for a refusal, with the command's own last words.
    ///
    /// # Errors
    ///
    /// `Refused` when the command failed. `OutcomeUnknown` when it succeeded but said more than
    /// its limit lets through: its answer cannot be relied upon.
    pub fn success_or_refused(self, what: impl Into<String>) -> Result<Self, PortError> {
        if !self.success() {
            return Err(PortError::refused(what, CommandFailed::of(&self)));
        }
        if self.cut {
            let kept = self.stdout.len().max(self.stderr.len());
            return Err(PortError::unknown(what, Lost::OutputCut { kept }));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_is_no_answer() {
        let output = Output {
            status: Status::Code(0),
            stdout: vec![b'x'; 3],
            stderr: vec![],
            cut: true,
            elapsed: Duration::ZERO,
        };
        let error = output.success_or_refused("list").unwrap_err();
        assert!(matches!(error, PortError::OutcomeUnknown { .. }));
        assert!(error.chain()[1].contains("3 bytes"), "{:?}", error.chain());
    }

    #[test]
    fn a_refusal_repeats_the_last_words() {
        let output = Output {
            status: Status::Code(2),
            stdout: vec![],
            stderr: b"no such thing\n".to_vec(),
            cut: false,
            elapsed: Duration::ZERO,
        };
        let error = output.success_or_refused("source: stop").unwrap_err();
        assert!(matches!(error, PortError::Refused { .. }));
        assert_eq!(
            error.chain(),
            ["source: stop", "it ended with status 2: no such thing"]
        );
    }
}
